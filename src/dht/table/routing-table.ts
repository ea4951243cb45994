/**
 * The contacts we know, in most detail near ourselves: buckets by the number of leading id bits shared with ours. Only the
 * last one, which covers our own place, splits.
 *
 * Only contacts that answered a request of ours get in ({@link RoutingTable.onReply}). A contact is *good* while it
 * answers, *questionable* when it has been silent, *bad* when it failed repeatedly. A bad one is replaced by a waiting
 * contact; a good one only by one that covers the bucket better ({@link displacedBy}).
 * The table sends nothing: it says whom to ask ({@link RoutingTable.doubtedFor}) and is told the outcome.
 */
import { commonPrefixLength, type NodeId } from '../../protocol/ids.ts'
import type { Millis } from '../../protocol/ports.ts'
import { NO_ROW, type ContactColumns } from './contact-columns.ts'
import { GUEST, NONE, type Contact, type ContactBook } from './contact.ts'
import type { Freshness, Refresh } from './freshness.ts'
import { BucketMemory, K, type Bucket, type InsertOutcome } from './bucket-memory.ts'
import type { TableObserver } from './table-observer.ts'
import { estimateNetworkSize } from './network-size.ts'
import type { NearestQuery } from './nearest.ts'
import { isCrowded, isNotAlone } from './network-limits.ts'
import { displacedBy, slotBits, wideCapacityAt } from './table-shape.ts'

/** Requests in a row without an answer after which a contact is bad. */
const MAX_FAILS = 2
/** The buckets around ourselves, in which every contact matters; others need {@link K} contacts, and more are welcome. */
const NEAR_BUCKETS = 2

export interface RoutingTableOptions {
  readonly ownId: NodeId
  readonly book: ContactBook
  /** Shared by all tables with the same book; by default the table has its own. */
  readonly memory?: BucketMemory | undefined
  /** Contacts in the bucket at `depth` shared bits, a power of two up to 1,024; by default {@link wideCapacityAt}. */
  readonly capacityAt?: (depth: number) => number
  readonly observer?: TableObserver
}

export class RoutingTable {
  readonly #ownId: NodeId
  readonly #book: ContactBook
  readonly #capacityAt: (depth: number) => number
  readonly #observer: TableObserver | undefined
  readonly #memory: BucketMemory
  readonly #columns: ContactColumns
  readonly #freshness: Freshness
  readonly #buckets: Bucket[]
  #size = 0
  #estimatedSize: number | undefined
  #repliedAt: Millis = Number.NEGATIVE_INFINITY

  constructor({ ownId, book, memory, capacityAt, observer }: RoutingTableOptions) {
    this.#ownId = ownId
    this.#book = book
    this.#capacityAt = capacityAt ?? wideCapacityAt
    this.#observer = observer
    this.#memory = memory ?? new BucketMemory(book)
    this.#columns = this.#memory.columns
    this.#freshness = this.#memory.freshness
    this.#buckets = [this.#memory.open(this.#capacityAt(0))]
  }

  get size(): number {
    return this.#size
  }

  /** Buckets; the last one holds all contacts that share at least `depth - 1` bits with us. */
  get depth(): number {
    return this.#buckets.length
  }

  has(contact: Contact): boolean {
    return this.#rowOf(contact) >= 0
  }

  /** Whether `contact` is in the table and answered us after `since`. */
  hasAnsweredSince(contact: Contact, since: Millis): boolean {
    const row = this.#rowOf(contact)
    return row >= 0 && this.#columns.repliedAt(row) >= since
  }

  /** How many answered us after `since`. */
  answeredSince(since: Millis): number {
    return this.#freshness.answeredSince(this.#buckets, since)
  }

  /** Whether a contact with this id is worth a ping: wide buckets fill up by answers that come anyway. */
  hasRoomFor(contact: Contact): boolean {
    return this.#wantsAt(this.#book.commonPrefix(contact, this.#ownId)) && this.#rowOf(contact) === NO_ROW
  }

  /** Whether contacts with the id at an offset are, unless they are in the table. */
  hasRoomAt(ids: Uint8Array, offset: number): boolean {
    return this.#wantsAt(commonPrefixLength(this.#ownId, ids, offset))
  }

  /** @param depth bits shared with us; nobody shares all of them */
  #wantsAt(depth: number): boolean {
    return depth < 160 && !this.hasEnough(Math.min(depth, this.#buckets.length - 1))
  }

  /** `contact` answered a request of ours, from that endpoint, with that id. */
  onReply(contact: Contact, now: Millis, rttMs: Millis | undefined): InsertOutcome {
    this.#repliedAt = Math.max(this.#repliedAt, now)
    const row = this.#rowOf(contact)
    if (row < 0) return this.#insert(contact, now, rttMs)
    this.#columns.onReply(row, now, rttMs)
    this.#memory.setNewest(this.#bucketOf(contact), now)
    return 'known'
  }

  /** `contact` sent us a request, which keeps a member of the table good. @returns whether it is a member */
  onRequest(contact: Contact, now: Millis): boolean {
    const row = this.#rowOf(contact)
    if (row >= 0) this.#columns.onRequest(row, now)
    return row >= 0
  }

  /**
   * A request to `contact` got no answer.
   *
   * @param requests how often it was sent; 0 while nobody answers us, because then the fault is ours
   * @returns the replacement to ping when a place became free, or {@link NONE}; the caller holds it
   */
  onTimeout(contact: Contact, requests: number): Contact {
    const row = this.#rowOf(contact)
    if (row < 0) {
      this.#memory.dropReplacement(this.#bucketOf(contact), contact)
      return NONE
    }
    const fails = requests + (this.#columns.hasFailed(row) ? 1 : 0)
    if (fails < MAX_FAILS) {
      if (fails > 0) this.#columns.onFail(row)
      return NONE
    }
    const index = this.bucketIndexOf(contact)
    this.#remove(row, index, 'silent')
    return this.hasEnough(index) ? NONE : this.#memory.takeReplacement(this.#buckets[index]!)
  }

  /** The endpoint answers with another id: the contact is gone for good. */
  onWrongId(contact: Contact): void {
    const row = this.#rowOf(contact)
    if (row >= 0) this.#remove(row, this.bucketIndexOf(contact), 'changed its id')
  }

  /** After `waiting`: the questionable member that a ping decides about, silent for longest; or {@link NONE}. */
  doubtedFor(contact: Contact, now: Millis): Contact {
    const row = this.#freshness.doubted(this.#bucketOf(contact), now)
    return row === NO_ROW ? NONE : this.#columns.contact(row)
  }

  /**
   * The contact to ask next, and when: of each near bucket the one that was silent for longest, of the others the one heard of
   * last, because a node that uses the network hears of more anyway. {@link NONE} in an empty table.
   */
  nextRefresh({ near, far }: { readonly near: Millis; readonly far: Millis }): Refresh {
    let contact = NONE
    let first = Number.POSITIVE_INFINITY
    // Near ones first: they are due soonest, so that most of the others need hardly be looked at.
    for (let index = this.#buckets.length - 1; index >= 0; index--) {
      const bucket = this.#buckets[index]!
      const isNear = this.#isNear(index)
      const row = isNear ? this.#freshness.mostSilent(bucket) : this.#freshness.freshest(bucket, first - far)
      if (row === NO_ROW) continue
      const at = isNear ? this.#freshness.silentSince(row) + near : this.#freshness.heardAt(row) + far
      if (at > first) continue
      contact = this.#columns.contact(row)
      first = at
    }
    return { contact, at: first }
  }

  /**
   * Forgets contacts that are never refreshed, those beyond {@link K} in far buckets, if they had been silent for this long
   * when somebody last answered us: while we are cut off, nobody is forgotten.
   */
  forgetSurplus(silence: Millis): void {
    const since = this.#repliedAt - silence
    for (let index = 0; index < this.#buckets.length; index++) {
      const bucket = this.#buckets[index]!
      while (this.#memory.size(bucket) > this.#wantedAt(index)) {
        const row = this.#freshness.stalestBefore(bucket, since)
        if (row === NO_ROW) break
        this.#remove(row, index, 'not heard of')
      }
    }
  }

  /** Which bucket a contact belongs to. */
  bucketIndexOf(contact: Contact): number {
    return Math.min(this.#book.commonPrefix(contact, this.#ownId), this.#buckets.length - 1)
  }

  /** Whether a bucket has the contacts that matter. */
  hasEnough(bucket: number): boolean {
    return this.#memory.size(this.#buckets[bucket]!) >= this.#wantedAt(bucket)
  }

  isFull(bucket: number): boolean {
    return this.#memory.size(this.#buckets[bucket]!) >= this.#capacity(bucket)
  }

  /** Measured round trip of a contact; undefined when there is none. */
  srtt(contact: Contact): Millis | undefined {
    const row = this.#rowOf(contact)
    return row < 0 ? undefined : this.#columns.srtt(row)
  }

  /** Measured retransmission timeout of a contact; undefined when there is none. */
  rto(contact: Contact): Millis | undefined {
    const row = this.#rowOf(contact)
    return row < 0 ? undefined : this.#columns.rto(row)
  }

  /** The `count` contacts nearest to `target`, nearest first. */
  closest(target: Uint8Array, count: number): Contact[] {
    return this.#nearest({ target, count })
  }

  /** The `count` nearest that we may name to others: good, and without an unanswered request. */
  closestGood(
    target: Uint8Array,
    count: number,
    now: Millis,
    accepts: (contact: Contact) => boolean,
  ): Contact[] {
    return this.#nearest({ target, count, named: { now, accepts } })
  }

  #nearest(query: NearestQuery): Contact[] {
    const own = Math.min(commonPrefixLength(this.#ownId, query.target), this.#buckets.length - 1)
    return this.#memory.nearest.among(this.#buckets, own, query)
  }

  /** The approximate number of nodes in the network. */
  estimatedNetworkSize(): number {
    return (this.#estimatedSize ??= estimateNetworkSize(this, this.#ownId, this.#book))
  }

  /** All contacts, bucket by bucket, our neighbours first, for a caller that cannot keep all. */
  contacts(): Contact[] {
    const contacts: Contact[] = []
    for (let index = this.#buckets.length - 1; index >= 0; index--) {
      const bucket = this.#buckets[index]!
      const end = this.#memory.end(bucket)
      for (let row = this.#memory.first(bucket); row < end; row++) contacts.push(this.#columns.contact(row))
    }
    return contacts
  }

  /** Those heard of last, of all buckets. */
  heardLast(count: number): Contact[] {
    return this.#freshness.heardLast(this.#buckets, count)
  }

  /** Our own id has changed: each contact gets the place where it belongs now, if there is one. */
  remap(): void {
    const known = this.#buckets.flatMap((bucket) =>
      this.#memory.rows(bucket).map((row) => {
        const contact = this.#book.retain(this.#columns.contact(row))
        return { contact, at: this.#columns.repliedAt(row), rtt: this.#columns.srtt(row) }
      }),
    )
    this.clear()
    for (const { contact, at, rtt } of known) {
      this.#insert(contact, at, rtt)
      this.#book.release(contact)
    }
  }

  /** Releases everything. */
  clear(): void {
    this.close()
    this.#buckets.push(this.#memory.open(this.#capacityAt(0)))
  }

  /** As {@link clear}; the table must not be used afterwards. */
  close(): void {
    for (const contact of this.contacts()) this.#book.release(contact)
    for (const bucket of this.#buckets.splice(0)) this.#memory.close(bucket)
    this.#size = 0
    this.#estimatedSize = undefined
  }

  #insert(contact: Contact, now: Millis, rttMs: Millis | undefined): InsertOutcome {
    if (this.#book.hasId(contact, this.#ownId)) return 'refused'
    const akin = this.#akin(contact)
    if (akin.length > 0 && this.#isImpostor(contact, akin)) return 'refused'
    for (;;) {
      const index = this.bucketIndexOf(contact)
      const bucket = this.#buckets[index]!
      if (isCrowded(contact, { book: this.#book, contacts: akin, table: this })) return 'refused'
      if (this.#memory.size(bucket) >= this.#capacity(index)) {
        if (index === this.#buckets.length - 1) {
          this.#split()
          continue
        }
        if (!this.#makeRoom(contact, index, akin, rttMs)) {
          this.#memory.addReplacement(bucket, contact)
          return 'waiting'
        }
      }
      this.#memory.dropReplacement(bucket, contact)
      const row = this.#memory.add(bucket, this.#book.retain(contact), now)
      this.#columns.onReply(row, now, rttMs)
      this.#size++
      this.#estimatedSize = undefined
      this.#observer?.onChange(contact, 'added', 'answered')
      return 'added'
    }
  }

  /** A known id at a new endpoint may be forged: the old endpoint keeps its place. An endpoint with a new id loses it. */
  #isImpostor(contact: Contact, akin: readonly Contact[]): boolean {
    if (akin.some((other) => this.#book.isSameId(other, contact))) return true
    const before = akin.find((other) => this.#book.isSameEndpoint(other, contact))
    if (before !== undefined) this.#remove(this.#rowOf(before), this.bucketIndexOf(before), 'changed its id')
    return false
  }

  /** @returns whether a place became free in a full bucket */
  #makeRoom(contact: Contact, index: number, akin: readonly Contact[], rttMs: Millis | undefined): boolean {
    const bucket = this.#buckets[index]!
    if (isNotAlone(contact, { book: this.#book, contacts: akin })) return false
    const last = this.#memory.end(bucket) - 1
    const unmeasured = Number.POSITIVE_INFINITY
    const displacedAt = displacedBy(
      { slot: this.#slotOf(contact, index), rttMs: rttMs ?? unmeasured },
      {
        size: this.#memory.size(bucket),
        slotAt: (at) => this.#slotOf(this.#columns.contact(last - at), index),
        rttAt: (at) => this.#columns.srtt(last - at) ?? unmeasured,
      },
    )
    if (displacedAt < 0) return false
    const displaced = last - displacedAt
    this.#memory.addReplacement(bucket, this.#columns.contact(displaced))
    this.#remove(displaced, index, 'displaced')
    return true
  }

  /** The part of the bucket's ids that a contact is in: the bits after the one that differs from ours. */
  #slotOf(contact: Contact, index: number): number {
    return this.#book.idBits(contact, index + 1, slotBits(this.#capacity(index)))
  }

  /** The last bucket holds no replacements: it splits before anybody has to wait. */
  #split(): void {
    const depth = this.#buckets.length - 1
    const deeper = this.#memory.open(this.#capacityAt(depth + 1))
    this.#memory.split(
      this.#buckets[depth]!,
      deeper,
      (contact) => this.#book.commonPrefix(contact, this.#ownId) > depth,
    )
    this.#buckets.push(deeper)
  }

  #remove(row: number, index: number, reason: string): void {
    const contact = this.#columns.contact(row)
    this.#memory.remove(this.#buckets[index]!, row)
    this.#size--
    this.#estimatedSize = undefined
    this.#observer?.onChange(contact, 'removed', reason)
    this.#book.release(contact)
  }

  /** The few members that may have an id, an endpoint or a network in common with a contact. */
  #akin(contact: Contact): Contact[] {
    const akin: Contact[] = []
    for (const bucket of this.#buckets)
      for (let row = this.#memory.first(bucket), end = this.#memory.end(bucket); row < end; row++) {
        const other = this.#columns.contact(row)
        if (this.#book.isAkin(other, contact)) akin.push(other)
      }
    return akin
  }

  #isNear(index: number): boolean {
    return index >= this.#buckets.length - NEAR_BUCKETS
  }

  /** Contacts that a bucket should have. */
  #wantedAt(index: number): number {
    return this.#isNear(index) ? this.#capacityAt(index) : Math.min(K, this.#capacityAt(index))
  }

  /** The last bucket is never wide: it splits early, so that the depth tells how near our neighbours are. */
  #capacity(index: number): number {
    const capacity = this.#capacityAt(index)
    return index === this.#buckets.length - 1 ? Math.min(K, capacity) : capacity
  }

  #bucketOf(contact: Contact): Bucket {
    return this.#buckets[this.bucketIndexOf(contact)]!
  }

  #rowOf(contact: Contact): number {
    return contact === GUEST ? NO_ROW : this.#memory.rowOf(this.#bucketOf(contact), contact)
  }
}
