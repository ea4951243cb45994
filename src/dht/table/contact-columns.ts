/** What the routing table remembers of each of its contacts, in typed columns: 20 bytes a row. */
import type { Millis } from '../../protocol/ports.ts'
import { NONE, type Contact } from './contact.ts'

/** Rows that are added when all are used. */
const GROWTH = 32

/** Times are kept in tenths of a second, which last 13 years in 32 bits; 0 stands for never. */
const TICK: Millis = 100

/** Round trips are kept in sixteenths of a millisecond, up to four seconds. */
const RTT_UNIT: Millis = 1 / 16
const MAX_RTT = 65_535

/** RFC 6298: weights of a new sample. */
const SRTT_WEIGHT = 1 / 8
const RTTVAR_WEIGHT = 1 / 4

export const NO_ROW = -1

export class ContactColumns {
  /** The contact of a row; of a free row -2 - the next free one. */
  #contacts = new Int32Array(0)
  /** Two of each row: when it answered, and when it asked us something. */
  #times = new Uint32Array(0)
  /** Four of each row: smoothed round trip, its variation, failures since the last answer, and 1 + the next row. */
  #shorts = new Uint16Array(0)
  #free: number = NONE
  #used = 0

  /** Rows ever used, free ones among them: the bound for a walk over all. */
  get bound(): number {
    return this.#used
  }

  add(contact: Contact, now: Millis): number {
    const row = this.#take()
    this.#contacts[row] = contact
    this.#times[2 * row] = ticks(now)
    this.#times[2 * row + 1] = 0
    this.#shorts.fill(0, 4 * row, 4 * row + 4)
    return row
  }

  remove(row: number): void {
    this.#contacts[row] = -2 - this.#free
    this.#free = row
  }

  /** Forgets all rows, and gives back their memory. */
  clear(): void {
    this.#used = 0
    this.#free = NONE
    this.#contacts = new Int32Array(0)
    this.#times = new Uint32Array(0)
    this.#shorts = new Uint16Array(0)
  }

  /** {@link NONE} in a free row. */
  contact(row: number): Contact {
    const contact = this.#contacts[row]!
    return contact < 0 ? NONE : (contact as Contact)
  }

  /** When it last answered us, rounded down to 0.1 s. */
  repliedAt(row: number): Millis {
    return (this.#times[2 * row]! - 1) * TICK
  }

  /** When it last answered or asked us something, rounded down to 0.1 s. */
  heardAt(row: number): Millis {
    return (Math.max(this.#times[2 * row]!, this.#times[2 * row + 1]!) - 1) * TICK
  }

  /** Requests without an answer since the last answer. */
  fails(row: number): number {
    return this.#shorts[4 * row + 2]!
  }

  /** Smoothed round trip; undefined before the first sample. */
  srtt(row: number): Millis | undefined {
    const srtt = this.#shorts[4 * row]!
    return srtt === 0 ? undefined : srtt * RTT_UNIT
  }

  /** Retransmission timeout as in RFC 6298, unclamped; undefined before the first sample. */
  rto(row: number): Millis | undefined {
    const srtt = this.#shorts[4 * row]!
    return srtt === 0 ? undefined : (srtt + 4 * this.#shorts[4 * row + 1]!) * RTT_UNIT
  }

  /** The row behind this one in its bucket; {@link NO_ROW} behind the last. */
  next(row: number): number {
    return this.#shorts[4 * row + 3]! - 1
  }

  setNext(row: number, next: number): void {
    this.#shorts[4 * row + 3] = next + 1
  }

  /** @param rttMs undefined when a resend makes it ambiguous */
  onReply(row: number, now: Millis, rttMs: Millis | undefined): void {
    this.#times[2 * row] = ticks(now)
    this.#shorts[4 * row + 2] = 0
    if (rttMs === undefined) return
    // Zero means that there is no sample yet.
    const sample = Math.min(MAX_RTT, Math.max(1, rttMs / RTT_UNIT))
    const srtt = this.#shorts[4 * row]!
    const rttvar = this.#shorts[4 * row + 1]!
    if (srtt === 0) {
      this.#shorts[4 * row] = Math.round(sample)
      this.#shorts[4 * row + 1] = Math.round(sample / 2)
      return
    }
    const error = sample - srtt
    this.#shorts[4 * row] = Math.round(srtt + SRTT_WEIGHT * error)
    this.#shorts[4 * row + 1] = Math.round(rttvar + RTTVAR_WEIGHT * (Math.abs(error) - rttvar))
  }

  onRequest(row: number, now: Millis): void {
    this.#times[2 * row + 1] = ticks(now)
  }

  /** So many requests in a row stayed without an answer. */
  onTimeout(row: number, requests: number): void {
    this.#shorts[4 * row + 2] = Math.min(255, this.#shorts[4 * row + 2]! + requests)
  }

  #take(): number {
    const row = this.#free
    if (row >= 0) {
      this.#free = -2 - this.#contacts[row]!
      return row
    }
    if (this.#used === this.#contacts.length) this.#grow()
    return this.#used++
  }

  /** By a few rows: a table of some hundred contacts grows rarely, and stays. */
  #grow(): void {
    const capacity = this.#contacts.length + GROWTH
    const contacts = new Int32Array(capacity)
    contacts.set(this.#contacts)
    this.#contacts = contacts
    const times = new Uint32Array(2 * capacity)
    times.set(this.#times)
    this.#times = times
    const shorts = new Uint16Array(4 * capacity)
    shorts.set(this.#shorts)
    this.#shorts = shorts
  }
}

function ticks(now: Millis): number {
  return Math.floor(now / TICK) + 1
}
