/** In which order pieces are begun: what the picker's strategies (`-strategy`) have in common. */
import type { SourceQueue } from './source-queue.ts'

export const ORDER_NAMES = ['rarest', 'random', 'sequential'] as const

export type OrderName = (typeof ORDER_NAMES)[number]

/** It is told of sources, and of pieces that become wanted again. Which pieces are wanted it reads from a live bitfield. */
export interface PieceOrder {
  /**
   * The wanted piece that this source should send next, or -1 when it has none.
   *
   * @param round counts the picker's rounds of 2 s: in each, the search for a source may begin anew
   */
  choose(queue: SourceQueue, round: number): number
  /** `piece` was given up, and is wanted again. */
  giveBack(piece: number): void
  /** A source came, with what its bitfield says. */
  addSource(queue: SourceQueue): void
  /** A source left. */
  removeSource(queue: SourceQueue): void
  /** A source has one more piece than before. */
  onHave(queue: SourceQueue, piece: number): void
}
