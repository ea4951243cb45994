/** The pieces of which nothing was asked for yet: which of them a source should begin with. */
import { Bitfield } from '../protocol/bitfield.ts'
import type { Random } from '../protocol/ports.ts'
import { RarestFirst } from './availability.ts'
import { Sequential, Shuffled, type OrderName, type PieceOrder } from './piece-order.ts'
import { PieceRuns } from './piece-runs.ts'
import type { SourceQueue } from './source-queue.ts'

/** Positions of the order that are tried for one source in one round before its own pieces are walked instead. */
const MAX_FRONT_SCAN = 4_096
/** Pieces of its own that such a walk collects: they are taken in the order. */
const WALK_SAMPLE = 16

export class WantedPieces {
  readonly #bits: Bitfield
  readonly #order: PieceOrder
  /** An order by number makes runs by itself, and it is what the user asked for. */
  readonly #isSequential: boolean
  readonly #runs: PieceRuns
  /** Times that a piece became wanted again: a source that had nothing of use may have something now. */
  #insertions = 0

  /** @param have what is not wanted at the start */
  constructor(have: Bitfield, order: OrderName, random: Random) {
    this.#bits = new Bitfield(have.length)
    for (let piece = 0; piece < have.length; piece++) if (!have.has(piece)) this.#bits.set(piece)
    this.#order = createOrder(order, this.#bits, random)
    this.#isSequential = order === 'sequential'
    this.#runs = new PieceRuns(this.#bits)
  }

  get size(): number {
    return this.#order.size
  }

  has(piece: number): boolean {
    return this.#bits.has(piece)
  }

  /** It is being fetched from now on. */
  take(piece: number): void {
    this.#bits.clear(piece)
    this.#order.remove(piece)
  }

  /** It is wanted again. */
  giveBack(piece: number): void {
    this.#bits.set(piece)
    this.#order.insert(piece)
    this.#insertions++
  }

  /** A source came or went. */
  onSource(queue: SourceQueue, change: 1 | -1): void {
    if (queue.isSeed) this.#order.onSeed(change)
    else this.#order.onSource(queue.bitfield, change)
    if (change < 0) this.#runs.remove(queue)
    else if (queue.source.prefersRuns && queue.isSeed && !this.#isSequential) this.#runs.add(queue)
  }

  /** A source has one more piece. */
  onHave(piece: number): void {
    this.#order.onHave(piece)
  }

  /**
   * The wanted piece that this source should send next, or -1.
   *
   * @param round counts the rounds: in each the front of the order is looked at anew
   */
  choose(queue: SourceQueue, round: number): number {
    const order = this.#order
    if (order.size === 0 || queue.exhaustedAt === this.#insertions) return -1
    if (this.#runs.has(queue)) return this.#runs.choose(queue, round)
    if (queue.scannedRound !== round) {
      queue.scannedRound = round
      queue.cursor = 0
      queue.scansLeft = MAX_FRONT_SCAN
      queue.sample.length = 0
    }
    if (queue.scannedInsertions !== this.#insertions) {
      queue.scannedInsertions = this.#insertions
      queue.cursor = 0
    }
    let position = Math.max(queue.cursor, order.front)
    for (; position < order.end && queue.scansLeft > 0; position++) {
      const piece = order.at(position)
      if (piece >= 0 && queue.bitfield.has(piece)) {
        queue.cursor = position + 1
        return piece
      }
      queue.scansLeft--
    }
    queue.cursor = position
    return this.#walk(queue)
  }

  /**
   * The front of the order holds nothing for this source: the best of a sample of its own pieces that are wanted. The walk
   * over them goes on where it left off, so that a source with few pieces pays for one lap, not for one a piece.
   */
  #walk(queue: SourceQueue): number {
    const { sample } = queue
    for (let piece = sample.pop(); piece !== undefined; piece = sample.pop())
      if (this.#bits.has(piece)) return piece
    const order = this.#order
    const own = queue.bitfield.bytes
    const wanted = this.#bits.bytes
    let at = order.walkFrom(8 * queue.walkAt) >>> 3
    for (let steps = 0; steps < own.length && sample.length < WALK_SAMPLE; steps++, at++) {
      if (at >= own.length) at = 0
      if (own[at] === 0) continue
      for (let bits = own[at]! & wanted[at]!; bits !== 0;) {
        const bit = Math.clz32(bits) - 24
        bits &= ~(0x80 >>> bit)
        sample.push(8 * at + bit)
      }
    }
    queue.walkAt = at
    if (sample.length === 0) queue.exhaustedAt = this.#insertions
    sample.sort((a, b) => order.rankOf(b) - order.rankOf(a))
    return sample.pop() ?? -1
  }
}

function createOrder(name: OrderName, wanted: Bitfield, random: Random): PieceOrder {
  switch (name) {
    case 'rarest':
      return new RarestFirst(wanted, random)
    case 'random':
      return new Shuffled(wanted, random)
    case 'sequential':
      return new Sequential(wanted)
  }
}
