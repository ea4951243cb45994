/**
 * What the routing table remembers of each of its contacts: 16 bytes a row, in columns of one array. Which rows belong to
 * whom is up to the buckets: the rows of each lie side by side, so that to look through one is to read memory in its order.
 */
import type { Millis } from '../../protocol/ports.ts'
import type { Contact } from './contact.ts'

/**
 * The contacts are the first column. Then come when each answered last, when it asked us something, and how long
 * its answers take.
 */
const COLUMNS = 4

/** Times are kept in tenths of a second, which last six years; 0 stands for never. */
const TICK: Millis = 100

/** Round trips are kept in sixteenths of a millisecond, up to four seconds, and what they vary by up to two. */
const RTT_UNIT: Millis = 1 / 16
const MAX_RTT = 65_535
const MAX_RTTVAR = 32_767
/** The bit between the two. */
const FAILED = 0x8000

/** RFC 6298: weights of a new sample. */
const SRTT_WEIGHT = 1 / 8
const RTTVAR_WEIGHT = 1 / 4

export const NO_ROW = -1

/** Rows that so many bare contacts take. */
export function bareRows(count: number): number {
  return Math.ceil(count / COLUMNS)
}

/** What every empty table begins with. */
const NOTHING = new Int32Array(0)

export class ContactColumns {
  #cells = NOTHING
  /** Rows there is place for: the length of a column. */
  #capacity = 0

  /** Makes place for so many rows, and no more: a simulation has a hundred thousand tables. */
  reserve(rows: number): void {
    if (rows <= this.#capacity) return
    const cells = new Int32Array(COLUMNS * rows)
    for (let column = 0; column < COLUMNS; column++) {
      const start = column * this.#capacity
      cells.set(this.#cells.subarray(start, start + this.#capacity), column * rows)
    }
    this.#cells = cells
    this.#capacity = rows
  }

  /** A contact that answered, and was never timed. */
  fill(row: number, contact: Contact, now: Millis): void {
    this.#cells[row] = contact
    this.#cells[this.#replied(row)] = ticks(now)
    this.#cells[this.#asked(row)] = 0
    this.#cells[this.#timed(row)] = 0
  }

  /** Copies the rows `from … from + count - 1` to `to` and those behind. */
  copy(from: number, to: number, count: number): void {
    for (let column = 0; column < COLUMNS; column++) {
      const start = column * this.#capacity
      this.#cells.copyWithin(start + to, start + from, start + from + count)
    }
  }

  /** A row without a record holds {@link COLUMNS} bare contacts: the `at`th of those from `row` on. */
  bare(row: number, at: number): Contact {
    return this.#cells[(at % COLUMNS) * this.#capacity + row + Math.floor(at / COLUMNS)] as Contact
  }

  setBare(row: number, at: number, contact: Contact): void {
    this.#cells[(at % COLUMNS) * this.#capacity + row + Math.floor(at / COLUMNS)] = contact
  }

  /** Forgets all rows, and gives back their memory. */
  clear(): void {
    this.#cells = NOTHING
    this.#capacity = 0
  }

  contact(row: number): Contact {
    return this.#cells[row] as Contact
  }

  /** When it last answered us, rounded down to 0.1 s. */
  repliedAt(row: number): Millis {
    return (this.#cells[this.#replied(row)]! - 1) * TICK
  }

  /** When it last answered or asked us something, rounded down to 0.1 s. */
  heardAt(row: number): Millis {
    return (Math.max(this.#cells[this.#replied(row)]!, this.#cells[this.#asked(row)]!) - 1) * TICK
  }

  /** Whether a request has stayed without an answer since the last answer. */
  hasFailed(row: number): boolean {
    return (this.#cells[this.#timed(row)]! & FAILED) !== 0
  }

  /** Smoothed round trip; undefined before the first sample. */
  srtt(row: number): Millis | undefined {
    const srtt = this.#cells[this.#timed(row)]! >>> 16
    return srtt === 0 ? undefined : srtt * RTT_UNIT
  }

  /** Retransmission timeout as in RFC 6298, unclamped; undefined before the first sample. */
  rto(row: number): Millis | undefined {
    const timed = this.#cells[this.#timed(row)]!
    const srtt = timed >>> 16
    return srtt === 0 ? undefined : (srtt + 4 * (timed & MAX_RTTVAR)) * RTT_UNIT
  }

  /** @param rttMs undefined when a resend makes it ambiguous */
  onReply(row: number, now: Millis, rttMs: Millis | undefined): void {
    this.#cells[this.#replied(row)] = ticks(now)
    const timed = this.#cells[this.#timed(row)]!
    const srtt = timed >>> 16
    const rttvar = timed & MAX_RTTVAR
    if (rttMs === undefined) return this.#setTimed(row, srtt, rttvar)
    // Zero means that there is no sample yet.
    const sample = Math.min(MAX_RTT, Math.max(1, rttMs / RTT_UNIT))
    if (srtt === 0) return this.#setTimed(row, sample, sample / 2)
    const error = sample - srtt
    const variation = rttvar + RTTVAR_WEIGHT * (Math.abs(error) - rttvar)
    this.#setTimed(row, srtt + SRTT_WEIGHT * error, variation)
  }

  onRequest(row: number, now: Millis): void {
    this.#cells[this.#asked(row)] = ticks(now)
  }

  onFail(row: number): void {
    this.#cells[this.#timed(row)]! |= FAILED
  }

  #replied(row: number): number {
    return this.#capacity + row
  }

  #asked(row: number): number {
    return 2 * this.#capacity + row
  }

  /** Smoothed round trip, {@link FAILED}, variation. */
  #timed(row: number): number {
    return 3 * this.#capacity + row
  }

  /** Nothing has failed since. */
  #setTimed(row: number, srtt: number, rttvar: number): void {
    this.#cells[this.#timed(row)] = (Math.round(srtt) << 16) | Math.min(MAX_RTTVAR, Math.round(rttvar))
  }
}

function ticks(now: Millis): number {
  return Math.floor(now / TICK) + 1
}
