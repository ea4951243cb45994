/** The keys of a private network, ready for use, with everything that is derived from each. */
import { ConfigError } from '../../protocol/errors.ts'
import type { Aead, AeadKey, Hashes } from '../../protocol/ports.ts'
import { hkdf, HmacKey } from './hmac.ts'
import type { FrameMode, SwarmKey } from './swarm-key.ts'

export interface RingKey {
  /** Two bytes in each frame that say under which key it is. */
  readonly id: number
  readonly mode: FrameMode
  readonly mac: HmacKey
  /** The key of one sender's encrypted frames. */
  aeadKey(salt: Uint8Array): AeadKey
}

export interface FrameCrypto {
  readonly hashes: Hashes
  readonly aead: Aead
}

export class KeyRing {
  /** The key that we send with. */
  readonly primary: RingKey
  readonly #keys: readonly RingKey[]

  /**
   * @param keys the first is used for sending, all are accepted
   * @throws {ConfigError} `config.value` for two keys that frames could not tell apart
   */
  constructor(keys: readonly SwarmKey[], crypto: FrameCrypto) {
    this.#keys = keys.map((key) => ringKey(key, crypto))
    this.primary = this.#keys[0]!
    if (new Set(this.#keys.map(({ id }) => id)).size < keys.length)
      throw new ConfigError(
        'config.value',
        'two swarm keys are the same, or have the same key id: make another',
      )
  }

  /** The key that a frame names; undefined when it is none of ours. */
  find(id: number): RingKey | undefined {
    for (const key of this.#keys) if (key.id === id) return key
    return undefined
  }
}

const NO_SALT = new Uint8Array()

function ringKey({ secret, mode }: SwarmKey, { hashes: { hmac, sha256 }, aead }: FrameCrypto): RingKey {
  const [high, low] = hkdf(hmac, secret, NO_SALT, 'dht1 key id')
  return {
    id: (high! << 8) | low!,
    mode,
    mac: new HmacKey(sha256, hkdf(hmac, secret, NO_SALT, 'dht1 mac')),
    aeadKey: (salt) => aead(hkdf(hmac, secret, salt, 'dht1 aead')),
  }
}
