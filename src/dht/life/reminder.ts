/**
 * A trouble that goes on is told at once, and then again after ever longer silence: whoever reads the log a day later
 * still meets it, and not five thousand times.
 */
import type { Clock, Millis } from '../../protocol/ports.ts'

/** A failure that repeats is told again after this long, then after twice as long each time. */
const FIRST_SILENCE: Millis = 60_000
/** The longest silence about a failure that goes on. */
const LONGEST_SILENCE: Millis = 60 * 60_000

/** Of one trouble: a new one needs another. */
export class Reminder {
  readonly #clock: Clock
  #failures = 0
  #silence: Millis = FIRST_SILENCE
  #toldAt: Millis = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns how often it has failed in a row when that is to be told now, otherwise undefined */
  onFailure(): number | undefined {
    this.#failures++
    const now = this.#clock.now()
    if (this.#failures > 1) {
      if (now - this.#toldAt < this.#silence) return undefined
      this.#silence = Math.min(LONGEST_SILENCE, 2 * this.#silence)
    }
    this.#toldAt = now
    return this.#failures
  }
}
