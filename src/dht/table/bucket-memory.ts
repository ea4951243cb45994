/**
 * Memory for buckets: contacts whose ids share a given number of leading bits with ours, and those waiting for a place. A bucket
 * is a small integer, a handle into memory shared by all routing tables that share a book: a simulation has a million buckets.
 */
import type { Millis } from '../../protocol/ports.ts'
import { ContactColumns, NO_ROW, ticks, timeOf } from './contact-columns.ts'
import { NONE, type Contact, type ContactBook } from './contact.ts'
import { Freshness } from './freshness.ts'
import { Nearest } from './nearest.ts'

/** Contacts in a bucket, and nodes that answer for a hash (Kademlia's k). */
export const K = 8

/** Verified contacts that wait until a member goes: at least this many, and a share of a wide bucket's places. */
const MIN_REPLACEMENTS = 8
const REPLACEMENT_SHARE = 1 / 4

/** The outcome for a contact that answered us. */
export type InsertOutcome =
  /** In the table now. */
  | 'added'
  /** It was there, and is fresh again. */
  | 'known'
  /** The bucket is full of contacts that are not bad: it waits. See `RoutingTable.doubtedFor`. */
  | 'waiting'
  /** Ourselves, a second id at one endpoint, or more of one network than we take. */
  | 'refused'

declare const brand: unique symbol
export type Bucket = number & { readonly [brand]: 'Bucket' }

/** Words of a bucket. Its places, and where its rows begin: {@link NO_ROW} until it has its first member. */
const PLACES = 0
const FIRST = 1
const SIZE = 2
/** Where its replacements begin, and how many there are. */
const BENCH = 3
const WAITING = 4
/**
 * In ticks: no member was heard of before the first, and one at the second or later; 0 when nobody has looked. Times of members only
 * grow, so both hold until one comes or goes.
 */
const OLDEST = 5
const NEWEST = 6
const WORDS = 7

/**
 * The members of a bucket are a run of rows of the columns, the one that came last at the end; its replacements a run of bare
 * contacts, the one that answered last at the end. The replacements are retained here, the members by their table.
 */
export class BucketMemory {
  readonly columns = new ContactColumns()
  readonly freshness = new Freshness(this)
  readonly nearest: Nearest
  readonly #book: ContactBook
  #words = new Int32Array(0)
  #replacements = new Int32Array(0)
  #count = 0
  #benches = 0
  /** Closed ones, by their places; each has its rows still. */
  readonly #free = new Map<number, Bucket[]>()

  constructor(book: ContactBook) {
    this.#book = book
    this.nearest = new Nearest(book, this, this.freshness)
  }

  /**
   * An empty one. Its owner closes it.
   *
   * @param places how many members it takes; every one takes {@link K}
   */
  open(places: number): Bucket {
    const count = Math.max(K, places)
    const known = this.#free.get(count)?.pop()
    if (known !== undefined) return known
    const bucket = this.#count++ as Bucket
    this.#words = grown(this.#words, WORDS * this.#count)
    this.#words[WORDS * bucket + PLACES] = count
    this.#words[WORDS * bucket + FIRST] = NO_ROW
    return bucket
  }

  /** It must be empty; another bucket may reuse its place. */
  close(bucket: Bucket): void {
    this.clear(bucket)
    const places = this.#words[WORDS * bucket + PLACES]!
    const free = this.#free.get(places)
    if (free === undefined) this.#free.set(places, [bucket])
    else free.push(bucket)
  }

  /** The first of its rows. */
  first(bucket: Bucket): number {
    return this.#words[WORDS * bucket + FIRST]!
  }

  /** The row behind its last. */
  end(bucket: Bucket): number {
    return this.#words[WORDS * bucket + FIRST]! + this.#words[WORDS * bucket + SIZE]!
  }

  size(bucket: Bucket): number {
    return this.#words[WORDS * bucket + SIZE]!
  }

  /** A time before which no member was heard of. */
  oldest(bucket: Bucket): Millis {
    return timeOf(this.#words[WORDS * bucket + OLDEST]!)
  }

  /** A time at which a member was heard of, or before it. */
  newest(bucket: Bucket): Millis {
    return timeOf(this.#words[WORDS * bucket + NEWEST]!)
  }

  /** All members were looked at: none was heard of before this time. */
  setOldest(bucket: Bucket, at: Millis): void {
    this.#words[WORDS * bucket + OLDEST] = ticks(at)
  }

  /** A member was heard of. */
  setNewest(bucket: Bucket, at: Millis): void {
    this.#words[WORDS * bucket + NEWEST] = ticks(at)
  }

  /** The one that came last comes first. */
  rows(bucket: Bucket): number[] {
    const last = this.end(bucket) - 1
    return Array.from({ length: this.size(bucket) }, (_, at) => last - at)
  }

  /** {@link NO_ROW} when it is no member. */
  rowOf(bucket: Bucket, contact: Contact): number {
    const first = this.first(bucket)
    for (let row = this.end(bucket) - 1; row >= first; row--)
      if (this.columns.contact(row) === contact) return row
    return NO_ROW
  }

  /** @returns its row */
  add(bucket: Bucket, contact: Contact, now: Millis): number {
    const row = this.#newRow(bucket)
    this.columns.fill(row, contact, now)
    const oldest = WORDS * bucket + OLDEST
    this.#words[oldest] = Math.min(this.#words[oldest]!, ticks(now))
    return row
  }

  /** Those who came later move up. */
  remove(bucket: Bucket, row: number): void {
    this.columns.copy(row + 1, row, this.end(bucket) - row - 1)
    this.#words[WORDS * bucket + SIZE]!--
    this.#words[WORDS * bucket + NEWEST] = 0
  }

  /** Moves the members that belong there to an empty bucket. Waiting contacts are released. */
  split(bucket: Bucket, deeper: Bucket, belongsThere: (contact: Contact) => boolean): void {
    for (const row of this.rows(bucket)) this.#take(deeper, row)
    this.clear(bucket)
    for (let row = this.first(deeper); row < this.end(deeper);) {
      if (belongsThere(this.columns.contact(row))) row++
      else {
        this.#take(bucket, row)
        this.remove(deeper, row)
      }
    }
  }

  /** Remembers a contact that has just answered us; the one that answered longest ago makes room. */
  addReplacement(bucket: Bucket, contact: Contact): void {
    this.#book.retain(contact)
    // One endpoint is one chance: another id there, or an older answer, is forgotten.
    const same = this.#findReplacement(bucket, (other) => this.#book.isSameEndpoint(other, contact))
    const waiting = this.#waiting(bucket)
    const isFull = waiting >= Math.max(MIN_REPLACEMENTS, REPLACEMENT_SHARE * this.size(bucket))
    if (same >= 0) this.#drop(bucket, same)
    else if (isFull) this.#drop(bucket, 0)
    this.#replacements[this.#bench(bucket) + this.#waiting(bucket)] = contact
    this.#words[WORDS * bucket + WAITING]!++
  }

  /** Takes the one that answered last; its caller now holds it. */
  takeReplacement(bucket: Bucket): Contact {
    if (this.#waiting(bucket) === 0) return NONE
    return this.#replacement(bucket, --this.#words[WORDS * bucket + WAITING]!)
  }

  dropReplacement(bucket: Bucket, contact: Contact): void {
    const at = this.#findReplacement(bucket, (other) => other === contact)
    if (at >= 0) this.#drop(bucket, at)
  }

  clear(bucket: Bucket): void {
    const waiting = this.#waiting(bucket)
    for (let at = 0; at < waiting; at++) this.#book.release(this.#replacement(bucket, at))
    this.#words[WORDS * bucket + WAITING] = 0
    this.#words[WORDS * bucket + SIZE] = 0
    this.#words[WORDS * bucket + OLDEST] = 0
    this.#words[WORDS * bucket + NEWEST] = 0
  }

  /** Adds a member of another bucket, as it is. */
  #take(bucket: Bucket, row: number): void {
    this.columns.copy(row, this.#newRow(bucket), 1)
  }

  /** The row behind its last one. A bucket without members has no memory yet. */
  #newRow(bucket: Bucket): number {
    if (this.first(bucket) === NO_ROW) this.#settle(bucket)
    return this.first(bucket) + this.#words[WORDS * bucket + SIZE]!++
  }

  #settle(bucket: Bucket): void {
    const places = this.#words[WORDS * bucket + PLACES]!
    this.#words[WORDS * bucket + FIRST] = this.columns.allocate(places)
    this.#words[WORDS * bucket + BENCH] = this.#benches
    this.#benches += Math.max(MIN_REPLACEMENTS, Math.ceil(REPLACEMENT_SHARE * places))
    this.#replacements = grown(this.#replacements, this.#benches)
  }

  #bench(bucket: Bucket): number {
    return this.#words[WORDS * bucket + BENCH]!
  }

  #waiting(bucket: Bucket): number {
    return this.#words[WORDS * bucket + WAITING]!
  }

  #replacement(bucket: Bucket, at: number): Contact {
    return this.#replacements[this.#bench(bucket) + at] as Contact
  }

  #findReplacement(bucket: Bucket, isIt: (contact: Contact) => boolean): number {
    const waiting = this.#waiting(bucket)
    for (let at = 0; at < waiting; at++) if (isIt(this.#replacement(bucket, at))) return at
    return NONE
  }

  #drop(bucket: Bucket, at: number): void {
    this.#book.release(this.#replacement(bucket, at))
    const bench = this.#bench(bucket)
    const behind = bench + this.#words[WORDS * bucket + WAITING]!--
    this.#replacements.copyWithin(bench + at, bench + at + 1, behind)
  }
}

/** The same array, or one with room for `length`: at least twice as long. */
function grown(words: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  if (length <= words.length) return words
  const longer = new Int32Array(Math.max(length, 2 * words.length))
  longer.set(words)
  return longer
}
