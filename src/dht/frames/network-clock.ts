/**
 * The time that a private network agrees on. Its frames carry the time, so a node whose clock is off is ignored, but told so
 * by those it asks. It adopts the median of what several say, so that one member, or a few, cannot set another's clock.
 */
import { formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import type { Clock, Millis } from '../../protocol/ports.ts'

/** Members that must have told us before anything is changed. */
const MIN_TELLERS = 5
/** Members whose statements are kept, the latest. */
const MAX_TELLERS = 31
/** A smaller difference is not worth a change. */
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
   * @param teller answered one of our requests
   * @param unixMs its time; undefined if it had no complaint about ours
   */
  onTold(teller: Endpoint, unixMs: number | undefined): void {
    const key = formatEndpoint(teller)
    if (!this.#told.delete(key) && this.#told.size >= MAX_TELLERS)
      this.#told.delete(this.#told.keys().next().value!)
    this.#told.set(key, unixMs === undefined ? 0 : unixMs - this.now())
    // A member without a complaint leaves the median near what it was.
    if (unixMs === undefined || this.#told.size < MIN_TELLERS) return
    const sorted = [...this.#told.values()].sort((a, b) => a - b)
    const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
    const middle = Math.abs(low) < Math.abs(high) ? low : high
    if (Math.abs(middle) < MIN_CHANGE) return
    this.#correction += middle
    this.#told.clear()
  }
}
