/** How many sources have each piece, and the wanted pieces sorted into buckets by that number. */
import type { Bitfield } from '../protocol/bitfield.ts'
import { Bucket } from './bucket.ts'

/** A source that has more than one in this many pieces is counted in bulk. */
const BULK_FRACTION = 16
/** The buckets are rebuilt when as many counts have changed as one in this many pieces. */
const DRIFT_FRACTION = 4
/** At first only the rarest pieces are entered, about one in this many: they last for a while. */
const RARE_FRACTION = 16
/** Size of the sample of pieces that tells how rare those are. */
const SAMPLE = 512
/** What two neighbouring bits of a bitfield add to two neighbouring counts that are read as one number, in this machine's byte order. */
const PAIRS = new Int32Array(Uint16Array.of(0, 0, 0, 1, 1, 0, 1, 1).buffer)
const NEGATIVE_PAIRS = PAIRS.map((pair) => -pair)

export interface Sought {
  has(piece: number): boolean
}

export interface Scan {
  /** Place in the bucket where it begins; after the last place comes the first. */
  readonly from: number
  /** How many pieces are looked at. */
  readonly looks: number
  /** It ends when so many are found. */
  readonly most: number
}

/**
 * Counts change at once; the buckets are corrected lazily, by whoever looks into them. So a have costs one increment, a piece that
 * is begun costs nothing, and no piece has to know its place. The invariant:
 *
 * Every wanted piece has at least one entry in a bucket no higher than its count, unless its count is above the ceiling: such pieces
 * are of no use while there are rarer ones. An entry is void if its piece is not wanted or has another count. Whoever finds a void
 * entry drops it, or moves it to where its piece belongs now.
 *
 * Sources that have every piece are not counted: they change no piece's rank.
 */
export class Availability {
  /** The live one. */
  readonly #wanted: Bitfield
  /** By piece, padded to whole bytes of a bitfield. 16 bits are enough: a process has a few thousand sources at most. */
  readonly #counts: Uint16Array
  /** The same memory, two counts at a time. */
  readonly #countPairs: Int32Array
  /** The pieces of all buckets when they were built, and one place to spare. */
  readonly #pieces: Int32Array
  #buckets: Bucket[] = []
  /** Lower buckets are empty. */
  #lowest = 0
  /** Wanted pieces with a higher count are not entered. */
  #ceiling = -1
  /** How many pieces the buckets were built of. */
  #entered = 0
  /** Changes since the buckets were built, each of which has added one entry or made one void at most. */
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

  /** How many sources have `piece`. */
  countOf(piece: number): number {
    return this.#counts[piece]!
  }

  /** Rebuilds the buckets if too much has changed. To be called before they are looked at. */
  settle(): void {
    if (!this.#isStale) return
    this.#ceiling = -1
    this.#sort(this.#wanted.length / RARE_FRACTION)
  }

  /** Whether there is such a bucket: raises the ceiling until there is, or until every wanted piece is entered. */
  reaches(bucket: number): boolean {
    while (bucket >= this.#buckets.length && this.#ceiling < Infinity) this.#sort(2 * this.#entered)
    return bucket < this.#buckets.length
  }

  /** The lowest bucket that holds a piece; if none does, the number behind the last. */
  get firstBucket(): number {
    while (this.reaches(this.#lowest) && !this.#holdsAny(this.#lowest)) this.#lowest++
    return this.#lowest
  }

  /** Entries of a bucket, including void ones. */
  sizeOf(bucket: number): number {
    return this.#buckets[bucket]!.size
  }

  /**
   * Appends pieces of a bucket that `sought` has to `found`.
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

  /** Has no branch for each piece: a processor could not predict which bits are set. */
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
    // Pieces whose count fell have no entry where they belong now: the buckets must be rebuilt.
    this.#drift = change === 1 ? this.#drift + count : Infinity
  }

  /** Rebuilds the buckets, of about so many wanted pieces, the rarest, or of all. */
  #sort(least: number): void {
    this.#ceiling = this.#ceilingFor(least)
    const top = Math.min(this.#ceiling, this.#highest)
    this.#entered = this.#collect(top)
    // With only one bucket there is nothing to sort.
    const ends = top === 0 ? Int32Array.of(this.#entered) : this.#deal(top)
    if (this.#ceiling === Infinity) while (ends[this.#highest] === ends[this.#highest - 1]) this.#highest--
    this.#buckets = Array.from(ends, (end, bucket) => new Bucket(this.#pieces, ends[bucket - 1] ?? 0, end))
    this.#lowest = 0
    this.#drift = 0
  }

  /** Estimates, from a sample, a count that at least so many wanted pieces do not exceed. It is above the old ceiling, or Infinity. */
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
   * Collects, in order, the wanted pieces whose count does not exceed `top`. Without a branch, as above.
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

  /** Sorts the collected pieces by their counts. @returns where each bucket ends */
  #deal(top: number): Int32Array {
    const rare = this.#pieces.slice(0, this.#entered)
    const ends = new Int32Array(top + 1)
    // The first call is there for the sizes only: one loop, compiled once, serves both.
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

  /** Moves a piece that does not belong here up. If it belongs lower, it has an entry there since its count fell. */
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
