/** ChaCha20-Poly1305 by the OpenSSL that Node brings. */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Aead } from '../../protocol/ports.ts'
import { plain as plainBytes } from './plain-bytes.ts'

const ALGORITHM = 'chacha20-poly1305'
const TAG_BYTES = 16

export const opensslAead: Aead = {
  seal(key, nonce, additional, plain) {
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(additional, { plaintextLength: plain.length })
    return plainBytes(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]))
  },
  open(key, nonce, additional, sealed) {
    const end = sealed.length - TAG_BYTES
    if (end < 0) return undefined
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(additional, { plaintextLength: end })
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(0, end))
    try {
      decipher.final() // it throws when the tag does not fit, and for no other reason
    } catch {
      return undefined
    }
    return plainBytes(plain)
  },
}
