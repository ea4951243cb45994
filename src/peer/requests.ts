/** What is asked of whom. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Claim } from './claim.ts'
import type { BlockSource, SourceQueue } from './source-queue.ts'

/** A request that is older is taken back, even when its source sends other blocks. */
const REQUEST_TIMEOUT: Millis = 60_000

export interface ReceivedBlock {
  readonly active: ActivePiece
  readonly block: number
}

/** Enters every request with the piece and with the source, and takes it from both when its block comes or is given up. */
export class Requests {
  readonly #geometry: PieceGeometry
  readonly #pieces: ActivePieces
  readonly #onUntouched: (active: ActivePiece) => void
  #count = 0

  /** @param onUntouched the last request for a piece of which nothing is in was taken back */
  constructor(geometry: PieceGeometry, pieces: ActivePieces, onUntouched: (active: ActivePiece) => void) {
    this.#geometry = geometry
    this.#pieces = pieces
    this.#onUntouched = onUntouched
  }

  /** Outstanding, copies counted. */
  get count(): number {
    return this.#count
  }

  add(claim: Claim): void {
    claim.queue.add(claim)
    this.#count += claim.openCount
    if (claim.active.freeCount === 0) this.#pieces.unlist(claim.active)
  }

  /**
   * A block came from `queue`, whether it was asked for it still or not.
   *
   * @param others gets those that are asked for it, too: it may still come from them
   */
  receive(queue: SourceQueue, { active, block }: ReceivedBlock, others: BlockSource[]): void {
    for (let claim = active.claimOn(block); claim !== undefined; claim = active.claimOn(block)) {
      this.#remove(claim, block)
      if (claim.queue === queue) continue
      claim.queue.lapse(this.#geometry.blockNumber(active.piece, block))
      others.push(claim.queue.source)
    }
    active.receive(block, queue.id)
    if (active.freeCount === 0) this.#pieces.unlist(active)
  }

  /** What is still open of a claim may be asked of others, and may still come. */
  takeBack(claim: Claim): void {
    const { active, queue, first, end } = claim
    for (let block = first; block < end; block++) {
      if (active.claimOf(block, queue) !== claim) continue
      this.#remove(claim, block)
      queue.lapse(this.#geometry.blockNumber(active.piece, block))
    }
    if (active.isUntouched) this.#onUntouched(active)
    else this.#pieces.list(active)
  }

  takeBackAll(queue: SourceQueue): void {
    for (let { oldest } = queue; oldest !== undefined; oldest = queue.oldest) this.takeBack(oldest)
  }

  takeBackLate(queue: SourceQueue, now: Millis): void {
    for (let { oldest } = queue; oldest !== undefined; oldest = queue.oldest) {
      if (now - oldest.askedAt < REQUEST_TIMEOUT) return
      this.takeBack(oldest)
    }
  }

  #remove(claim: Claim, block: number): void {
    claim.active.unclaim(block, claim)
    claim.queue.removeBlock(claim)
    this.#count--
  }
}
