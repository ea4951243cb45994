/** How many sources have each piece, and the wanted pieces in buckets by that number. */
import type { Bitfield } from '../protocol/bitfield.ts'
import { Bucket } from './bucket.ts'

/** A source that has more than one in so many of all pieces is counted in bulk. */
const BULK_FRACTION = 16
/** The buckets are made anew when counts have changed as often as one in so many of all pieces. */
const DRIFT_FRACTION = 4
/** One in so many of all pieces is entered at first, the rarest: they last for a while. */
const RARE_FRACTION = 16
/** Pieces by which it is judged how rare those are. */
const SAMPLE = 512
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
 * Every wanted piece is entered, at least once, in a bucket that is no higher than its count, or its count is above the
 * ceiling: the others are of no use while there are rarer ones. An entry is void when its piece is not wanted or has
 * another count. Who comes upon a void one drops it, or moves it where its piece belongs now.
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
  /** What the buckets were made of, and one place to spare. */
  readonly #pieces: Int32Array
  #buckets: Bucket[] = []
  /** Buckets below are empty. */
  #lowest = 0
  /** Wanted pieces with a higher count are not entered. */
  #ceiling = -1
  /** Pieces that the buckets were made of. */
  #entered = 0
  /** Changes since the buckets were made: each has added an entry at most, or made one void. */
  #drift = Infinity
  /** No wanted piece has a higher count. */
  #highest = 0

  /** @param wanted the live one: its owner clears a bit, or sets it and calls {@link giveBack} */
  constructor(wanted: Bitfield) {
    this.#wanted = wanted
    this.#counts = new Uint16Array(8 * wanted.bytes.length)
    this.#countPairs = new Int32Array(this.#counts.buffer)
    this.#pieces = new Int32Array(wanted.length + 1)
  }

  /** Sources that have `piece`. */
  countOf(piece: number): number {
    return this.#counts[piece]!
  }

  /** Call it before buckets are looked at. */
  settle(): void {
    if (!this.#isStale) return
    this.#ceiling = -1
    this.#sort(this.#wanted.length / RARE_FRACTION)
  }

  /** Whether there is such a bucket. Raises the ceiling until there is, or every wanted piece is entered. */
  reaches(bucket: number): boolean {
    while (bucket >= this.#buckets.length && this.#ceiling < Infinity) this.#sort(2 * this.#entered)
    return bucket < this.#buckets.length
  }

  /** The first bucket that holds a piece; one that is not there when none does. */
  get firstBucket(): number {
    while (this.reaches(this.#lowest) && !this.#holdsAny(this.#lowest)) this.#lowest++
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
    for (let index = 0, at = 0; index < bytes.length; index++, at += 4) {
      const byte = bytes[index]!
      pairs[at]! += added[byte >>> 6]!
      pairs[at + 1]! += added[(byte >>> 4) & 3]!
      pairs[at + 2]! += added[(byte >>> 2) & 3]!
      pairs[at + 3]! += added[byte & 3]!
    }
    if (change === 1) this.#highest++
    // Pieces whose count fell are not entered where they belong.
    this.#drift = change === 1 ? this.#drift + count : Infinity
  }

  /** Makes the buckets anew, of about so many wanted pieces, the rarest, or of all. */
  #sort(least: number): void {
    this.#ceiling = this.#ceilingFor(least)
    const top = Math.min(this.#ceiling, this.#highest)
    this.#entered = this.#collect(top)
    // Those that nobody has are all equally rare.
    const ends = top === 0 ? Int32Array.of(this.#entered) : this.#deal(top)
    if (this.#ceiling === Infinity) while (ends[this.#highest] === ends[this.#highest - 1]) this.#highest--
    this.#buckets = Array.from(ends, (end, bucket) => new Bucket(this.#pieces, ends[bucket - 1] ?? 0, end))
    this.#lowest = 0
    this.#drift = 0
  }

  /** A count that about so many wanted pieces do not exceed, as a sample has it: above the old one, or Infinity. */
  #ceilingFor(least: number): number {
    const { length } = this.#wanted
    const step = Math.ceil(length / SAMPLE)
    const sample = new Uint16Array(SAMPLE)
    let size = 0
    for (let piece = 0; piece < length; piece += step)
      if (this.#wanted.has(piece)) sample[size++] = this.#counts[piece]!
    sample.subarray(0, size).sort()
    for (let place = Math.ceil(least / step); place < size; place++)
      if (sample[place]! > this.#ceiling) return sample[place]!
    return Infinity
  }

  /**
   * Enters wanted pieces with no higher count than `top`, in their order. Without a branch: which they are cannot be foreseen.
   *
   * @returns how many
   */
  #collect(top: number): number {
    const counts = this.#counts
    const pieces = this.#pieces
    const { bytes } = this.#wanted
    let found = 0
    for (let index = 0, piece = 0; index < bytes.length; index++) {
      const byte = bytes[index]!
      for (let bit = 7; bit >= 0; bit--, piece++) {
        pieces[found] = piece
        found += ((counts[piece]! - top - 1) >>> 31) & (byte >>> bit)
      }
    }
    return found
  }

  /** Counting sort of those that are entered. @returns where each bucket ends */
  #deal(top: number): Int32Array {
    const rare = this.#pieces.slice(0, this.#entered)
    const ends = new Int32Array(top + 1)
    // The first time it only measures: the same loop, which is compiled by then.
    this.#enterEach(rare, ends)
    let start = 0
    for (let bucket = 0; bucket <= top; bucket++) {
      const size = ends[bucket]!
      ends[bucket] = start
      start += size
    }
    this.#enterEach(rare, ends)
    return ends
  }

  #enterEach(rare: Int32Array, ends: Int32Array): void {
    const counts = this.#counts
    const pieces = this.#pieces
    for (let at = 0; at < rare.length; at++) {
      const piece = rare[at]!
      pieces[ends[counts[piece]!]!++] = piece
    }
  }

  get #isStale(): boolean {
    return this.#drift * DRIFT_FRACTION > this.#wanted.length
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
    if (bucket > this.#ceiling) return
    while (this.#buckets.length <= bucket) this.#buckets.push(new Bucket(this.#pieces, 0, 0))
    this.#buckets[bucket]!.add(piece)
    if (bucket < this.#lowest) this.#lowest = bucket
  }
}
