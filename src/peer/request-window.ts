/** How many blocks to keep in flight towards one peer. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'

/** Never fewer requests in flight, whatever was measured. */
export const MIN_WINDOW = 5
/** Requests that a peer is assumed to queue when it does not say (`reqq`, BEP 10). */
export const DEFAULT_QUEUE_LIMIT = 250
/** Never more requests in flight, whatever the peer takes. */
export const MAX_WINDOW = 2_048

const START_WINDOW = 16
/** The window holds this many times what the path holds, so that a path that got faster is noticed. */
const GAIN = 1.5
/** The window covers this much time beyond the round trip: peers answer in bursts, and so do we ask. */
const SLACK: Millis = 60
/** Slow start ends when the rate has not grown by a quarter … */
const GROWTH = 1.25
/** … for so many measurements. */
const PLATEAU = 3
/** A rate is measured over at least so long. */
const MIN_MEASURE: Millis = 10
/** The best rate of so many measurements counts. */
const RATES = 10
/** The shortest round trip of so long counts; then half a window is kept in flight for one round trip, to see it anew. */
const ROUND_TRIP_AGE: Millis = 10_000
/** How long measurements count when no new ones come. */
const MEMORY: Millis = 60_000

/**
 * A model of the path after BBR's: the best recent rate × the shortest recent round trip is what the path holds; more in
 * flight only queues at the peer. One request a round trip is timed, from being asked to the block of the same number.
 *
 * Starts by doubling in each measurement while the rate grows.
 */
export class RequestWindow {
  #queueLimit = DEFAULT_QUEUE_LIMIT
  #window = START_WINDOW
  #isStarting = true
  #isProbing = false
  #plateau = 0
  #bestRate = 0
  readonly #rates: number[] = []
  #roundTrip: Millis = Infinity
  #roundTripAt: Millis = 0
  #measuredAt: Millis = 0
  /** Blocks asked for and blocks received since measuring began. */
  #asked = 0
  #received = 0
  #bytes = 0
  /** The timed request: its number, and what stood when it was made. Number 0: none is timed. */
  #timed = 0
  #timedAt: Millis = 0
  #bytesAtStart = 0
  #tookRoundTrip = false

  /** Blocks that may be in flight. */
  get size(): number {
    const window = this.#isProbing ? this.#window / 2 : this.#window
    return Math.max(MIN_WINDOW, Math.min(Math.round(window), this.#queueLimit, MAX_WINDOW))
  }

  /** The peer said how many requests it queues (`reqq`, BEP 10). */
  set queueLimit(requests: number) {
    this.#queueLimit = requests
  }

  /** Bytes a second: the best recent rate; 0 before the first measurement. */
  get rate(): number {
    return this.#rates.length === 0 ? 0 : Math.max(...this.#rates)
  }

  /** The shortest recent time from request to block; undefined before the first. */
  get roundTrip(): Millis | undefined {
    return this.#roundTrip === Infinity ? undefined : this.#roundTrip
  }

  onRequested(blocks: number, now: Millis): void {
    if (blocks === 0) return
    if (this.#timed === 0) {
      this.#timed = this.#asked + 1
      this.#timedAt = now
      this.#bytesAtStart = this.#bytes
      this.#tookRoundTrip = false
    }
    this.#asked += blocks
  }

  onBlock(bytes: number, now: Millis): void {
    this.#received++
    this.#bytes += bytes
    if (this.#timed === 0 || this.#received < this.#timed) return
    if (this.#isForgotten(now) && this.#rates.length > 0) this.#restart(Math.min(this.#window, START_WINDOW))
    this.#measuredAt = now
    const took = now - this.#timedAt
    if (!this.#tookRoundTrip) {
      this.#tookRoundTrip = true
      this.#onRoundTrip(took, now)
    }
    if (took < MIN_MEASURE) return
    this.#onRate(((this.#bytes - this.#bytesAtStart) * 1_000) / took)
    this.#timed = 0
  }

  /** All requests are void: numbers no longer match, so measuring begins anew. What was learned stays. */
  onReleased(): void {
    this.#asked = 0
    this.#received = 0
    this.#timed = 0
  }

  /** The peer sent nothing for too long: it gets few requests until it proves itself again. */
  onStall(): void {
    this.onReleased()
    this.#restart(MIN_WINDOW)
  }

  #restart(window: number): void {
    this.#window = window
    this.#isStarting = true
    this.#isProbing = false
    this.#plateau = 0
    this.#bestRate = 0
    this.#rates.length = 0
    this.#roundTrip = Infinity
  }

  #isForgotten(now: Millis): boolean {
    return now - this.#measuredAt >= MEMORY
  }

  #onRoundTrip(took: Millis, now: Millis): void {
    if (took <= this.#roundTrip || this.#isProbing) {
      this.#roundTrip = took
      this.#roundTripAt = now
      this.#isProbing = false
    } else if (!this.#isStarting && now - this.#roundTripAt >= ROUND_TRIP_AGE) this.#isProbing = true
  }

  #onRate(rate: number): void {
    this.#rates.push(rate)
    if (this.#rates.length > RATES) this.#rates.shift()
    if (this.#isStarting) {
      if (rate >= this.#bestRate * GROWTH) {
        this.#bestRate = rate
        this.#plateau = 0
      } else if (++this.#plateau >= PLATEAU) this.#isStarting = false
      this.#window = Math.min(MAX_WINDOW, this.#plateau === 0 ? this.#window * 2 : this.#window)
    }
    if (!this.#isStarting)
      this.#window = ((this.rate / 1_000) * (GAIN * this.#roundTrip + SLACK)) / BLOCK_LENGTH
  }
}
