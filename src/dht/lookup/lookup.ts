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
import { isContradictory, isUnknownTo } from './contradiction.ts'
import { K } from '../table/bucket-memory.ts'
import { soonestOf, usualRoundTrip } from './first-choice.ts'
import {
  countOf,
  heardEntry,
  isConfirmed,
  isCrowded,
  isTrusted,
  nearestOf,
  type LookupEntry,
} from './lookup-entry.ts'
import { makeRoom, MAX_RPCS } from './lookup-room.ts'
import { isSettled, QUORUM, stageOf, type Stage } from './lookup-stage.ts'
import { Refused } from './refused.ts'

/** Requests at once along the way: each answer opens another, and what they find is nearly the same. */
const ALPHA = 4
/** Requests at once near the target, once a node is known that may be one of the nearest: those it names would be asked anyway. */
const NEAR_ALPHA = 5
/** Resends to a node that a careful walk depends on, or a lookup that has found nothing. */
const MAX_RESENDS = 3
/** Resends to a node that only one other named: a list of victims must not become a flood. */
const MAX_RESENDS_TO_NAMED_ONCE = 1
/** Witnesses of a lookup that has found no peers, perhaps because it was led astray; any other walk asks at most one. */
const FRUITLESS_WITNESSES = 3
/** A node that is probably among this many nearest may be one of the {@link K} nearest. */
const REGION = 20
/** A walk in doubt asks all of these, so many at once. */
const REGION_ALPHA = 8

export interface LookupOptions {
  readonly target: Uint8Array
  readonly book: ContactBook
  /**
   * A careful walk is for storing: it is not over while one of the nearest might still answer. A fast one goes on
   * without those that are late.
   */
  readonly isCareful: boolean
  /** Nodes that do not count come after all others on the list, however near: they are asked when there is nobody else. */
  readonly counts: (contact: Contact) => boolean
  /** Whether it must not be led astray: it asks a witness, and may doubt what it found. */
  readonly isWary: boolean
  /** A fast walk that is for peers does not end without any while one of the nearest might still name some. */
  readonly seeksPeers: boolean
  /** The approximate size of the network: nobody may name more nodes near the target than there can be. */
  readonly networkSize: number
}

/** Retains its contacts until `close`. */
export class Lookup {
  readonly #target: Uint8Array
  readonly #book: ContactBook
  readonly #isCareful: boolean
  readonly #counts: (contact: Contact) => boolean
  readonly #density: Density
  readonly #isWary: boolean
  readonly #seeksPeers: boolean
  /** Those that count, nearest first, then the others. */
  readonly #entries: LookupEntry[] = []
  #rpcs = 0
  /** Of those it began with. */
  #usualMs: Millis | undefined
  readonly #witnesses: LookupEntry[] = []
  /** Nodes that were refused: somebody named more near the target than there can be. */
  readonly #refused: Refused
  #hasRelented = false
  #hasPeers = false
  #isInsisting = false
  #isInDoubt = false

  constructor({ target, book, isCareful, isWary, seeksPeers, counts, networkSize }: LookupOptions) {
    this.#target = target
    this.#book = book
    this.#isCareful = isCareful
    this.#counts = counts
    this.#density = new Density(networkSize)
    this.#refused = new Refused(book)
    this.#isWary = isWary && this.#density.isTelling
    this.#seeksPeers = seeksPeers
  }

  get rpcs(): number {
    return this.#rpcs
  }

  /** Steps between us and the nearest node that answered; 0 when none did. */
  get hops(): number {
    return this.#entries.find(({ state }) => state === 'answered')?.hops ?? 0
  }

  get answered(): number {
    return countOf(this.#entries, 'answered')
  }

  /** Whether the nodes found at first looked as if somebody had placed them there. */
  get isInDoubt(): boolean {
    return this.#isInDoubt
  }

  entryOf(contact: Contact): LookupEntry | undefined {
    for (const entry of this.#entries) if (entry.contact === contact) return entry
    return undefined
  }

  /** Adds a node that we know. @param rttMs infinite when it was never measured */
  onKnown(contact: Contact, rttMs: Millis): void {
    if (this.entryOf(contact) === undefined) this.#add(contact, undefined, rttMs)
  }

  /** Adds a node that `suggestedBy` named. */
  onHeard(contact: Contact, suggestedBy: LookupEntry): void {
    const known = this.entryOf(contact)
    if (known?.namers.includes(suggestedBy)) return
    suggestedBy.named++
    suggestedBy.reach = Math.max(suggestedBy.reach, this.#distanceOf(contact))
    if (known === undefined) this.#add(contact, suggestedBy, Number.POSITIVE_INFINITY)
    else known.namers.push(suggestedBy)
  }

  /** Nobody on the list. */
  #add(contact: Contact, suggestedBy: LookupEntry | undefined, rttMs: Millis): void {
    if (isCrowded(contact, this.#entries, this.#book)) return
    const counts = this.#counts(contact)
    const distance = this.#distanceOf(contact)
    if (suggestedBy !== undefined && !this.#admits(distance)) return this.#refused.add(contact, suggestedBy)
    let at = this.#entries.length
    while (at > 0 && this.#isBefore(contact, counts, this.#entries[at - 1]!)) at--
    const entry = heardEntry({ contact: this.#book.retain(contact), distance, rttMs, suggestedBy, counts })
    this.#entries.splice(at, 0, entry)
    const gone = makeRoom(this.#entries)
    if (gone !== undefined) this.#book.release(gone.contact)
  }

  /** Whom to ask now; undefined while enough are being asked, and at the end. */
  next(): LookupEntry | undefined {
    if (this.#rpcs >= MAX_RPCS) return undefined
    if (this.#asksRegion) return this.#nextInRegion()
    if (this.answered === 0) return this.#nextFirst()
    return this.#nextNearest() ?? this.#nextWitness()
  }

  #nextFirst(): LookupEntry | undefined {
    if (this.#waiting >= ALPHA) return undefined
    this.#usualMs ??= usualRoundTrip(this.#entries)
    return soonestOf(this.#entries, this.#usualMs)
  }

  #nextNearest(): LookupEntry | undefined {
    const isNear = this.#density.isWithin(REGION, this.#entries[0]?.distance ?? 1)
    const alpha = isNear ? NEAR_ALPHA : ALPHA
    let settled = 0
    let answered = 0
    let waiting = 0
    for (const entry of this.#entries) {
      // Nodes beyond the nearest are asked once these have failed, not while they may still answer.
      if (settled + waiting >= K && (waiting > 0 || answered >= QUORUM)) return undefined
      if (entry.state === 'answered') answered++
      if (isSettled(entry, this.#isPatient)) settled++
      if (entry.state === 'waiting' && ++waiting === alpha) return undefined
      if (entry.state === 'heard' && isTrusted(entry)) return entry
    }
    return undefined
  }

  /**
   * Once all of the nearest have been asked: the next one that none of them named. Liars at the first steps lead to each
   * other; a node that they do not know knows better.
   */
  #nextWitness(): LookupEntry | undefined {
    if (!this.#isWary) return undefined
    const nearest = this.#nearest
    if (nearest.length < K || nearest.some(({ state }) => state === 'heard')) return undefined
    const last = this.#witnesses.at(-1)
    // There was no room for its request, and meanwhile perhaps none for itself.
    if (last?.state === 'heard') {
      if (this.#entries.includes(last)) return last
      this.#witnesses.pop()
    }
    if (this.#witnesses.length >= this.#witnessesFor(nearest)) return undefined
    const witness = this.#entries.find(
      (entry) =>
        entry.state === 'heard' && isTrusted(entry) && !nearest.some((near) => entry.namers.includes(near)),
    )
    if (witness !== undefined) this.#witnesses.push(witness)
    return witness
  }

  /** A lookup that has found peers, at nodes spread as random ids are, needs no witness. */
  #witnessesFor(nearest: readonly LookupEntry[]): number {
    if (this.#isCareful) return 1
    if (!this.#hasPeers) return FRUITLESS_WITNESSES
    return this.#density.isOdd(K, nearest.at(-1)!.distance) ? 1 : 0
  }

  /** In doubt, every node is asked that counts and may be one of the nearest. */
  #nextInRegion(): LookupEntry | undefined {
    if (this.#waiting >= REGION_ALPHA) return undefined
    return this.#entries.find(
      (entry) =>
        entry.state === 'heard' &&
        entry.counts &&
        isTrusted(entry) &&
        this.#density.isWithin(REGION, entry.distance),
    )
  }

  onAsked(entry: LookupEntry): void {
    entry.state = 'waiting'
    entry.sends++
    this.#rpcs++
  }

  /** A node that had answered was asked once more: this only counts the request. */
  onAskedAgain(): void {
    this.#rpcs++
  }

  onReply(entry: LookupEntry, token: string | undefined): void {
    entry.state = 'answered'
    entry.token = token
  }

  /** Somebody named a peer. */
  onPeers(): void {
    this.#hasPeers = true
  }

  /** No reply in the usual time. @returns whether the request is to be sent again; its slot is free otherwise */
  onSoftTimeout(entry: LookupEntry): boolean {
    if (entry.state !== 'waiting') return false
    const isWorthIt = this.#isPatient && this.#nearest.includes(entry) && this.#maySendAgain(entry)
    if (isWorthIt) this.#onSentAgain(entry)
    else entry.state = 'late'
    return isWorthIt
  }

  /**
   * At the end, once: a lookup that has found no peers may have lost the answers of nodes that know some. From then on it is as
   * patient as a careful walk, until somebody names a peer.
   *
   * @returns the late nodes, whose requests are to be sent again
   */
  insist(): readonly LookupEntry[] {
    if (!this.#seeksPeers || this.#hasPeers || this.#isInsisting) return []
    this.#isInsisting = true
    const again: LookupEntry[] = []
    for (const entry of this.#nearest)
      if (entry.state === 'late' && this.#maySendAgain(entry)) {
        this.#onSentAgain(entry)
        again.push(entry)
      }
    return again
  }

  #maySendAgain(entry: LookupEntry): boolean {
    const resends = isConfirmed(entry) ? MAX_RESENDS : MAX_RESENDS_TO_NAMED_ONCE
    return entry.sends <= resends && this.#rpcs < MAX_RPCS
  }

  #onSentAgain(entry: LookupEntry): void {
    entry.state = 'waiting'
    entry.sends++
    this.#rpcs++
  }

  onFail(entry: LookupEntry): void {
    entry.state = 'failed'
    if (entry.suggestedBy !== undefined) entry.suggestedBy.badSuggestions++
  }

  /** Over: the nearest are settled, or there is nobody left to ask or to wait for. */
  get isFinished(): boolean {
    if (this.#asksRegion) return this.#isRegionAsked
    if (this.#witnesses.some(({ state }) => state === 'waiting')) return false
    const stage = this.#stage
    return stage === 'complete' || stage === 'exhausted'
  }

  /** Too few have answered, and nobody is left to ask: only others than those on the list can lead it on. */
  get isStranded(): boolean {
    if (this.#rpcs >= MAX_RPCS || this.#asksRegion) return false
    const stage = this.#stage
    return stage === 'late' || stage === 'exhausted'
  }

  get #stage(): Stage {
    return stageOf(this.#entries, { isPatient: this.#isPatient, isSpent: this.#rpcs >= MAX_RPCS })
  }

  /**
   * At the end, once: whether the end came too soon. If the nearest contradict each other, or are more than there should be,
   * somebody may have placed them there, the more so if the witness does not know them: the walk continues through the region.
   */
  doubt(): boolean {
    if (this.#isInDoubt || this.#hasRelented || !this.#isWary || this.#rpcs >= MAX_RPCS) return false
    const nearest = this.#nearest.filter(({ state }) => state === 'answered')
    const farthest = nearest.at(-1)?.distance ?? 0
    const isUsual = this.#density.isUsual(nearest.length, farthest)
    const isLikely = this.#density.isLikely(nearest.length, farthest)
    // A witness may be a newcomer that knows nobody, so its word alone is not enough.
    const isDenied = this.#witnesses.some(
      (witness) => witness.state === 'answered' && isUnknownTo(witness, nearest),
    )
    this.#isInDoubt =
      this.#refused.size > 0 || !isUsual || (!isLikely && isDenied) || isContradictory(nearest)
    return this.#isInDoubt
  }

  /**
   * At the end, after all doubt: a lookup that has found no peers asks the nodes that it refused after all. A node that has just
   * joined with many others may know so few that the network seems a tenth of its size; and there is nothing left to lose.
   *
   * @returns whether there is somebody to ask
   */
  relent(): boolean {
    if (!this.#seeksPeers || this.#hasPeers || this.#refused.size === 0) return false
    this.#hasRelented = true
    this.#refused.release((contact, suggestedBy) => {
      if (this.entryOf(contact) === undefined) this.#add(contact, suggestedBy, Number.POSITIVE_INFINITY)
    })
    return !this.isFinished
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
    this.#refused.release(() => undefined)
  }

  get #asksRegion(): boolean {
    return this.#isInDoubt && !this.#hasRelented
  }

  get #isRegionAsked(): boolean {
    const isSpent = this.#rpcs >= MAX_RPCS || this.#nextInRegion() === undefined
    return isSpent && this.#waiting === 0
  }

  get #waiting(): number {
    return countOf(this.#entries, 'waiting')
  }

  get #nearest(): readonly LookupEntry[] {
    return nearestOf(this.#entries)
  }

  #admits(distance: number): boolean {
    return this.#hasRelented || this.#density.admits(distance, this.#entries)
  }

  #isBefore(contact: Contact, counts: boolean, other: LookupEntry): boolean {
    if (counts !== other.counts) return counts
    return this.#book.compareDistance(contact, other.contact, this.#target) < 0
  }

  /** Whether it wants the answers of all of the nearest, where other walks do not wait for late ones. */
  get #isPatient(): boolean {
    return this.#isCareful || (this.#isInsisting && !this.#hasPeers)
  }

  #distanceOf(contact: Contact): number {
    return this.#book.distanceFraction(contact, this.#target)
  }
}
