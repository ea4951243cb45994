/** How many blocks to keep in flight towards one peer, and how many of them to ask for at once. */
import { BLOCK_LENGTH, blocksIn } from '../metainfo/geometry.ts'
import { MAX_BLOCK_LENGTH } from '../protocol/decoder.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Millis } from '../protocol/ports.ts'

/** Never fewer requests in flight, whatever was measured. */
export const MIN_WINDOW = 5
/** Requests that a peer is assumed to queue when it does not say (`reqq`, BEP 10). */
export const DEFAULT_QUEUE_LIMIT = 250
/** Never more requests in flight, whatever the peer takes. */
export const MAX_WINDOW = 2_048

const START_WINDOW = 16
/** The window covers this many round trips, so that a path that got faster or longer is noticed … */
const GAIN = 1.5
/** … and this much time beyond: peers answer in bursts, limited ones and busy disks most of all. More would only queue. */
const SLACK: Millis = 60
/** … but not more blocks than this: some clients search all requests that they hold for each that comes. */
const MAX_SLACK_BLOCKS = 256
/** Slow start ends when the rate has not grown by a quarter … */
const GROWTH = 1.25
/** … for so many measurements. */
const PLATEAU = 3
/** … or when a round trip takes so much longer than the shortest: then the requests wait at the peer. */
const QUEUEING: Millis = 250
/** A rate is measured over at least so long. */
const MIN_MEASURE: Millis = 10
/** The best rate of this period and the one before counts; a period is at least so long, and so many round trips. */
const RATE_PERIOD: Millis = 500
const RATE_PERIOD_ROUND_TRIPS = 5
/** The shortest round trip of so long counts; then half of what the path holds is kept in flight for one, to see it anew. */
const ROUND_TRIP_AGE: Millis = 10_000
/**
 * … and so it is when the rate falls below this share of what it was: if the peer is not slower but the round trip is longer
 * than we think, the window is what holds the rate down, and each would shrink the other.
 */
const FALL = 0.5
/** What one request asks for comes in so much time: others wait behind it at the peer, and so does the word that we have changed our mind. */
const REQUEST_TIME: Millis = 100
/** After so much silence nothing is known of a path. A timed request that is not answered by then never will be. */
const MEMORY: Millis = 60_000

/**
 * A model of the path after BBR's: the best recent rate × the shortest recent round trip is what the path holds; more in
 * flight only queues at the peer. One request at a time is timed, from being asked to its block, and the rate meanwhile
 * is one measurement. When its block is overdue, more is in flight than the model wants: the rate is then measured
 * without it, so that the slowest peers are measured, too.
 *
 * Starts like TCP: one more in flight for each block that comes, until the rate grows no more or blocks are overdue.
 */
export class RequestWindow {
  #queueLimit = DEFAULT_QUEUE_LIMIT
  #longestRequest = BLOCK_LENGTH
  #window = START_WINDOW
  #isStarting = true
  #isProbing = false
  #plateau = 0
  /** Bytes a second: the best of this period, and of the one before. */
  #bestRate = 0
  #lastBestRate = 0
  /** What slow start has to exceed. */
  #rateToBeat = 0
  /** The best since the round trip was last looked at. */
  #highRate = 0
  #periodAt: Millis = 0
  #roundTrip: Millis = Infinity
  #roundTripAt: Millis = 0
  #lastBlockAt: Millis = 0
  #timed: BlockRange | undefined
  #timedAt: Millis = 0
  /** What came since `#measuredFrom`; it is measured from a timed request on. */
  #isMeasuring = false
  #measuredFrom: Millis = 0
  #bytes = 0
  #blocks = 0

  /** Blocks that may be in flight. */
  get size(): number {
    const window = this.#isProbing ? (this.rate * this.#roundTrip) / 2_000 / BLOCK_LENGTH : this.#window
    return Math.max(MIN_WINDOW, Math.min(Math.round(window), this.#queueLimit, MAX_WINDOW))
  }

  /** The peer said how many requests it queues (`reqq`, BEP 10). */
  set queueLimit(requests: number) {
    this.#queueLimit = requests
  }

  /** The peer said how long a block it serves (bytes). */
  set longestRequest(bytes: number) {
    this.#longestRequest = Math.min(bytes, MAX_BLOCK_LENGTH)
  }

  /** Bytes to ask for in one request, at most: a block of 16 KiB, or twice as much again and again, as the peer is fast. */
  get requestLength(): number {
    const most = Math.min(this.#longestRequest, (this.rate * REQUEST_TIME) / 1_000)
    let length = BLOCK_LENGTH
    while (2 * length <= most) length *= 2
    return length
  }

  /** Bytes a second: the best recent rate; 0 before the first measurement. */
  get rate(): number {
    return Math.max(this.#bestRate, this.#lastBestRate)
  }

  /** The shortest recent time from request to block; undefined before the first. */
  get roundTrip(): Millis | undefined {
    return this.#roundTrip === Infinity ? undefined : this.#roundTrip
  }

  /** @param first of those that are asked for now: it may be the one that is timed */
  onRequested(first: BlockRange, now: Millis): void {
    if (this.#isMeasuring && now - this.#timedAt < MEMORY) return
    this.#forget(now)
    this.#timed = first
    this.#timedAt = now
    this.#measureFrom(now)
  }

  onBlock({ piece, begin, length }: BlockRange, now: Millis): void {
    this.#lastBlockAt = now
    this.#bytes += length
    const blocks = blocksIn(length)
    this.#blocks += blocks
    if (this.#isStarting) this.#window = Math.min(MAX_WINDOW, this.#window + blocks)
    if (this.#timed?.piece === piece && this.#timed.begin === begin) {
      this.#timed = undefined
      this.#onRoundTrip(now - this.#timedAt, now)
    }
    if (!this.#isMeasuring) return
    const took = now - this.#measuredFrom
    if (this.#timed === undefined ? took >= MIN_MEASURE : took >= this.#span) this.#onMeasured(took, now)
  }

  /** A request that is timed may never be answered: the next one is. */
  onCancelled(ranges: readonly BlockRange[]): void {
    const timed = this.#timed
    if (timed && ranges.some(({ piece, begin }) => piece === timed.piece && begin === timed.begin))
      this.onReleased()
  }

  /** All requests are void: what is timed will not be answered. What was learned stays. */
  onReleased(): void {
    this.#timed = undefined
    this.#isMeasuring = false
  }

  /** The peer may be asked again. What was learned long ago is forgotten first. */
  onResumed(now: Millis): void {
    this.#forget(now)
  }

  /** The peer sent nothing for too long: it gets few requests until it proves itself again. */
  onStall(): void {
    this.onReleased()
    this.#restart(MIN_WINDOW)
  }

  /** The time that a full window takes. */
  get #span(): Millis {
    return GAIN * this.#roundTrip + SLACK
  }

  #forget(now: Millis): void {
    if (now - this.#lastBlockAt >= MEMORY) this.#restart(Math.min(this.#window, START_WINDOW))
  }

  #restart(window: number): void {
    this.#window = window
    this.#isStarting = true
    this.#isProbing = false
    this.#plateau = 0
    this.#bestRate = this.#lastBestRate = this.#rateToBeat = this.#highRate = 0
    this.#roundTrip = Infinity
  }

  /** Times a request that is made when most of what is in flight now has come. */
  #probe(): void {
    this.#isProbing = true
    this.onReleased()
  }

  #measureFrom(now: Millis): void {
    this.#isMeasuring = true
    this.#measuredFrom = now
    this.#bytes = 0
    this.#blocks = 0
  }

  #onRoundTrip(took: Millis, now: Millis): void {
    if (took > this.#roundTrip + QUEUEING) this.#isStarting = false
    if (took <= this.#roundTrip || this.#isProbing) {
      this.#roundTrip = took
      this.#roundTripAt = now
      if (this.#isProbing) this.#highRate = this.rate
      this.#isProbing = false
    } else if (!this.#isStarting && now - this.#roundTripAt >= ROUND_TRIP_AGE) this.#probe()
  }

  #onMeasured(took: Millis, now: Millis): void {
    const rate = (this.#bytes * 1_000) / took
    const isOverdue = this.#timed !== undefined
    // Less than half a window came within a round trip: less was asked, and the path may be faster.
    const isPathFull = isOverdue || 2 * this.#blocks >= this.size
    if (isOverdue) this.#measureFrom(now)
    else this.#isMeasuring = false
    if (!isPathFull && rate <= this.rate) return
    this.#onRate(rate, now)
    if (this.#isStarting && isPathFull) this.#judgeStart(rate, isOverdue)
    if (this.#isStarting) return
    const blocksPerMs = this.rate / 1_000 / BLOCK_LENGTH
    this.#window = blocksPerMs * GAIN * this.#roundTrip + Math.min(blocksPerMs * SLACK, MAX_SLACK_BLOCKS)
    this.#highRate = Math.max(this.#highRate, this.rate)
    if (this.rate < FALL * this.#highRate && !this.#isProbing) this.#probe()
  }

  #onRate(rate: number, now: Millis): void {
    if (now - this.#periodAt >= Math.max(RATE_PERIOD, RATE_PERIOD_ROUND_TRIPS * this.#roundTrip)) {
      this.#lastBestRate = this.#bestRate
      this.#bestRate = 0
      this.#periodAt = now
    }
    this.#bestRate = Math.max(this.#bestRate, rate)
  }

  #judgeStart(rate: number, isOverdue: boolean): void {
    if (rate >= this.#rateToBeat * GROWTH) {
      this.#rateToBeat = rate
      this.#plateau = 0
    } else this.#plateau++
    this.#isStarting = !isOverdue && this.#plateau < PLATEAU
  }
}
