/** The rarest piece that a source has: among equally rare ones a random one, and after it its neighbours. */
import type { Bitfield } from '../protocol/bitfield.ts'
import { shuffle } from '../protocol/chance.ts'
import type { Random } from '../protocol/ports.ts'
import { Availability } from './availability.ts'
import type { PieceOrder } from './piece-order.ts'
import type { Search } from './search.ts'
import type { SourceQueue } from './source-queue.ts'

/** Random draws from a bucket before it is searched in order: mostly one of them finds a piece that the source has. */
const MAX_DRAWS = 4
/** Places in a row that one draw looks at, because neighbours in memory are cheaper to look at than random places … */
const MAX_LOOKS = 16
/** … provided that a bucket has this many times as many: leechers that start together must find different pieces. */
const MIN_ROWS = 256
/** For a source that has fewer than one in this many pieces, its own pieces are walked: draws from a bucket would nearly all be in vain. */
const SPARSE_FRACTION = 64
/** Pieces that such a walk collects, to be begun in turn. */
const WALK_SAMPLE = 16

export interface RarestFirstOptions {
  /** Otherwise all pieces count as equally rare, and are begun in random order. */
  readonly isRanked: boolean
  /** Pieces that are drawn together, a group beginning at a multiple of it; 1 to draw each by itself. */
  readonly groupSize: number
}

/**
 * A new piece is drawn at random among the equally rare ones, so that leechers which started together spread over the torrent instead
 * of chasing the same pieces. Small pieces are drawn in groups: what lies side by side is read and written at once, on both disks.
 */
export class RarestFirst implements PieceOrder {
  /** The live bitfield of pieces of which nothing has been requested. */
  readonly #wanted: Bitfield
  readonly #random: Random
  readonly #isRanked: boolean
  readonly #groupSize: number
  readonly #availability: Availability
  /** How often a piece has become wanted again: then a source that had nothing we want may have something. */
  #insertions = 0

  constructor(wanted: Bitfield, random: Random, { isRanked, groupSize }: RarestFirstOptions) {
    this.#wanted = wanted
    this.#random = random
    this.#isRanked = isRanked
    this.#groupSize = groupSize
    this.#availability = new Availability(wanted)
  }

  choose(queue: SourceQueue, round: number): number {
    const { search } = queue
    search.renew(round, this.#insertions)
    if (search.barrenCount === queue.bitfield.count) return -1
    const availability = this.#availability
    availability.settle()
    search.bucket = Math.max(search.bucket, availability.firstBucket)
    const next = search.last + 1
    if (next % this.#groupSize > 0 && this.#isAsGood(next, queue, search)) search.last = next
    else search.last = this.#firstOfGroup(this.#draw(queue, search), queue, search)
    return search.last
  }

  giveBack(piece: number): void {
    this.#availability.giveBack(piece)
    this.#insertions++
  }

  addSource(queue: SourceQueue): void {
    queue.search.walkAt = this.#random.int(queue.bitfield.length)
    if (this.#isRanked && !queue.isSeed) this.#availability.onSource(queue.bitfield, 1)
  }

  removeSource(queue: SourceQueue): void {
    if (this.#isRanked && !queue.isSeed) this.#availability.onSource(queue.bitfield, -1)
  }

  onHave(_queue: SourceQueue, piece: number): void {
    if (this.#isRanked) this.#availability.onHave(piece)
  }

  #draw(queue: SourceQueue, search: Search): number {
    const availability = this.#availability
    if (queue.bitfield.count * SPARSE_FRACTION < queue.bitfield.length) return this.#walk(queue, search)
    for (; availability.reaches(search.bucket); search.bucket++) {
      const piece = this.#find(queue, search)
      if (piece >= 0) return piece
      if (search.missesLeft === 0) break
    }
    return this.#walk(queue, search)
  }

  /** The piece that was drawn, or the first of those before it in its group that are as good. */
  #firstOfGroup(drawn: number, queue: SourceQueue, search: Search): number {
    let first = drawn
    while (first % this.#groupSize > 0 && this.#isAsGood(first - 1, queue, search)) first--
    return first
  }

  /** Whether this piece could have been drawn as well. */
  #isAsGood(piece: number, { bitfield }: SourceQueue, { bucket }: Search): boolean {
    return this.#wanted.has(piece) && bitfield.has(piece) && this.#availability.countOf(piece) === bucket
  }

  /** A piece of the search's bucket that the source has: by random draws, or else by searching on from the last of them. */
  #find({ bitfield }: SourceQueue, search: Search): number {
    const { drawn, bucket } = search
    if (search.drawnFrom !== bucket) drawn.length = 0
    search.drawnFrom = bucket
    for (let piece = drawn.pop(); piece !== undefined; piece = drawn.pop())
      if (this.#wanted.has(piece) && this.#availability.countOf(piece) === bucket) return piece
    let from = 0
    for (let draws = 0; draws < MAX_DRAWS && drawn.length === 0; draws++) {
      const size = this.#availability.sizeOf(bucket)
      if (size === 0) return -1
      from = this.#random.int(size)
      const looks = Math.min(MAX_LOOKS, Math.ceil(size / MIN_ROWS))
      this.#availability.scan(bucket, bitfield, { from, looks, most: looks }, drawn)
    }
    if (drawn.length === 0) {
      const looks = Math.min(search.missesLeft, this.#availability.sizeOf(bucket))
      search.missesLeft -= this.#availability.scan(bucket, bitfield, { from, looks, most: 1 }, drawn)
    }
    shuffle(drawn, this.#random)
    return drawn.pop() ?? -1
  }

  /**
   * The source has none of the rarest pieces, or few pieces at all: the rarest of a sample of its wanted ones. The walk over them
   * continues where it left off, so that it goes round a source's pieces once, and not once for each piece.
   */
  #walk({ bitfield }: SourceQueue, search: Search): number {
    const { sample } = search
    for (let piece = sample.pop(); piece !== undefined; piece = sample.pop())
      if (this.#wanted.has(piece)) return piece
    const first = bitfield.seekIn(this.#wanted, search.walkAt)
    if (first < 0) search.barrenCount = bitfield.count
    for (let piece = first; piece >= 0 && sample.length < WALK_SAMPLE;) {
      this.#insert(sample, piece)
      search.walkAt = piece + 1
      piece = bitfield.seekIn(this.#wanted, search.walkAt)
      if (piece === first) break
    }
    return sample.pop() ?? -1
  }

  /** Keeps the rarest last, and among equally rare ones the lowest, so that neighbours are begun in order. */
  #insert(sample: number[], piece: number): void {
    const count = this.#availability.countOf(piece)
    let at = sample.length
    for (; at > 0 && this.#availability.countOf(sample[at - 1]!) <= count; at--) sample[at] = sample[at - 1]!
    sample[at] = piece
  }
}
