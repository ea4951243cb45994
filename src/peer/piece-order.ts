/** In which order wanted pieces are taken: what the strategies of the picker have in common. */
import type { SourceQueue } from './source-queue.ts'

export const ORDER_NAMES = ['rarest', 'random', 'sequential'] as const

export type OrderName = (typeof ORDER_NAMES)[number]

/** Is told of sources and of what becomes of pieces; which pieces are wanted it sees in a bitfield that it was given. */
export interface PieceOrder {
  /**
   * The wanted piece that this source should send next, or -1 when it has none.
   *
   * @param round counts the rounds: in each a source's search may begin anew
   */
  choose(queue: SourceQueue, round: number): number
  /** `piece` is wanted again. */
  giveBack(piece: number): void
  /** A source came, with what its bitfield says. */
  addSource(queue: SourceQueue): void
  /** A source left. */
  removeSource(queue: SourceQueue): void
  /** A source has one more piece than before. */
  onHave(queue: SourceQueue, piece: number): void
}
