/**
 * Reports a lasting failure at once, and then after ever longer silences: a log read a day later still shows it, but not five
 * thousand times.
 */
import type { Clock, Millis } from './ports.ts'

/** A repeated failure is reported again after this long, then after twice as long each time. */
const FIRST_SILENCE: Millis = 60_000
/** The longest silence about a lasting failure. */
const LONGEST_SILENCE: Millis = 60 * 60_000

/** For one failure: another needs a new one. */
export class Reminder {
  readonly #clock: Clock
  #failures = 0
  #silence: Millis = FIRST_SILENCE
  #toldAt: Millis = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns how often it has failed in a row if that is to be reported now, otherwise undefined */
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
