/** What is asked of whom. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import { Claim, type BlockRun } from './claim.ts'
import type { BlockSource, SourceQueue } from './source-queue.ts'

/** An older request is withdrawn, even if its source sends other blocks. */
const REQUEST_TIMEOUT: Millis = 60_000

export interface RequestBooks {
  readonly geometry: PieceGeometry
  /** All sources, by their ids. */
  readonly sources: ReadonlyMap<number, SourceQueue>
  readonly active: ActivePieces
}

export interface BlockOfPiece {
  readonly active: ActivePiece
  readonly block: number
}

/** Enters every request with the piece and with the source, and takes it from both when its block comes or is given up. */
export class Requests {
  readonly #books: RequestBooks
  readonly #onUntouched: (active: ActivePiece) => void
  /** By their numbers, the first of which is 1. Those without an open block are spare. */
  readonly #claims: (Claim | undefined)[] = [undefined]
  readonly #spare: Claim[] = []
  #count = 0

  /** @param onUntouched the last request for a piece of which nothing is in was taken back */
  constructor(books: RequestBooks, onUntouched: (active: ActivePiece) => void) {
    this.#books = books
    this.#onUntouched = onUntouched
  }

  /** Outstanding, copies counted. */
  get count(): number {
    return this.#count
  }

  /** Asks `queue` for the lowest free blocks of a piece that has some: as many as lie in a row. */
  askFree(
    queue: SourceQueue,
    active: ActivePiece,
    { limit, now }: { readonly limit: number; readonly now: Millis },
  ): BlockRun {
    const claim = this.#newClaim(active)
    active.claimFree(claim, limit)
    this.#books.active.relist(active)
    return this.#enter(queue, claim, now)
  }

  /** Asks `queue` for a block that one other source is asked for already. */
  askCopy(queue: SourceQueue, { active, block }: BlockOfPiece, now: Millis): BlockRun {
    const claim = this.#newClaim(active)
    active.claimCopy(claim, block)
    return this.#enter(queue, claim, now)
  }

  /** By which a block is asked of `queue`. */
  claimOf(queue: SourceQueue, active: ActivePiece, block: number): Claim | undefined {
    const newest = this.#claims[active.claimOn(block)]
    if (newest === undefined || newest.source === queue.id) return newest
    const copied = this.#claims[active.copiedClaimOn(block)]
    return copied?.source === queue.id ? copied : undefined
  }

  /**
   * A block came from `queue`, whether it was asked for it still or not.
   *
   * @param others gets those that are asked for it, too: it may still come from them
   */
  receive(queue: SourceQueue, active: ActivePiece, block: number, others: BlockSource[]): void {
    for (let number = active.claimOn(block); number !== 0; number = active.claimOn(block)) {
      const claim = this.#claims[number]!
      const asked = claim.source === queue.id ? queue : this.#books.sources.get(claim.source)!
      this.#remove(asked, claim, block)
      if (asked === queue) continue
      asked.lapse(this.#books.geometry.blockNumber(active.piece, block))
      others.push(asked.source)
    }
    active.receive(block, queue.id)
    this.#books.active.relist(active)
  }

  takeBackAll(queue: SourceQueue): void {
    for (let { oldest } = queue; oldest !== undefined; oldest = queue.oldest) this.takeBack(queue, oldest)
  }

  /** What is asked of `queue` for one piece. */
  takeBackOf(queue: SourceQueue, active: ActivePiece): void {
    for (let claim = queue.oldest; claim !== undefined;) {
      const { newer } = claim
      if (claim.active === active) this.takeBack(queue, claim)
      claim = newer
    }
  }

  takeBackLate(queue: SourceQueue, now: Millis): void {
    for (let { oldest } = queue; oldest !== undefined; oldest = queue.oldest) {
      if (now - oldest.askedAt < REQUEST_TIMEOUT) return
      this.takeBack(queue, oldest)
    }
  }

  /** What is still open of a claim may be asked of others, and may still come. */
  takeBack(queue: SourceQueue, claim: Claim): void {
    const { geometry, active: pieces } = this.#books
    const { active, first, end } = claim
    for (let block = first; block < end; block++) {
      if (this.claimOf(queue, active, block) !== claim) continue
      this.#remove(queue, claim, block)
      queue.lapse(geometry.blockNumber(active.piece, block))
    }
    if (active.isUntouched) this.#onUntouched(active)
    else pieces.relist(active)
  }

  #newClaim(active: ActivePiece): Claim {
    const spare = this.#spare.pop()
    if (spare !== undefined) return spare
    const claim = new Claim(this.#claims.length, active)
    this.#claims.push(claim)
    return claim
  }

  #enter(queue: SourceQueue, claim: Claim, now: Millis): BlockRun {
    claim.source = queue.id
    claim.askedAt = now
    queue.add(claim)
    this.#count += claim.openCount
    return claim.toRun(claim.active.noteAsked(queue.id))
  }

  #remove(queue: SourceQueue, claim: Claim, block: number): void {
    claim.active.unclaim(block, claim)
    queue.removeBlock(claim)
    this.#count--
    if (claim.openCount === 0) this.#spare.push(claim)
  }
}
