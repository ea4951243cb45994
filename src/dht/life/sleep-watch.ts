/**
 * Notices that the machine slept. Depending on the system, the monotonic clock stops meanwhile, so that the date jumps
 * relative to it, or it continues, so that a timer fires late.
 */
import type { Clock, Millis } from '../../protocol/ports.ts'

/** A shorter gap is a busy machine, or a corrected date. */
const MIN_SLEEP: Millis = 15_000

export class SleepWatch {
  readonly #clock: Clock
  #seenAt: Millis
  #dateOffset: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#seenAt = clock.now()
    this.#dateOffset = clock.wallNow() - this.#seenAt
  }

  /**
   * To be called often.
   *
   * @param withinMs how much time should have passed since the last call, at most
   * @returns how long the machine slept since then, or 0
   */
  sleptFor(withinMs: Millis): Millis {
    const now = this.#clock.now()
    const offset = this.#clock.wallNow() - now
    const jumped = offset - this.#dateOffset
    const late = now - this.#seenAt - withinMs
    this.#seenAt = now
    this.#dateOffset = offset
    const slept = Math.max(jumped, late)
    return slept > MIN_SLEEP ? slept : 0
  }
}
