/** How many sources have each piece, and the wanted pieces ordered by it: rarest first. */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Random } from '../protocol/ports.ts'
import { shuffled, type PieceOrder } from './piece-order.ts'

/** A source that brings more than one in so many of the wanted pieces is counted in bulk, and the order sorted anew. */
const BULK_FRACTION = 16

/**
 * Wanted pieces in buckets by availability, one behind the other in one array:
 *
 *     pieces   [ . . . | 7 2 | 9 | 4 0 5 | … ]        . = not wanted
 *                front ^     ^   ^
 *               start[0]  start[1] start[2] …
 *
 * A `have` moves a piece over one boundary: two swaps. A piece that leaves lets every bucket before its own give its
 * first place to its last; pieces are taken from the rarest bucket, so there is hardly one before.
 * Inside a bucket the order is random and stays so, because whatever enters one changes places with a random member:
 * leechers that started together spread over the swarm instead of chasing the same piece.
 *
 * Sources that have every piece are only counted: they change no piece's rank.
 */
export class RarestFirst implements PieceOrder {
  readonly #random: Random
  readonly #pieces: Uint32Array
  readonly #position: Uint32Array
  /** Sources that have the piece, of those that do not have everything. Kept for pieces that are not wanted, too. */
  readonly #count: Uint16Array
  readonly #wanted: Uint8Array
  /** First position of each bucket; the last entry is `end`. Entries below `front` stand for it: those buckets are empty. */
  #start: Uint32Array
  #front: number
  #seeds = 0
  /** Counts have changed in bulk: the buckets do not agree with them until they are sorted anew. */
  #isStale = false
  readonly end: number

  constructor(wanted: Bitfield, random: Random) {
    const { length } = wanted
    this.#random = random
    this.#pieces = new Uint32Array(length)
    this.#position = new Uint32Array(length)
    this.#count = new Uint16Array(length)
    this.#wanted = new Uint8Array(length)
    this.end = length
    const front = length - wanted.count
    this.#front = front
    this.#pieces.set(shuffled(wanted, random), front)
    for (let at = front; at < length; at++) {
      this.#position[this.#pieces[at]!] = at
      this.#wanted[this.#pieces[at]!] = 1
    }
    this.#start = Uint32Array.of(front, length)
  }

  get front(): number {
    return this.#front
  }

  get size(): number {
    return this.end - this.front
  }

  /** Sources that have `piece`. */
  availabilityOf(piece: number): number {
    return this.#seeds + this.#count[piece]!
  }

  at(position: number): number {
    if (this.#isStale) this.#sort()
    return this.#pieces[position]!
  }

  rankOf(piece: number): number {
    if (this.#isStale) this.#sort()
    return this.#position[piece]!
  }

  walkFrom(piece: number): number {
    return piece
  }

  insert(piece: number): void {
    if (this.#isStale) this.#sort()
    this.#wanted[piece] = 1
    const bucket = this.#count[piece]!
    this.#reach(bucket)
    // Every bucket before its own moves one place to the front: its last member goes there.
    let hole = this.#front - 1
    for (let before = 0; before < bucket; before++) {
      const last = this.#startOf(before + 1) - 1
      if (last !== hole) this.#place(this.#pieces[last]!, hole)
      hole = last
      this.#start[before + 1] = last
    }
    // The empty ones behind it began where the first member of all was: at the old front.
    for (let behind = bucket + 1; this.#start[behind]! < this.#front; behind++)
      this.#start[behind] = this.#front
    this.#start[0] = --this.#front
    this.#settle(piece, hole, bucket)
  }

  remove(piece: number): void {
    if (this.#isStale) this.#sort()
    this.#wanted[piece] = 0
    let hole = this.#position[piece]!
    for (let bucket = this.#count[piece]!; hole !== this.#front; bucket--) {
      const first = this.#startOf(bucket)
      if (first !== hole) this.#place(this.#pieces[first]!, hole)
      hole = first
      this.#start[bucket] = first + 1
    }
    this.#front++
  }

  onSource(bitfield: Bitfield, change: 1 | -1): void {
    const count = this.#count
    if (bitfield.count * BULK_FRACTION > this.size) {
      this.#isStale = true
      const { bytes } = bitfield
      for (let at = 0; at < bytes.length; at++)
        for (let byte = bytes[at]!, piece = 8 * at; byte !== 0; byte = (byte << 1) & 0xff, piece++)
          if (byte >= 0x80) count[piece]! += change
    } else if (change === 1) bitfield.forEachSet((piece) => this.onHave(piece))
    else bitfield.forEachSet((piece) => this.#onLost(piece))
  }

  onSeed(change: 1 | -1): void {
    this.#seeds += change
  }

  onHave(piece: number): void {
    const bucket = this.#count[piece]!++
    if (this.#isStale || this.#wanted[piece] === 0) return
    this.#reach(bucket + 1)
    const last = this.#startOf(bucket + 1) - 1
    this.#start[bucket + 1] = last
    this.#place(this.#pieces[last]!, this.#position[piece]!)
    this.#settle(piece, last, bucket + 1)
  }

  #onLost(piece: number): void {
    const bucket = this.#count[piece]!--
    if (this.#isStale || this.#wanted[piece] === 0) return
    const first = this.#startOf(bucket)
    // A bucket that was empty begins where this one did.
    this.#start[bucket - 1] = this.#startOf(bucket - 1)
    this.#start[bucket] = first + 1
    this.#place(this.#pieces[first]!, this.#position[piece]!)
    this.#settle(piece, first, bucket - 1)
  }

  #startOf(bucket: number): number {
    return Math.max(this.#front, this.#start[bucket]!)
  }

  /** `piece` enters a bucket that has grown by the free place `edge`: it changes places with a random member. */
  #settle(piece: number, edge: number, bucket: number): void {
    const first = this.#startOf(bucket)
    const at = first + this.#random.int(this.#start[bucket + 1]! - first)
    if (at !== edge) this.#place(this.#pieces[at]!, edge)
    this.#place(piece, at)
  }

  /** Makes sure that there is a bucket of that number. */
  #reach(bucket: number): void {
    if (bucket + 1 < this.#start.length) return
    const wider = new Uint32Array(2 * bucket + 4).fill(this.end)
    wider.set(this.#start)
    this.#start = wider
  }

  /** Counting sort by availability; pieces of one bucket keep their random order. */
  #sort(): void {
    const front = this.#front
    const before = this.#pieces.slice(front)
    const count = this.#count
    const buckets = new Uint16Array(before.length)
    let highest = 0
    for (let i = 0; i < before.length; i++) {
      const bucket = count[before[i]!]!
      buckets[i] = bucket
      if (bucket > highest) highest = bucket
    }
    const start = new Uint32Array(highest + 3)
    for (let i = 0; i < buckets.length; i++) start[buckets[i]! + 1]!++
    start[0] = front
    for (let bucket = 1; bucket < start.length; bucket++) start[bucket]! += start[bucket - 1]!
    const next = start.slice()
    const pieces = this.#pieces
    const position = this.#position
    for (let i = 0; i < before.length; i++) {
      const at = next[buckets[i]!]!++
      pieces[at] = before[i]!
      position[before[i]!] = at
    }
    this.#start = start
    this.#isStale = false
  }

  #place(piece: number, at: number): void {
    this.#pieces[at] = piece
    this.#position[piece] = at
  }
}
