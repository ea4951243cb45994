/** Hashes by the OpenSSL that Node brings. */
import { createHmac, createSecretKey, hash } from 'node:crypto'
import type { Hashes } from '../../protocol/ports.ts'

export const opensslHashes: Hashes = {
  sha1: (data) => hashed('sha1', data, new Uint8Array(20)),
  sha256: (data, out = new Uint8Array(32)) => hashed('sha256', data, out),
  // A key object, even if used once: given bytes, Node 24 first checks what else they might be, which takes four times as long.
  hmac: (key, data) => createHmac('sha256', createSecretKey(key)).update(data).digest(),
}

/** For short data, getting the hash as text takes a third of the time: a Buffer has memory of its own, which V8 must free. */
function hashed(algorithm: string, data: Uint8Array, out: Uint8Array): Uint8Array {
  const text = hash(algorithm, data, 'binary')
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i)
  return out
}
