/**
 * Notices that the machine slept. Depending on the system the monotonic clock stands still meanwhile, so that the date
 * jumps against it, or goes on, so that a timer comes late.
 */
import type { Clock, Millis } from '../../protocol/ports.ts'

/** Less is a busy machine, or a date that was set right. */
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
   * To be asked often.
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
