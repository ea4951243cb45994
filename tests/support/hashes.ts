/** The `Hashes` port on node:crypto, for tests. */
import { createHash, createHmac } from 'node:crypto'
import type { Hashes } from '../../src/protocol/ports.ts'

export const hashes: Hashes = {
  sha1: (data) => new Uint8Array(createHash('sha1').update(data).digest()),
  sha256: (data) => new Uint8Array(createHash('sha256').update(data).digest()),
  hmac: (key, data) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
}
