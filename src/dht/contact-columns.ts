/** What the routing table remembers of each of its contacts, in typed columns: some 22 bytes a row. */
import type { Millis } from '../protocol/ports.ts'
import { NONE, type Contact } from './contact.ts'

const FIRST_CAPACITY = 16

/** Times are kept in tenths of a second, which last 13 years in 32 bits; 0 stands for never. */
const TICK: Millis = 100

/** RFC 6298: weights of a new sample. */
const SRTT_WEIGHT = 1 / 8
const RTTVAR_WEIGHT = 1 / 4

export class ContactColumns {
  #contacts = new Int32Array(FIRST_CAPACITY)
  #replied = new Uint32Array(FIRST_CAPACITY)
  #asked = new Uint32Array(FIRST_CAPACITY)
  #srtt = new Float32Array(FIRST_CAPACITY)
  #rttvar = new Float32Array(FIRST_CAPACITY)
  #fails = new Uint8Array(FIRST_CAPACITY)
  readonly #free: number[] = []
  #used = 0

  /** Rows ever used, free ones among them: the bound for a walk over all. */
  get bound(): number {
    return this.#used
  }

  add(contact: Contact, now: Millis): number {
    const row = this.#free.pop() ?? this.#used++
    if (row === this.#contacts.length) this.#grow()
    this.#contacts[row] = contact
    this.#replied[row] = ticks(now)
    this.#asked[row] = 0
    this.#srtt[row] = 0
    this.#rttvar[row] = 0
    this.#fails[row] = 0
    return row
  }

  remove(row: number): void {
    this.#contacts[row] = NONE
    this.#free.push(row)
  }

  /** {@link NONE} in a free row. */
  contact(row: number): Contact {
    return this.#contacts[row]! as Contact
  }

  /** When it last answered us, rounded down to 0.1 s. */
  repliedAt(row: number): Millis {
    return (this.#replied[row]! - 1) * TICK
  }

  /** Whether it sent us a request after `since`. */
  hasAskedSince(row: number, since: Millis): boolean {
    return this.#asked[row] !== 0 && (this.#asked[row]! - 1) * TICK >= since
  }

  /** Requests without an answer since the last answer. */
  fails(row: number): number {
    return this.#fails[row]!
  }

  /** Smoothed round trip; undefined before the first sample. */
  srtt(row: number): Millis | undefined {
    return this.#srtt[row] === 0 ? undefined : this.#srtt[row]!
  }

  /** Retransmission timeout as in RFC 6298, unclamped; undefined before the first sample. */
  rto(row: number): Millis | undefined {
    return this.#srtt[row] === 0 ? undefined : this.#srtt[row]! + 4 * this.#rttvar[row]!
  }

  /** @param rttMs undefined when a resend makes it ambiguous */
  onReply(row: number, now: Millis, rttMs: Millis | undefined): void {
    this.#replied[row] = ticks(now)
    this.#fails[row] = 0
    if (rttMs === undefined) return
    // Zero means that there is no sample yet.
    const sample = Math.max(rttMs, 0.001)
    if (this.#srtt[row] === 0) {
      this.#srtt[row] = sample
      this.#rttvar[row] = sample / 2
      return
    }
    const error = sample - this.#srtt[row]!
    this.#rttvar[row]! += RTTVAR_WEIGHT * (Math.abs(error) - this.#rttvar[row]!)
    this.#srtt[row]! += SRTT_WEIGHT * error
  }

  onRequest(row: number, now: Millis): void {
    this.#asked[row] = ticks(now)
  }

  /** @returns how often in a row it has failed now */
  onTimeout(row: number): number {
    this.#fails[row] = Math.min(255, this.#fails[row]! + 1)
    return this.#fails[row]!
  }

  #grow(): void {
    const capacity = 2 * this.#contacts.length
    const grown = <T extends Int32Array | Uint32Array | Float32Array | Uint8Array>(to: T, from: T): T => {
      to.set(from)
      return to
    }
    this.#contacts = grown(new Int32Array(capacity), this.#contacts)
    this.#replied = grown(new Uint32Array(capacity), this.#replied)
    this.#asked = grown(new Uint32Array(capacity), this.#asked)
    this.#srtt = grown(new Float32Array(capacity), this.#srtt)
    this.#rttvar = grown(new Float32Array(capacity), this.#rttvar)
    this.#fails = grown(new Uint8Array(capacity), this.#fails)
  }
}

function ticks(now: Millis): number {
  return Math.floor(now / TICK) + 1
}
