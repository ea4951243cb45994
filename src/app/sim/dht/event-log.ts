/** The log of all datagrams, of which only its SHA-256 is kept: two runs with the same digest did the same. */
import type { Hashes, Millis } from '../../../protocol/ports.ts'
import { toHex } from '../../../protocol/ids.ts'

/** 32-bit words of one datagram: time in microseconds (two), sender, receiver, bytes. */
const WORDS = 5
const RECORDS_PER_BLOCK = 8_192
const DIGEST_LENGTH = 32

/** A chain: each block is hashed behind the digest of those before it. */
export class EventLog {
  readonly #hashes: Hashes
  readonly #block = new Uint8Array(DIGEST_LENGTH + 4 * WORDS * RECORDS_PER_BLOCK)
  readonly #words = new Uint32Array(this.#block.buffer, DIGEST_LENGTH)
  #used = 0

  constructor(hashes: Hashes) {
    this.#hashes = hashes
  }

  /** @param to -1: nobody lives there */
  record(now: Millis, from: number, to: number, bytes: number): void {
    const micros = Math.round(now * 1_000)
    const words = this.#words
    const at = this.#used
    words[at] = micros / 2 ** 32
    words[at + 1] = micros
    words[at + 2] = from
    words[at + 3] = to
    words[at + 4] = bytes
    this.#used += WORDS
    if (this.#used === words.length) {
      this.#block.set(this.#digest())
      this.#used = 0
    }
  }

  /** 64 hex digits. More may be recorded afterwards. */
  get digest(): string {
    return toHex(this.#digest())
  }

  #digest(): Uint8Array {
    return this.#hashes.sha256(this.#block.subarray(0, DIGEST_LENGTH + 4 * this.#used))
  }
}
