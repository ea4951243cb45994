/** The `Hashes` port on node:crypto, for tests. */
import { createHash, createHmac } from 'node:crypto'
import type { Hashes } from '../../src/protocol/ports.ts'

export const hashes: Hashes = {
  sha1: (data) => new Uint8Array(createHash('sha1').update(data).digest()),
  sha256: (data, out = new Uint8Array(32)) => {
    out.set(createHash('sha256').update(data).digest())
    return out
  },
  hmac: (key, data) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
}
