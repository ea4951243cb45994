/** Hashes by the OpenSSL that Node brings. */
import { createHmac, hash } from 'node:crypto'
import type { Hashes } from '../../protocol/ports.ts'

export const opensslHashes: Hashes = {
  sha1: (data) => hash('sha1', data, 'buffer'),
  sha256: (data) => hash('sha256', data, 'buffer'),
  hmac: (key, data) => createHmac('sha256', key).update(data).digest(),
}
