/** From the first piece to the last. */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { PieceOrder } from './piece-order.ts'
import type { SourceQueue } from './source-queue.ts'

export class Sequential implements PieceOrder {
  /** The live bitfield of pieces of which nothing has been requested. */
  readonly #wanted: Bitfield
  /** For each source, a piece before which it has none that is wanted. */
  readonly #lowest = new Map<SourceQueue, number>()

  constructor(wanted: Bitfield) {
    this.#wanted = wanted
  }

  choose(queue: SourceQueue): number {
    const own = queue.bitfield.bytes
    const wanted = this.#wanted.bytes
    for (let index = this.#lowest.get(queue)! >>> 3; index < own.length; index++) {
      const both = own[index]! & wanted[index]!
      if (both === 0) continue
      const piece = 8 * index + Math.clz32(both) - 24
      this.#lowest.set(queue, piece)
      return piece
    }
    this.#lowest.set(queue, this.#wanted.length)
    return -1
  }

  giveBack(piece: number): void {
    for (const queue of this.#lowest.keys()) this.onHave(queue, piece)
  }

  addSource(queue: SourceQueue): void {
    this.#lowest.set(queue, 0)
  }

  removeSource(queue: SourceQueue): void {
    this.#lowest.delete(queue)
  }

  onHave(queue: SourceQueue, piece: number): void {
    if (piece < this.#lowest.get(queue)!) this.#lowest.set(queue, piece)
  }
}
