/**
 * What the routing table remembers of each of its contacts, in typed columns: 18 bytes a row. Which rows belong to whom is up
 * to the buckets: the rows of each lie side by side, so that to look through one is to read memory in its order.
 */
import type { Millis } from '../../protocol/ports.ts'
import type { Contact } from './contact.ts'

/** Rows that are added when there are too few. */
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

/** Nothing in them: what every empty table begins with. */
const NO_CONTACTS = new Int32Array(0)
const NO_TIMES = new Uint32Array(0)
const NO_SHORTS = new Uint16Array(0)

export class ContactColumns {
  #contacts = NO_CONTACTS
  /** Two of each row: when it answered, and when it asked us something. */
  #times = NO_TIMES
  /** Three of each row: smoothed round trip, its variation, and failures since the last answer. */
  #shorts = NO_SHORTS

  /** A contact's first word to us makes it a row, whatever was there before. */
  fill(row: number, contact: Contact, now: Millis): void {
    if (row >= this.#contacts.length) this.#grow(row + 1)
    this.#contacts[row] = contact
    this.#times[2 * row] = ticks(now)
    this.#times[2 * row + 1] = 0
    this.#shorts.fill(0, 3 * row, 3 * row + 3)
  }

  /** Copies the rows `from … from + count - 1` to `to` and those behind. */
  copy(from: number, to: number, count: number): void {
    const end = to + count
    if (end > this.#contacts.length) this.#grow(end)
    this.#contacts.copyWithin(to, from, from + count)
    this.#times.copyWithin(2 * to, 2 * from, 2 * (from + count))
    this.#shorts.copyWithin(3 * to, 3 * from, 3 * (from + count))
  }

  /** Forgets all rows, and gives back their memory. */
  clear(): void {
    this.#contacts = NO_CONTACTS
    this.#times = NO_TIMES
    this.#shorts = NO_SHORTS
  }

  contact(row: number): Contact {
    return this.#contacts[row] as Contact
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
    return this.#shorts[3 * row + 2]!
  }

  /** Smoothed round trip; undefined before the first sample. */
  srtt(row: number): Millis | undefined {
    const srtt = this.#shorts[3 * row]!
    return srtt === 0 ? undefined : srtt * RTT_UNIT
  }

  /** Retransmission timeout as in RFC 6298, unclamped; undefined before the first sample. */
  rto(row: number): Millis | undefined {
    const srtt = this.#shorts[3 * row]!
    return srtt === 0 ? undefined : (srtt + 4 * this.#shorts[3 * row + 1]!) * RTT_UNIT
  }

  /** @param rttMs undefined when a resend makes it ambiguous */
  onReply(row: number, now: Millis, rttMs: Millis | undefined): void {
    this.#times[2 * row] = ticks(now)
    this.#shorts[3 * row + 2] = 0
    if (rttMs === undefined) return
    // Zero means that there is no sample yet.
    const sample = Math.min(MAX_RTT, Math.max(1, rttMs / RTT_UNIT))
    const srtt = this.#shorts[3 * row]!
    const rttvar = this.#shorts[3 * row + 1]!
    if (srtt === 0) {
      this.#shorts[3 * row] = Math.round(sample)
      this.#shorts[3 * row + 1] = Math.round(sample / 2)
      return
    }
    const error = sample - srtt
    this.#shorts[3 * row] = Math.round(srtt + SRTT_WEIGHT * error)
    this.#shorts[3 * row + 1] = Math.round(rttvar + RTTVAR_WEIGHT * (Math.abs(error) - rttvar))
  }

  onRequest(row: number, now: Millis): void {
    this.#times[2 * row + 1] = ticks(now)
  }

  /** So many requests in a row stayed without an answer. */
  onTimeout(row: number, requests: number): void {
    this.#shorts[3 * row + 2] = Math.min(255, this.#shorts[3 * row + 2]! + requests)
  }

  /** By a few rows: a table of some hundred contacts grows rarely, and stays. */
  #grow(rows: number): void {
    const capacity = GROWTH * Math.ceil(rows / GROWTH)
    const contacts = new Int32Array(capacity)
    contacts.set(this.#contacts)
    this.#contacts = contacts
    const times = new Uint32Array(2 * capacity)
    times.set(this.#times)
    this.#times = times
    const shorts = new Uint16Array(3 * capacity)
    shorts.set(this.#shorts)
    this.#shorts = shorts
  }
}

function ticks(now: Millis): number {
  return Math.floor(now / TICK) + 1
}
