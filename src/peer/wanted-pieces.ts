/** The pieces of which nothing was asked for yet: which of them a source should begin with. */
import { Bitfield } from '../protocol/bitfield.ts'
import type { Random } from '../protocol/ports.ts'
import type { OrderName, PieceOrder } from './piece-order.ts'
import { PieceRuns } from './piece-runs.ts'
import { RarestFirst } from './rarest-first.ts'
import { Sequential } from './sequential.ts'
import type { SourceQueue } from './source-queue.ts'

export class WantedPieces {
  readonly #bits: Bitfield
  readonly #order: PieceOrder
  /** An order by number makes runs by itself, and it is what the user asked for. */
  readonly #isSequential: boolean
  readonly #runs: PieceRuns

  /** @param have what is not wanted at the start */
  constructor(have: Bitfield, order: OrderName, random: Random) {
    this.#bits = new Bitfield(have.length)
    for (let piece = 0; piece < have.length; piece++) if (!have.has(piece)) this.#bits.set(piece)
    this.#isSequential = order === 'sequential'
    this.#order = this.#isSequential
      ? new Sequential(this.#bits)
      : new RarestFirst(this.#bits, random, order === 'rarest')
    this.#runs = new PieceRuns(this.#bits)
  }

  get size(): number {
    return this.#bits.count
  }

  has(piece: number): boolean {
    return this.#bits.has(piece)
  }

  /** It is being fetched from now on. */
  take(piece: number): void {
    this.#bits.clear(piece)
    this.#order.take(piece)
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
