/** The pieces of which nothing has been requested yet, and which of them a source should begin next. */
import { Bitfield } from '../protocol/bitfield.ts'
import type { Random } from '../protocol/ports.ts'
import type { OrderName, PieceOrder } from './piece-order.ts'
import { PieceRuns } from './piece-runs.ts'
import { RarestFirst } from './rarest-first.ts'
import { Sequential } from './sequential.ts'
import type { SourceQueue } from './source-queue.ts'

/** Small pieces are begun in groups of this many bytes, so that they are read and written at once … */
export const MAX_GROUP_BYTES = 2 ** 20
/** … provided that there are this many groups: leechers that start together must find different ones. */
const MIN_GROUPS = 256

export interface WantedPiecesOptions {
  /** All other pieces are wanted at the start. */
  readonly have: Bitfield
  /** Bytes. */
  readonly pieceLength: number
  readonly order: OrderName
  readonly random: Random
}

export class WantedPieces {
  readonly #bits: Bitfield
  readonly #order: PieceOrder
  /** Sequential is what the user asked for, and makes runs anyway: web seeds follow it, too. */
  readonly #isSequential: boolean
  readonly #runs: PieceRuns

  constructor({ have, pieceLength, order, random }: WantedPiecesOptions) {
    this.#bits = new Bitfield(have.length)
    for (let piece = 0; piece < have.length; piece++) if (!have.has(piece)) this.#bits.set(piece)
    this.#isSequential = order === 'sequential'
    this.#order = this.#isSequential
      ? new Sequential(this.#bits)
      : new RarestFirst(this.#bits, random, {
          isRanked: order === 'rarest',
          groupSize: order === 'rarest' ? groupSize(have.length, pieceLength) : 1,
        })
    this.#runs = new PieceRuns(this.#bits)
  }

  get size(): number {
    return this.#bits.count
  }

  has(piece: number): boolean {
    return this.#bits.has(piece)
  }

  /** It is about to be requested. */
  take(piece: number): void {
    this.#bits.clear(piece)
  }

  /** It is wanted again. */
  giveBack(piece: number): void {
    this.#bits.set(piece)
    this.#order.giveBack(piece)
  }

  addSource(queue: SourceQueue): void {
    this.#order.addSource(queue)
    if (queue.source.prefersRuns && queue.isSeed && !this.#isSequential) this.#runs.add(queue)
  }

  removeSource(queue: SourceQueue): void {
    this.#order.removeSource(queue)
    this.#runs.remove(queue)
  }

  /** A source has one more piece. */
  onHave(queue: SourceQueue, piece: number): void {
    this.#order.onHave(queue, piece)
  }

  /**
   * The wanted piece that this source should send next, or -1.
   *
   * @param round counts the rounds
   */
  choose(queue: SourceQueue, round: number): number {
    if (this.size === 0) return -1
    return this.#runs.has(queue) ? this.#runs.choose(queue, round) : this.#order.choose(queue, round)
  }
}

/** How many pieces are begun one after the other; a group begins at a multiple of it. */
export function groupSize(pieceCount: number, pieceLength: number): number {
  return Math.max(1, Math.floor(Math.min(MAX_GROUP_BYTES / pieceLength, pieceCount / MIN_GROUPS)))
}
