/** One direction of a simulated host's network access. */
import type { Millis } from '../../protocol/ports.ts'
import type { SimClock } from './clock.ts'

/** First come, first served at a fixed rate. Users that book one segment at a time share it fairly. */
export class SimLink {
  readonly #clock: SimClock
  readonly #bytesPerSecond: number
  #freeAt: Millis = 0

  /** @param bytesPerSecond `Infinity` for no limit */
  constructor(clock: SimClock, bytesPerSecond: number) {
    this.#clock = clock
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Books the link for `bytes`. @returns when they are through */
  book(bytes: number): Millis {
    this.#freeAt = Math.max(this.#clock.now(), this.#freeAt) + (bytes * 1_000) / this.#bytesPerSecond
    return this.#freeAt
  }
}
