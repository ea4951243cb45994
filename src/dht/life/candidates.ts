/**
 * Nodes that we only heard of: they are pinged, and enter the routing table by their answer. On a LAN at once, so
 * that a second joiner hears of the first; on the Internet later and slowly, when the hole that the sender's NAT opened
 * for us has closed, as who is only reachable through such a hole is of no use to others.
 */
import { endpointKeyOf } from '../../protocol/endpoint.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Cancel, Clock, Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import { K } from '../table/bucket-memory.ts'
import type { Pinger } from './ping.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import { profileOf } from '../wire/source-limiter.ts'

/** Nodes that wait for their ping; further ones are not remembered. */
const MAX_WAITING = 512
/** Pings of candidates at once. */
const MAX_PINGS = 32
const NAT_HOLE_LIFETIME: Millis = 90_000
/**
 * A node that is alone with a few newcomers must soon be able to name them, even if some turn out to be of no use. So must one
 * that has not been there for as long as a hole lasts: many may have come with it, and nobody knows who is near whom.
 */
const EARLY_WAIT: Millis = 1_000
/** Between two pings of candidates on the Internet. */
const SPACING: Millis = 500

/** One endpoint gets one ping in this time, under however many ids it is named: we are nobody's flood. */
const ONCE_IN: Millis = 5_000
/** Endpoints remembered for that. */
const MAX_RECENT = 512

export interface CandidatesOptions extends Pinger {
  readonly clock: Clock
  readonly book: ContactBook
  /** Those whom it has room for are pinged, and soon while it has hardly anybody. */
  readonly table: Pick<RoutingTable, 'hasRoomFor' | 'size'>
}

export class Candidates {
  readonly #options: CandidatesOptions
  /** When each may be pinged, in the order of arrival. */
  readonly #waiting = new LazyMap<Contact, Millis>()
  /** When each endpoint was offered last and taken, oldest first. */
  readonly #recent = new LazyMap<number | string, Millis>()
  readonly #startedAt: Millis
  #pings = 0
  #pinged: Millis = Number.NEGATIVE_INFINITY
  #timer: Cancel | undefined
  /** When it goes off; infinity when it does not. */
  #timerAt: Millis = Number.POSITIVE_INFINITY

  constructor(options: CandidatesOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** @param isUnsolicited it sent us a request; otherwise another node named it */
  offer(contact: Contact, isUnsolicited: boolean): void {
    const { book, clock, table } = this.#options
    if (this.#waiting.size >= MAX_WAITING || this.#waiting.has(contact) || !table.hasRoomFor(contact)) return
    if (!this.#isFirst(contact)) return
    const isHole = isUnsolicited && profileOf(book.scope(contact)) === 'wan'
    const now = clock.now()
    const isEarly = table.size < K || now < this.#startedAt + NAT_HOLE_LIFETIME
    const wait = isHole ? (isEarly ? EARLY_WAIT : NAT_HOLE_LIFETIME) : 0
    this.#waiting.set(book.retain(contact), now + wait)
    const due = this.#dueAt(contact, now + wait)
    if (Math.min(due, this.#timerAt) <= now) this.#pingDue()
    else if (due < this.#timerAt) this.#wakeAt(due)
  }

  /** @param at when it may be pinged, for its own part */
  #dueAt(contact: Contact, at: Millis): Millis {
    const isPublic = profileOf(this.#options.book.scope(contact)) === 'wan'
    return isPublic ? Math.max(at, this.#pinged + SPACING) : at
  }

  #isFirst(contact: Contact): boolean {
    const key = endpointKeyOf(this.#options.book.endpoint(contact))
    const now = this.#options.clock.now()
    for (const [old, at] of this.#recent) {
      if (at > now - ONCE_IN && this.#recent.size < MAX_RECENT) break
      this.#recent.delete(old)
    }
    if (this.#recent.has(key)) return false
    this.#recent.set(key, now)
    return true
  }

  close(): void {
    this.#timer?.()
    for (const contact of this.#waiting.keys()) this.#options.book.release(contact)
    this.#waiting.clear()
  }

  #pingDue(): void {
    const { book, clock, table } = this.#options
    const now = clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const [contact, at] of this.#waiting) {
      if (this.#pings >= MAX_PINGS) break
      const due = this.#dueAt(contact, at)
      if (due > now) {
        next = Math.min(next, due)
        continue
      }
      const isSent = table.hasRoomFor(contact) && this.#ping(contact)
      if (isSent && profileOf(book.scope(contact)) === 'wan') this.#pinged = now
      this.#waiting.delete(contact)
      book.release(contact)
    }
    if (next !== this.#timerAt) this.#wakeAt(next)
  }

  #wakeAt(at: Millis): void {
    const { clock } = this.#options
    this.#timer?.()
    this.#timerAt = at
    if (at === Number.POSITIVE_INFINITY) return
    this.#timer = clock.after(at - clock.now(), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#pingDue()
    })
  }

  #ping(contact: Contact): boolean {
    const isSent = this.#options.ping(contact, () => {
      const wasFull = this.#pings-- === MAX_PINGS
      // Otherwise all who are due have been pinged.
      if (wasFull || this.#timerAt <= this.#options.clock.now()) this.#pingDue()
    })
    if (isSent) this.#pings++
    return isSent
  }
}
