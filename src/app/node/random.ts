/** The operating system's randomness, drawn in bulk. Unpredictable, so it may make ids, tokens and keys. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../../protocol/ports.ts'

/** Words drawn from the system at once: a draw from the pool costs nanoseconds, a call to the system microseconds. */
const POOL_WORDS = 2_048

export class CryptoRandom implements Random {
  readonly #pool = new Uint32Array(POOL_WORDS)
  #next = POOL_WORDS

  int(below: number): number {
    return Math.floor((this.#word() / 2 ** 32) * below)
  }

  float(): number {
    return (this.#word() * 2 ** 21 + (this.#word() >>> 11)) / 2 ** 53
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let at = 0; at < bytes.length; at += 4) {
      let word = this.#word()
      for (let i = at; i < bytes.length && i < at + 4; i++, word >>>= 8) bytes[i] = word & 0xff
    }
    return bytes
  }

  /** Streams of true randomness cannot influence each other, so one is as good as many. */
  fork(_name: string): Random {
    return this
  }

  #word(): number {
    if (this.#next === POOL_WORDS) {
      randomFillSync(this.#pool)
      this.#next = 0
    }
    const word = this.#pool[this.#next]!
    this.#pool[this.#next++] = 0 // what was given out cannot be read back from memory
    return word
  }
}
