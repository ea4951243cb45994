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
/** The window covers this many round trips, so that a path that has become faster or longer is noticed … */
const GAIN = 1.5
/** … and this much time more, because peers answer in bursts, above all under a limit or with a busy disk. More would only queue. */
const SLACK: Millis = 60
/** … but no more blocks than this: some clients search all requests that they hold whenever another one comes. */
const MAX_SLACK_BLOCKS = 256
/** Slow start ends when the rate has not grown by a quarter … */
const GROWTH = 1.25
/** … in this many measurements, … */
const PLATEAU = 3
/** … or when a round trip takes this much longer than the shortest one: then requests wait at the peer. */
const QUEUEING: Millis = 250
/** A rate is measured over at least this long. */
const MIN_MEASURE: Millis = 10
/** The best rate of this period and the one before counts. A period lasts at least this long, and this many round trips. */
const RATE_PERIOD: Millis = 500
const RATE_PERIOD_ROUND_TRIPS = 5
/** The shortest round trip counts for this long. Then half of what the path holds is in flight for one, to see it anew. */
const ROUND_TRIP_AGE: Millis = 10_000
/**
 * … The same is done when the rate falls below this share of what it was. The peer may be slower; but if the round trip is longer than
 * we think, it is the window that keeps the rate down, and each would shrink the other.
 */
const FALL = 0.5
/** What one request asks for should come within this time: other requests wait behind it at the peer, and so do cancels. */
const REQUEST_TIME: Millis = 100
/** After this much silence, nothing is known of a path. A timed request that is not answered by then never will be. */
const MEMORY: Millis = 60_000

/**
 * A model of the path, like that of BBR congestion control: it holds the best recent rate × the shortest recent round trip; whatever
 * else is in flight only queues at the peer. One request at a time is timed until its block comes, and the rate during that time is one
 * measurement. If the block is overdue, more is in flight than the model wants: then the rate is measured without waiting for it, so
 * that even the slowest peers are measured.
 *
 * It begins like TCP's slow start: one more in flight for each block that comes, until the rate stops growing or blocks are overdue.
 */
export class RequestWindow {
  #queueLimit = DEFAULT_QUEUE_LIMIT
  #longestRequest = BLOCK_LENGTH
  #window = START_WINDOW
  #isStarting = true
  #isProbing = false
  #plateau = 0
  /** Bytes per second: the best of this period, and of the one before. */
  #bestRate = 0
  #lastBestRate = 0
  /** The rate that slow start has to exceed by {@link GROWTH}. */
  #rateToBeat = 0
  /** The best rate since the round trip was last seen anew. */
  #highRate = 0
  #periodAt: Millis = 0
  #roundTrip: Millis = Infinity
  #roundTripAt: Millis = 0
  #lastBlockAt: Millis = 0
  #timed: BlockRange | undefined
  #timedAt: Millis = 0
  /** Bytes and blocks that came since `#measuredFrom`. A measurement begins with a timed request. */
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

  /** Bytes to ask for in one request: 16 KiB, doubled as often as the peer's rate and limit allow. */
  get requestLength(): number {
    const most = Math.min(this.#longestRequest, (this.rate * REQUEST_TIME) / 1_000)
    let length = BLOCK_LENGTH
    while (2 * length <= most) length *= 2
    return length
  }

  /** Bytes per second: the best recent rate; 0 before the first measurement. */
  get rate(): number {
    return Math.max(this.#bestRate, this.#lastBestRate)
  }

  /** The shortest recent time from request to block; undefined before the first. */
  get roundTrip(): Millis | undefined {
    return this.#roundTrip === Infinity ? undefined : this.#roundTrip
  }

  /** @param first of the blocks that are requested now: it is timed if none is */
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

  /** If the timed request is among them, it may never be answered: another one is timed. */
  onCancelled(ranges: readonly BlockRange[]): void {
    const timed = this.#timed
    if (timed && ranges.some(({ piece, begin }) => piece === timed.piece && begin === timed.begin))
      this.onReleased()
  }

  /** All requests are void: the timed one will not be answered. What was learned of the path stays. */
  onReleased(): void {
    this.#timed = undefined
    this.#isMeasuring = false
  }

  /** Requests are possible again. What was learned too long ago is forgotten. */
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

  /** Shrinks the window until a request is timed that does not wait behind others. */
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
    // If less than half a window came within a round trip, too little was requested to tell how fast the path is.
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
