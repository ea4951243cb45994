/** Which blocks are requested from whom. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import { Claim, type BlockRun } from './claim.ts'
import type { BlockSource, SourceQueue } from './source-queue.ts'

/** A request that is older is withdrawn, even if its source keeps sending other blocks. */
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

/** Double entry: each request is in the books of its piece and of its source, and leaves both when its block comes or it is withdrawn. */
export class Requests {
  readonly #books: RequestBooks
  readonly #onUntouched: (active: ActivePiece) => void
  /** By number, from 1. Those without an open block are spare. */
  readonly #claims: (Claim | undefined)[] = [undefined]
  readonly #spare: Claim[] = []
  #count = 0

  /** @param onUntouched the last request for a piece was withdrawn, and no block of it has come */
  constructor(books: RequestBooks, onUntouched: (active: ActivePiece) => void) {
    this.#books = books
    this.#onUntouched = onUntouched
  }

  /** Open requests; a block that is requested twice counts twice. */
  get count(): number {
    return this.#count
  }

  /** Requests the first free blocks of a piece from `queue`: as many as lie in a row, `limit` at most. One at least must be free. */
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

  /** Requests a block from `queue`, too, that is requested from one other source already. */
  askCopy(queue: SourceQueue, { active, block }: BlockOfPiece, now: Millis): BlockRun {
    const claim = this.#newClaim(active)
    active.claimCopy(claim, block)
    return this.#enter(queue, claim, now)
  }

  /** The claim by which a block is requested from `queue`. */
  claimOf(queue: SourceQueue, active: ActivePiece, block: number): Claim | undefined {
    const newest = this.#claims[active.claimOn(block)]
    if (newest === undefined || newest.source === queue.id) return newest
    const copied = this.#claims[active.copiedClaimOn(block)]
    return copied?.source === queue.id ? copied : undefined
  }

  /**
   * A block came from `queue`, whose request may have been withdrawn before.
   *
   * @param others gets the other sources that were asked for it: it may still come from them
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

  /** All that is requested from `queue` of one piece. */
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

  /** What is still open of a claim is free for others; it may come from `queue` all the same. */
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
