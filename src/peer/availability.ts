/** How many sources have each piece, and the wanted pieces in buckets by that number. */
import type { Bitfield } from '../protocol/bitfield.ts'
import { Bucket } from './bucket.ts'

/** A source that has more than one in so many of all pieces is counted in bulk. */
const BULK_FRACTION = 16
/** The buckets are made anew when counts have changed as often as one in so many of all pieces. */
const DRIFT_FRACTION = 4
/** What two neighbours in a bitfield add to two neighbours among the counts, in the byte order of this machine. */
const PAIRS = new Int32Array(Uint16Array.of(0, 0, 0, 1, 1, 0, 1, 1).buffer)
const NEGATIVE_PAIRS = PAIRS.map((pair) => -pair)

export interface Sought {
  has(piece: number): boolean
}

export interface Scan {
  /** Place in the bucket where it begins; behind the last comes the first. */
  readonly from: number
  /** How many pieces are looked at. */
  readonly looks: number
  /** It ends when so many are found. */
  readonly most: number
}

/**
 * A count is told at once; the buckets follow when somebody looks. So a have costs one increment, a piece that is taken
 * costs nothing, and no piece needs to know its place:
 *
 * Every wanted piece is entered, at least once, in a bucket that is no higher than its count. An entry is void when its
 * piece is not wanted or has another count. Who comes upon a void one drops it, or moves it where its piece belongs now.
 *
 * Sources that have every piece are not told of: they change no piece's rank.
 */
export class Availability {
  /** The live one. */
  readonly #wanted: Bitfield
  /** One for each bit of the wanted ones' bytes. A process has some thousand sources at most. */
  readonly #counts: Uint16Array
  /** The same memory, two counts each. */
  readonly #countPairs: Int32Array
  readonly #pieces: Int32Array
  #buckets: Bucket[] = []
  /** Buckets below are empty. */
  #lowest = 0
  /** Changes since the buckets were made: each has added an entry at most, or made one void. */
  #drift = Infinity
  /** No wanted piece has a higher count. */
  #highest = 0

  /** @param wanted the live one: its owner clears a bit, or sets it and calls {@link giveBack} */
  constructor(wanted: Bitfield) {
    this.#wanted = wanted
    this.#counts = new Uint16Array(8 * wanted.bytes.length)
    this.#countPairs = new Int32Array(this.#counts.buffer)
    this.#pieces = new Int32Array(wanted.length)
  }

  /** Sources that have `piece`. */
  countOf(piece: number): number {
    return this.#counts[piece]!
  }

  /** Call it before buckets are looked at. */
  settle(): void {
    if (this.#isStale) this.#sort()
  }

  get bucketCount(): number {
    return this.#buckets.length
  }

  /** The first bucket that holds a piece; `bucketCount` when none does. */
  get firstBucket(): number {
    while (this.#lowest < this.#buckets.length && !this.#holdsAny(this.#lowest)) this.#lowest++
    return this.#lowest
  }

  /** Places of a bucket, those with void entries counted. */
  sizeOf(bucket: number): number {
    return this.#buckets[bucket]!.size
  }

  /**
   * Appends pieces of a bucket that are sought to `found`.
   *
   * @returns how many were looked at
   */
  scan(bucket: number, sought: Sought, { from, looks, most }: Scan, found: number[]): number {
    const entries = this.#buckets[bucket]!
    let looked = 0
    for (let place = from; looked < looks && found.length < most;) {
      if (place >= entries.size) {
        if (entries.size === 0) break
        place = 0
      }
      const piece = entries.at(place)
      if (!this.#wanted.has(piece)) {
        entries.removeAt(place)
        continue
      }
      looked++
      if (!sought.has(piece)) place++
      else if (this.#counts[piece] === bucket) {
        found.push(piece)
        place++
      } else this.#move(entries, place, bucket)
    }
    return looked
  }

  /** `piece` is wanted again. */
  giveBack(piece: number): void {
    this.#highest = Math.max(this.#highest, this.#counts[piece]!)
    this.#drift++
    this.#enter(piece)
  }

  onSource(bitfield: Bitfield, change: 1 | -1): void {
    if (bitfield.count * BULK_FRACTION > bitfield.length) this.#countAll(bitfield, change)
    else if (change === 1) bitfield.forEachSet((piece) => this.onHave(piece))
    else bitfield.forEachSet((piece) => this.#onLost(piece))
  }

  /** One more source has `piece`. */
  onHave(piece: number): void {
    const count = ++this.#counts[piece]!
    if (count > this.#highest) this.#highest = count
    this.#drift++
  }

  #onLost(piece: number): void {
    this.#counts[piece]!--
    this.#drift++
    if (this.#wanted.has(piece)) this.#enter(piece)
  }

  /** Without a branch a piece: which are set cannot be foreseen. */
  #countAll({ bytes, count }: Bitfield, change: 1 | -1): void {
    const pairs = this.#countPairs
    const added = change === 1 ? PAIRS : NEGATIVE_PAIRS
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]!
      for (let pair = 0; pair < 4; pair++) pairs[4 * index + pair]! += added[(byte >>> (6 - 2 * pair)) & 3]!
    }
    if (change === 1) this.#highest++
    // Pieces whose count fell are not entered where they belong.
    this.#drift = change === 1 ? this.#drift + count : Infinity
  }

  /** Counting sort. Each pass is a function of its own: so it is compiled while it runs for the first time. */
  #sort(): void {
    const sizes = new Int32Array(this.#highest + 1)
    this.#measure(sizes)
    while (this.#highest > 0 && sizes[this.#highest] === 0) this.#highest--
    const ends = new Int32Array(this.#highest + 1)
    for (let bucket = 1; bucket < ends.length; bucket++) ends[bucket] = ends[bucket - 1]! + sizes[bucket - 1]!
    const starts = ends.slice()
    this.#fill(ends)
    this.#buckets = Array.from(ends, (end, bucket) => new Bucket(this.#pieces, starts[bucket]!, end))
    this.#lowest = 0
    this.#drift = 0
  }

  /** Counts how many wanted pieces each bucket holds. */
  #measure(sizes: Int32Array): void {
    const counts = this.#counts
    const { bytes } = this.#wanted
    for (let piece = 0; piece < counts.length; piece++)
      sizes[counts[piece]!]! += (bytes[piece >>> 3]! >>> (7 - (piece & 7))) & 1
  }

  /** Enters each wanted piece at the end of its bucket. */
  #fill(ends: Int32Array): void {
    const counts = this.#counts
    const pieces = this.#pieces
    const { bytes } = this.#wanted
    for (let piece = 0; piece < counts.length; piece++)
      if ((bytes[piece >>> 3]! & (0x80 >>> (piece & 7))) !== 0) pieces[ends[counts[piece]!]!++] = piece
  }

  get #isStale(): boolean {
    return this.#drift * DRIFT_FRACTION > this.#pieces.length
  }

  #holdsAny(bucket: number): boolean {
    const entries = this.#buckets[bucket]!
    while (entries.size > 0) {
      const last = entries.size - 1
      const piece = entries.at(last)
      if (!this.#wanted.has(piece)) entries.removeAt(last)
      else if (this.#counts[piece] === bucket) return true
      else this.#move(entries, last, bucket)
    }
    return false
  }

  /** A piece that does not belong here. Where it belongs when that is lower, it was entered when its count fell. */
  #move(entries: Bucket, place: number, bucket: number): void {
    const piece = entries.at(place)
    entries.removeAt(place)
    if (this.#counts[piece]! > bucket) this.#enter(piece)
  }

  #enter(piece: number): void {
    if (this.#isStale) return
    const bucket = this.#counts[piece]!
    while (this.#buckets.length <= bucket) this.#buckets.push(new Bucket(this.#pieces, 0, 0))
    this.#buckets[bucket]!.add(piece)
    if (bucket < this.#lowest) this.#lowest = bucket
  }
}
