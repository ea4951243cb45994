/** How many sources have each piece, and the wanted pieces in buckets by that number. */
import type { Bitfield } from '../protocol/bitfield.ts'

/** A source that brings more than one in so many of all pieces is counted in bulk, and the buckets are made anew. */
const BULK_FRACTION = 16
/** The place of a piece that is not wanted. */
const NOWHERE = -1

/**
 * One bucket behind the other in one array. A bucket has a place for each piece with that many sources; the places of those
 * that are not wanted come first and are empty:
 *
 *     bucket       0       | 1   | 2
 *     #pieces  [ . . . 7 2 | . 9 | 4 0 5 ]        . = empty
 *     #start     ^           ^     ^       ^
 *     #front           ^       ^   ^       ^
 *
 * Whatever happens to a piece moves one border or two by one place, and one other piece at most out of the way. In which
 * order the pieces of a bucket lie means nothing: whoever takes one draws it.
 *
 * Sources that have every piece are not told of: they change no piece's rank.
 */
export class Availability {
  /** For each piece, side by side because they are used together: how many sources have it, and its place. */
  readonly #columns: Int32Array
  readonly #pieces: Int32Array
  /** First place of each bucket; one more entry is the end of the last. */
  #start: Int32Array
  /** First place of each bucket that holds a piece. */
  #front: Int32Array
  /** Buckets below are empty. */
  #lowest = 0
  /** Counts have changed in bulk: the buckets do not agree with them until they are made anew. */
  #isStale = false

  constructor(wanted: Bitfield) {
    const { length, bytes } = wanted
    this.#columns = new Int32Array(16 * bytes.length)
    for (let piece = 0; piece < length; piece++)
      if (!wanted.has(piece)) this.#columns[2 * piece + 1] = NOWHERE
    this.#pieces = new Int32Array(length)
    this.#start = Int32Array.of(0, length)
    this.#front = Int32Array.of(0, length)
    this.#sort()
  }

  /** Sources that have `piece`. */
  countOf(piece: number): number {
    return this.#columns[2 * piece]!
  }

  /** Call it before buckets are looked at: what is told of sources may make them stale, nothing else does. */
  settle(): void {
    if (this.#isStale) this.#sort()
  }

  get bucketCount(): number {
    return this.#start.length - 1
  }

  /** The first bucket that holds a piece; `bucketCount` when none does. */
  get firstBucket(): number {
    const { bucketCount } = this
    while (this.#lowest < bucketCount && this.#front[this.#lowest] === this.#start[this.#lowest + 1])
      this.#lowest++
    return this.#lowest
  }

  /** The wanted pieces of a bucket are at places `frontOf(bucket) … endOf(bucket) - 1`. */
  frontOf(bucket: number): number {
    return this.#front[bucket]!
  }

  endOf(bucket: number): number {
    return this.#start[bucket + 1]!
  }

  at(place: number): number {
    return this.#pieces[place]!
  }

  /** `piece` is wanted no more. */
  take(piece: number): void {
    this.settle()
    const bucket = this.countOf(piece)
    this.#put(this.#pieces[this.#front[bucket]!]!, this.#placeOf(piece))
    this.#front[bucket]!++
    this.#columns[2 * piece + 1] = NOWHERE
  }

  /** `piece` is wanted again. */
  giveBack(piece: number): void {
    this.settle()
    const bucket = this.countOf(piece)
    this.#put(piece, --this.#front[bucket]!)
    this.#lowest = Math.min(this.#lowest, bucket)
  }

  onSource(bitfield: Bitfield, change: 1 | -1): void {
    if (bitfield.count * BULK_FRACTION > bitfield.length) this.#countAll(bitfield.bytes, change)
    else if (change === 1) bitfield.forEachSet((piece) => this.onHave(piece))
    else bitfield.forEachSet((piece) => this.#onLost(piece))
  }

  /** One more source has `piece`: the last place of its bucket becomes the first of the next. */
  onHave(piece: number): void {
    const bucket = this.#columns[2 * piece]!++
    if (this.#isStale) return
    if (bucket + 2 === this.#start.length) this.#addBuckets()
    const place = this.#placeOf(piece)
    const border = --this.#start[bucket + 1]!
    if (place === NOWHERE) {
      const front = --this.#front[bucket]!
      if (front < border) this.#put(this.#pieces[border]!, front)
    } else {
      this.#put(this.#pieces[border]!, place)
      this.#put(piece, --this.#front[bucket + 1]!)
    }
  }

  /** The first place of its bucket becomes the last of the one before. */
  #onLost(piece: number): void {
    const bucket = this.#columns[2 * piece]!--
    if (this.#isStale) return
    const place = this.#placeOf(piece)
    const border = this.#start[bucket]!++
    if (place === NOWHERE) {
      const front = this.#front[bucket - 1]!++
      if (front < border) this.#put(this.#pieces[front]!, border)
    } else {
      this.#put(this.#pieces[this.#front[bucket]!++]!, place)
      this.#put(piece, border)
      this.#lowest = Math.min(this.#lowest, bucket - 1)
    }
  }

  /** Without a branch a bit: which are set cannot be foreseen. */
  #countAll(bytes: Uint8Array, change: 1 | -1): void {
    const columns = this.#columns
    this.#isStale = true
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]!
      if (byte === 0) continue
      for (let bit = 0; bit < 8; bit++) columns[16 * index + 2 * bit]! += change * ((byte >>> (7 - bit)) & 1)
    }
  }

  /** Counting sort by availability. */
  #sort(): void {
    const columns = this.#columns
    const pieces = this.#pieces
    const end = 2 * pieces.length
    let highest = 0
    for (let at = 0; at < end; at += 2) if (columns[at]! > highest) highest = columns[at]!
    const start = new Int32Array(highest + 2)
    const front = new Int32Array(highest + 2)
    for (let at = 0; at < end; at += 2) {
      start[columns[at]! + 1]!++
      if (columns[at + 1] === NOWHERE) front[columns[at]!]!++
    }
    for (let bucket = 1; bucket < start.length; bucket++) start[bucket]! += start[bucket - 1]!
    for (let bucket = 0; bucket < front.length; bucket++) front[bucket]! += start[bucket]!
    const next = front.slice()
    for (let at = 0; at < end; at += 2) {
      if (columns[at + 1] === NOWHERE) continue
      const place = next[columns[at]!]!++
      pieces[place] = at >> 1
      columns[at + 1] = place
    }
    this.#start = start
    this.#front = front
    this.#lowest = 0
    this.#isStale = false
  }

  /** Empty ones, twice as many as there are. */
  #addBuckets(): void {
    const length = 2 * this.#start.length
    const { length: end } = this.#pieces
    const start = new Int32Array(length).fill(end)
    const front = new Int32Array(length).fill(end)
    start.set(this.#start)
    front.set(this.#front)
    this.#start = start
    this.#front = front
  }

  #placeOf(piece: number): number {
    return this.#columns[2 * piece + 1]!
  }

  #put(piece: number, place: number): void {
    this.#pieces[place] = piece
    this.#columns[2 * piece + 1] = place
  }
}
