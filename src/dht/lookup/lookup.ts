/**
 * One iterative walk towards a target: which node to ask next, and when it is over. Pure: it is told what happened.
 *
 * Each node on the way is in one state:
 *
 *     heard ──asked──▶ waiting ──reply──▶ answered
 *                        │  ╲                ▲
 *                   soft timeout  ╲──failed   │ a late reply counts like any other
 *                        ▼                   │
 *                       late ────────────────┘
 */
import type { Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import { Density } from './density.ts'
import { K } from '../table/k-bucket.ts'

/** Requests at once to the nearest. */
const ALPHA = 5
/** Requests at first: to the fastest of the nearest that we know, as all of these know who is nearer. */
const FIRST_ALPHA = 4
const FIRST_CHOICE = 8
/** Nodes on the list; the farthest unasked one makes place. */
const MAX_ENTRIES = 64
/** Requests of one walk, resends included. */
export const MAX_RPCS = 80
/** Resends to a node that a careful walk depends on. */
const MAX_RESENDS = 3
/** The same to one that a single node named: a list of victims is no flood. */
const MAX_RESENDS_TO_NAMED_ONCE = 1
/** Of the nearest, those whose answers end a fast walk while the others are late. */
const QUORUM = K / 2
/** Nodes that somebody named and that turned out dead or false, after which the rest of what he named is not asked. */
const MAX_BAD_SUGGESTIONS = 3

export type EntryState = 'heard' | 'waiting' | 'late' | 'answered' | 'failed'

export interface LookupEntry {
  readonly contact: Contact
  /** Steps away from us: 1 for those we knew, one more for each referral. */
  readonly hops: number
  /** What is known of its round trip; infinite when it was never measured. */
  readonly rttMs: Millis
  readonly suggestedBy: LookupEntry | undefined
  /** See {@link LookupOptions.counts}. */
  readonly counts: boolean
  state: EntryState
  sends: number
  badSuggestions: number
  /** We know it, or a second node named it. */
  isConfirmed: boolean
  /** Permission to announce there. */
  token: string | undefined
}

export interface LookupOptions {
  readonly target: Uint8Array
  readonly book: ContactBook
  /**
   * A careful walk is for storing: it is not over while one of the nearest might still answer. A fast one goes on
   * without those that are late.
   */
  readonly isCareful: boolean
  /** Those who do not are behind all others on the list, however near: they are asked when there is nobody else. */
  readonly counts: (contact: Contact) => boolean
  /** How many nodes there are, roughly: nobody may name more of them near the target than there can be. */
  readonly networkSize: number
}

/** Retains its contacts until `close`. */
export class Lookup {
  readonly #target: Uint8Array
  readonly #book: ContactBook
  readonly #isCareful: boolean
  readonly #counts: (contact: Contact) => boolean
  readonly #density: Density
  /** Nearest first, of those who count, then of the others. */
  readonly #entries: LookupEntry[] = []
  #rpcs = 0

  constructor({ target, book, isCareful, counts, networkSize }: LookupOptions) {
    this.#target = target
    this.#book = book
    this.#isCareful = isCareful
    this.#counts = counts
    this.#density = new Density(networkSize)
  }

  get rpcs(): number {
    return this.#rpcs
  }

  /** Steps between us and the nearest node that answered; 0 when none did. */
  get hops(): number {
    return this.#entries.find(({ state }) => state === 'answered')?.hops ?? 0
  }

  get answered(): number {
    return this.#entries.filter(({ state }) => state === 'answered').length
  }

  entryOf(contact: Contact): LookupEntry | undefined {
    return this.#entries.find((entry) => entry.contact === contact)
  }

  /** Puts a node on the list that we know. @param rttMs infinite when it was never measured */
  onKnown(contact: Contact, rttMs: Millis): void {
    this.#add(contact, undefined, rttMs)
  }

  /** Puts a node on the list that `suggestedBy` named. */
  onHeard(contact: Contact, suggestedBy: LookupEntry): void {
    this.#add(contact, suggestedBy, Number.POSITIVE_INFINITY)
  }

  #add(contact: Contact, suggestedBy: LookupEntry | undefined, rttMs: Millis): void {
    const known = this.entryOf(contact)
    if (known !== undefined && known.suggestedBy !== suggestedBy) known.isConfirmed = true
    if (known !== undefined || this.#isCrowded(contact)) return
    const counts = this.#counts(contact)
    if (suggestedBy !== undefined && this.#isTooDense(contact)) return
    let at = this.#entries.length
    while (at > 0 && this.#isBefore(contact, counts, this.#entries[at - 1]!)) at--
    const hops = suggestedBy === undefined ? 1 : suggestedBy.hops + 1
    this.#entries.splice(at, 0, {
      contact: this.#book.retain(contact),
      hops,
      rttMs,
      suggestedBy,
      counts,
      state: 'heard',
      sends: 0,
      badSuggestions: 0,
      isConfirmed: suggestedBy === undefined,
      token: undefined,
    })
    if (this.#entries.length > MAX_ENTRIES) {
      const farthest = this.#entries.findLastIndex(({ state }) => state === 'heard')
      this.#book.release(this.#entries.splice(farthest, 1)[0]!.contact)
    }
  }

  /** Whom to ask now; undefined while enough are being asked, and at the end. */
  next(): LookupEntry | undefined {
    if (this.#rpcs >= MAX_RPCS) return undefined
    return this.answered === 0 ? this.#nextFirst() : this.#nextNearest()
  }

  #nextFirst(): LookupEntry | undefined {
    let waiting = 0
    let fastest: LookupEntry | undefined
    for (const entry of this.#entries.slice(0, FIRST_CHOICE)) {
      if (entry.state === 'waiting' && ++waiting === FIRST_ALPHA) return undefined
      if (entry.state !== 'heard' || !this.#isTrusted(entry)) continue
      if (fastest === undefined || entry.rttMs < fastest.rttMs) fastest = entry
    }
    return fastest ?? this.#nextNearest()
  }

  #nextNearest(): LookupEntry | undefined {
    let settled = 0
    let answered = 0
    let waiting = 0
    for (const entry of this.#entries) {
      // Those beyond the nearest are asked when these have let us down, not while they may still answer.
      if (settled + waiting >= K && (waiting > 0 || answered >= QUORUM)) return undefined
      if (entry.state === 'answered') answered++
      if (this.#isSettled(entry)) settled++
      if (entry.state === 'waiting' && ++waiting === ALPHA) return undefined
      if (entry.state === 'heard' && this.#isTrusted(entry)) return entry
    }
    return undefined
  }

  onAsked(entry: LookupEntry): void {
    entry.state = 'waiting'
    entry.sends++
    this.#rpcs++
  }

  onReply(entry: LookupEntry, token: string | undefined): void {
    entry.state = 'answered'
    entry.token = token
  }

  /** No reply in the usual time. @returns whether the request is to be sent again; its slot is free otherwise */
  onSoftTimeout(entry: LookupEntry): boolean {
    if (entry.state !== 'waiting') return false
    const isWorthIt =
      this.#isCareful &&
      entry.sends <= (entry.isConfirmed ? MAX_RESENDS : MAX_RESENDS_TO_NAMED_ONCE) &&
      this.#rpcs < MAX_RPCS &&
      this.#isAmongNearest(entry)
    if (isWorthIt) {
      entry.sends++
      this.#rpcs++
    } else entry.state = 'late'
    return isWorthIt
  }

  onFail(entry: LookupEntry): void {
    entry.state = 'failed'
    if (entry.suggestedBy !== undefined) entry.suggestedBy.badSuggestions++
  }

  /**
   * Over: the nearest are settled, or there is nobody left to ask or to wait for. With too few answers late ones are
   * waited for until they fail.
   */
  get isFinished(): boolean {
    const isSpent = this.#rpcs >= MAX_RPCS
    let settled = 0
    let answered = 0
    let isLateOneLeft = false
    for (const entry of this.#entries) {
      if (entry.state === 'answered') answered++
      if (this.#isSettled(entry)) settled++
      if (settled >= K && answered >= QUORUM) return true
      if (entry.state === 'waiting') return false
      if (entry.state === 'heard' && !isSpent && this.#isTrusted(entry)) return false
      if (entry.state === 'late') isLateOneLeft = true
    }
    return !isLateOneLeft
  }

  /** The nearest nodes that answered and that `accepts` takes. */
  closestAnswered(count: number, accepts: (entry: LookupEntry) => boolean = () => true): LookupEntry[] {
    const found: LookupEntry[] = []
    for (const entry of this.#entries) {
      if (found.length === count) break
      if (entry.state === 'answered' && accepts(entry)) found.push(entry)
    }
    return found
  }

  /** Releases all contacts. */
  close(): void {
    for (const { contact } of this.#entries) this.#book.release(contact)
    this.#entries.length = 0
  }

  /** Among the nearest that might still answer. */
  #isAmongNearest(entry: LookupEntry): boolean {
    let rank = 0
    for (const other of this.#entries) {
      if (other === entry) return true
      if (other.state !== 'failed' && ++rank === K) return false
    }
    return false
  }

  #isBefore(contact: Contact, counts: boolean, other: LookupEntry): boolean {
    if (counts !== other.counts) return counts
    return this.#book.compareDistance(contact, other.contact, this.#target) < 0
  }

  /** A fast walk does not wait for who is late, a careful one wants the answers of all. */
  #isSettled({ state }: LookupEntry): boolean {
    return state === 'answered' || (state === 'late' && !this.#isCareful)
  }

  #isTrusted({ suggestedBy }: LookupEntry): boolean {
    return suggestedBy === undefined || suggestedBy.badSuggestions < MAX_BAD_SUGGESTIONS
  }

  /** Whether with it there would be more nodes near the target than there can be. */
  #isTooDense(contact: Contact): boolean {
    const fraction = this.#book.distanceFraction(contact, this.#target)
    let within = 0
    let isIn = false
    for (const entry of this.#entries) {
      if (!entry.counts || entry.state === 'failed') continue
      const next = this.#book.distanceFraction(entry.contact, this.#target)
      if (!isIn && next > fraction) {
        isIn = true
        if (!this.#density.isPlausible(++within, fraction)) return true
      }
      within++
      if (isIn && !this.#density.isPlausible(within, next)) return true
    }
    return !isIn && !this.#density.isPlausible(within + 1, fraction)
  }

  /** One public address, or one endpoint, is on the list once: sixteen names of one victim are no flood. */
  #isCrowded(contact: Contact): boolean {
    const isPublic = this.#book.scope(contact) === 'public'
    const addressBits = this.#book.family === 4 ? 32 : 64
    return this.#entries.some(({ contact: other }) =>
      isPublic
        ? this.#book.isSameNetwork(other, contact, addressBits)
        : this.#book.isSameEndpoint(other, contact),
    )
  }
}
