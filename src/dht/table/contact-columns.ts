/**
 * What routing tables remember about each of their contacts: 14 bytes a row, in columns that all tables with a common book share.
 * {@link BucketMemory} assigns rows: those of a bucket lie side by side, so that searching one reads memory sequentially.
 */
import type { Millis } from '../../protocol/ports.ts'
import type { Contact } from './contact.ts'

/** Times are kept in tenths of a second, which last six years; 0 stands for never. */
const TICK: Millis = 100
/** The longest recorded time from a contact's answer to its request, in ticks: nearly two hours, longer than matters. */
const MAX_ASKED = 65_535

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

export class ContactColumns {
  #contacts = new Int32Array(0)
  /** When each answered last, in ticks. */
  #replied = new Int32Array(0)
  /** How many ticks after that it asked us something last; 0 when it did not. */
  #asked = new Uint16Array(0)
  /** Its smoothed round trip, {@link FAILED}, and the variation of its round trips. */
  #timed = new Int32Array(0)
  #used = 0

  /** @returns the first of so many rows that nobody else has */
  allocate(rows: number): number {
    const first = this.#used
    this.#used += rows
    if (this.#used > this.#contacts.length) this.#grow(Math.max(this.#used, 2 * this.#contacts.length))
    return first
  }

  /** A contact that answered, and was never timed. */
  fill(row: number, contact: Contact, now: Millis): void {
    this.#contacts[row] = contact
    this.#replied[row] = ticks(now)
    this.#asked[row] = 0
    this.#timed[row] = 0
  }

  /** Copies the rows `from … from + count - 1` to `to` and those behind. */
  copy(from: number, to: number, count: number): void {
    this.#contacts.copyWithin(to, from, from + count)
    this.#replied.copyWithin(to, from, from + count)
    this.#asked.copyWithin(to, from, from + count)
    this.#timed.copyWithin(to, from, from + count)
  }

  contact(row: number): Contact {
    return this.#contacts[row] as Contact
  }

  /** When it last answered us, rounded down to 0.1 s. */
  repliedAt(row: number): Millis {
    return timeOf(this.#replied[row]!)
  }

  /** When it last answered or asked us something, rounded down to 0.1 s; at most {@link MAX_ASKED} after the answer. */
  heardAt(row: number): Millis {
    return timeOf(this.#replied[row]! + this.#asked[row]!)
  }

  /** Whether a request has stayed without an answer since the last answer. */
  hasFailed(row: number): boolean {
    return (this.#timed[row]! & FAILED) !== 0
  }

  /** Smoothed round trip; undefined before the first sample. */
  srtt(row: number): Millis | undefined {
    const srtt = this.#timed[row]! >>> 16
    return srtt === 0 ? undefined : srtt * RTT_UNIT
  }

  /** Retransmission timeout as in RFC 6298, unclamped; undefined before the first sample. */
  rto(row: number): Millis | undefined {
    const timed = this.#timed[row]!
    const srtt = timed >>> 16
    return srtt === 0 ? undefined : (srtt + 4 * (timed & MAX_RTTVAR)) * RTT_UNIT
  }

  /** @param rttMs undefined when a resend makes it ambiguous */
  onReply(row: number, now: Millis, rttMs: Millis | undefined): void {
    this.#replied[row] = ticks(now)
    this.#asked[row] = 0
    const timed = this.#timed[row]!
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
    this.#asked[row] = Math.min(MAX_ASKED, Math.max(0, ticks(now) - this.#replied[row]!))
  }

  onFail(row: number): void {
    this.#timed[row]! |= FAILED
  }

  /** Nothing has failed since. */
  #setTimed(row: number, srtt: number, rttvar: number): void {
    this.#timed[row] = (Math.round(srtt) << 16) | Math.min(MAX_RTTVAR, Math.round(rttvar))
  }

  #grow(rows: number): void {
    const before = {
      contacts: this.#contacts,
      replied: this.#replied,
      asked: this.#asked,
      timed: this.#timed,
    }
    this.#contacts = new Int32Array(rows)
    this.#contacts.set(before.contacts)
    this.#replied = new Int32Array(rows)
    this.#replied.set(before.replied)
    this.#asked = new Uint16Array(rows)
    this.#asked.set(before.asked)
    this.#timed = new Int32Array(rows)
    this.#timed.set(before.timed)
  }
}

/** 0 stands for never. */
export function ticks(now: Millis): number {
  return Math.floor(now / TICK) + 1
}

/** The start of that tick. */
export function timeOf(tick: number): Millis {
  return (tick - 1) * TICK
}
