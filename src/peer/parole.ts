/**
 * Sources that had a hand in a bad piece together: one of them lies. Each gets whole pieces alone, so that the next bad one
 * has one sender, until one of its own verifies.
 */
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Requests } from './requests.ts'
import type { SourceQueue } from './source-queue.ts'

/** Pieces that a source on parole may have active and pending. */
const MAX_PAROLE_PIECES = 4

export interface ParoleBooks {
  readonly active: ActivePieces
  readonly pending: ReadonlyMap<number, ActivePiece>
  readonly requests: Requests
}

export class Parole {
  readonly #books: ParoleBooks
  readonly #sources = new Set<number>()

  constructor(books: ParoleBooks) {
    this.#books = books
  }

  has(source: number): boolean {
    return this.#sources.has(source)
  }

  /** May it begin another piece? */
  mayBegin(source: number): boolean {
    const { active, pending } = this.#books
    let count = 0
    for (const pieces of [active.values(), pending.values()])
      for (const each of pieces) if (each.isExclusive && each.reservedFor === source) count++
    return count < MAX_PAROLE_PIECES
  }

  /** May it send a block of this piece, for which it is not asked any more? */
  mayContribute(source: number, active: ActivePiece): boolean {
    return active.reservedFor === source || !(active.isExclusive || this.has(source))
  }

  /** What it is alone with already, it goes on with alone; the rest is open to others. */
  start(queue: SourceQueue): void {
    const { id } = queue
    if (this.#sources.has(id)) return
    this.#sources.add(id)
    const { active, requests } = this.#books
    for (const each of active.reservedFor(id)) {
      if (!each.isOnlyAskedOf(id)) continue
      active.unlist(each)
      each.isExclusive = true
    }
    for (let claim = queue.oldest; claim !== undefined;) {
      const { newer } = claim
      if (!claim.active.isExclusive) requests.takeBack(queue, claim)
      claim = newer
    }
    for (const each of active.reservedFor(id)) if (!each.isExclusive) active.unreserve(each)
  }

  /** A piece that it sent alone is good: others may help with what it has begun. */
  end(source: number): void {
    if (!this.#sources.delete(source)) return
    const { active } = this.#books
    for (const each of active.reservedFor(source)) {
      each.isExclusive = false
      active.relist(each)
    }
  }

  /** It left. */
  remove(source: number): void {
    this.#sources.delete(source)
  }
}
