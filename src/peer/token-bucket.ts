/** A rate limit that all connections share. */
import type { Bandwidth, Clock, Millis } from '../protocol/ports.ts'

/** How much may be saved up while nobody asks, or while the process is late: the rate times this. */
export const BURST: Millis = 50
/** Waiters are served in grains of this time's worth. */
export const GRAIN: Millis = 10
/** Bytes that those who wait take in turn: a block, so that blocks leave one after the other and not all at once. */
const TURN = 16_384

/**
 * A token bucket over a clock: tokens are bytes, they drip at the rate, and at most {@link BURST} of them are saved.
 * Who finds it empty waits in line, and those in line take turns of equal size until nothing is left.
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
  /** What the first in line is still owed of a turn for which the tokens did not suffice. */
  #interruptedTurn = 0
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

  /** Holds for those that wait already, too. */
  set rate(rate: number) {
    this.#fill()
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, this.#capacity)
  }

  ask(bytes: number, onRefill: () => void): number {
    if (this.#rate === Infinity) return bytes
    this.#fill()
    const mayTake = this.#isServing ? this.#turn : this.#line.length === 0 ? Infinity : 0
    const granted = Math.max(0, Math.floor(Math.min(bytes, this.#tokens, mayTake)))
    this.#turn -= granted
    this.#tokens -= granted
    if (granted < bytes) this.#queue(onRefill)
    return granted
  }

  get #capacity(): number {
    return Math.max(1, (this.#rate * BURST) / 1_000)
  }

  #queue(onRefill: () => void): void {
    if (this.#isServing && this.#turn >= 1) {
      this.#interruptedTurn = this.#turn
      this.#turn = 0
      this.#line.unshift(onRefill)
    } else {
      this.#line.push(onRefill)
    }
    this.#arm()
  }

  /** A clock that went back, or stood still, gives nothing and takes nothing. */
  #fill(): void {
    const now = this.#clock.now()
    const elapsed = Math.max(0, now - this.#filledAt)
    if (this.#rate === Infinity) this.#tokens = Infinity
    else this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsed * this.#rate) / 1_000)
    this.#filledAt = now
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#clock.after(GRAIN, () => this.#serve())
  }

  /** Lets those that wait ask again, one after the other and round and round: who is not done stands in line again. */
  #serve(): void {
    this.#isArmed = false
    this.#fill()
    this.#isServing = true
    try {
      while (this.#tokens >= 1 && this.#line.length > 0) {
        this.#turn = this.#interruptedTurn || TURN
        this.#interruptedTurn = 0
        this.#line.shift()!()
      }
    } finally {
      this.#isServing = false
      if (this.#line.length > 0) this.#arm()
    }
  }
}
