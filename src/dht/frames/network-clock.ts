/**
 * The time that a private network agrees on. Its frames carry the time, so a node whose clock is off is not heard, but
 * told so by those whom it asks. It believes the middle of what several say: one member, or a few, cannot set the
 * clock of another.
 */
import { formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import type { Clock, Millis } from '../../protocol/ports.ts'

/** Members that must have told before anything is changed. */
const MIN_TELLERS = 5
/** Members whose word is kept, the latest. */
const MAX_TELLERS = 31
/** Less is not worth a change. */
const MIN_CHANGE: Millis = 10_000

export class NetworkClock {
  readonly #clock: Clock
  #correction: Millis = 0
  /** By how much each is ahead of us, in the order of telling. */
  readonly #told = new Map<string, Millis>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Unix milliseconds, by our clock and its correction. */
  now(): number {
    return this.#clock.wallNow() + this.#correction
  }

  /**
   * @param teller answered a question of ours
   * @param unixMs what time it is there; undefined when it had no complaint about ours
   */
  onTold(teller: Endpoint, unixMs: number | undefined): void {
    const key = formatEndpoint(teller)
    if (!this.#told.delete(key) && this.#told.size >= MAX_TELLERS)
      this.#told.delete(this.#told.keys().next().value!)
    this.#told.set(key, unixMs === undefined ? 0 : unixMs - this.now())
    // Who has no complaint brings the middle no farther from what it was.
    if (unixMs === undefined || this.#told.size < MIN_TELLERS) return
    const sorted = [...this.#told.values()].sort((a, b) => a - b)
    const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
    const middle = Math.abs(low) < Math.abs(high) ? low : high
    if (Math.abs(middle) < MIN_CHANGE) return
    this.#correction += middle
    this.#told.clear()
  }
}
