/** ChaCha20-Poly1305 by the OpenSSL that Node brings. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { Aead, AeadKey } from '../../protocol/ports.ts'
import { plain as plainBytes } from './plain-bytes.ts'

const ALGORITHM = 'chacha20-poly1305'
const TAG_BYTES = 16

export const opensslAead: Aead = (key) => new OpensslAeadKey(key)

class OpensslAeadKey implements AeadKey {
  /** A key object: given bytes, Node 24 first checks each time what other kind of key they might be, which takes three times as long as the rest. */
  readonly #key: KeyObject

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key)
  }

  seal(nonce: Uint8Array, additional: Uint8Array, plain: Uint8Array): Uint8Array {
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(additional, { plaintextLength: plain.length })
    return plainBytes(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]))
  }

  open(nonce: Uint8Array, additional: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const end = sealed.length - TAG_BYTES
    if (end < 0) return undefined
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(additional, { plaintextLength: end })
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(0, end))
    try {
      decipher.final() // it throws when the tag does not fit, and for no other reason
    } catch {
      return undefined
    }
    return plainBytes(plain)
  }
}
