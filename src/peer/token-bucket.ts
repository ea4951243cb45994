/** A rate limit that all connections share. */
import type { Bandwidth, Clock, Millis } from '../protocol/ports.ts'

/** What may be saved up while nobody asks: this much time's worth of the rate. */
export const BURST: Millis = 50
/** Waiters are served in grains of this time's worth. */
const GRAIN: Millis = 10
/** A waiter is not offered less than this (bytes), so that blocks do not go out in crumbs. */
const MIN_GRANT = 4_096

/**
 * A token bucket over a clock: tokens are bytes, they drip at the rate, and at most {@link BURST} of them are saved.
 * Who finds it empty waits in line; in front of others a waiter gets no more than its share of what is there.
 */
export class TokenBucket implements Bandwidth {
  readonly #clock: Clock
  #rate: number
  #tokens: number
  #filledAt: Millis
  readonly #line: (() => void)[] = []
  /** Whoever asks now does so from its `onRefill`: it does not queue behind those that wait. */
  #isServing = false
  /** Bytes that it may still take in its turn. */
  #turn = 0
  #isArmed = false

  /** @param rate bytes a second, above zero; `Infinity` is no limit */
  constructor(clock: Clock, rate: number) {
    this.#clock = clock
    this.#rate = rate
    this.#filledAt = clock.now()
    this.#tokens = this.#capacity
  }

  /** Bytes a second. */
  get rate(): number {
    return this.#rate
  }

  set rate(rate: number) {
    this.#fill()
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, this.#capacity)
    if (this.#line.length > 0) this.#arm(0)
  }

  ask(bytes: number, onRefill: () => void): number {
    if (this.#rate === Infinity) return bytes
    this.#fill()
    const mayTake = this.#isServing ? this.#turn : this.#line.length === 0 ? Infinity : 0
    const granted = Math.max(0, Math.floor(Math.min(bytes, this.#tokens, mayTake)))
    this.#turn -= granted
    this.#tokens -= granted
    if (granted < bytes) {
      this.#line.push(onRefill)
      this.#arm(GRAIN)
    }
    return granted
  }

  get #capacity(): number {
    return Math.max((this.#rate * BURST) / 1_000, MIN_GRANT)
  }

  #fill(): void {
    const now = this.#clock.now()
    if (this.#rate === Infinity) this.#tokens = Infinity
    else this.#tokens = Math.min(this.#capacity, this.#tokens + ((now - this.#filledAt) * this.#rate) / 1_000)
    this.#filledAt = now
  }

  #arm(delay: Millis): void {
    if (this.#isArmed) return
    this.#isArmed = true
    // The first in line is offered MIN_GRANT at least: sooner there is nothing to wake it for.
    const wait = ((Math.min(MIN_GRANT, this.#capacity) - this.#tokens) / this.#rate) * 1_000
    this.#clock.after(Math.max(delay, wait), () => this.#serve())
  }

  /** Lets those that wait ask again, in order, each once, while there is something to give. */
  #serve(): void {
    this.#isArmed = false
    this.#fill()
    let turns = this.#line.length
    this.#isServing = true
    try {
      // Who is not done stands in line again, so it is the turns that are left among which the tokens are shared.
      for (; turns > 0 && this.#tokens >= 1; turns--) {
        this.#turn = Math.max(MIN_GRANT, this.#tokens / turns)
        this.#line.shift()!()
      }
    } finally {
      this.#isServing = false
      if (this.#line.length > 0) this.#arm(GRAIN)
    }
  }
}
