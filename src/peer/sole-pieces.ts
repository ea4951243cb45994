/** The pieces that one source has to send alone: those that came corrupt, and whatever a source on parole is asked for. */
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import { MAX_ACTIVE_BYTES, type ActivePieces } from './active-pieces.ts'
import type { Parole } from './parole.ts'
import type { Requests } from './requests.ts'
import type { SourceQueue } from './source-queue.ts'

export interface SolePieceBooks {
  readonly active: ActivePieces
  readonly parole: Parole
  readonly requests: Requests
  /** All sources, by their ids. */
  readonly sources: ReadonlyMap<number, SourceQueue>
}

export interface SolePieceCommands {
  /** A wanted piece that this source should send next, begun. */
  readonly begin: (queue: SourceQueue) => ActivePiece | undefined
  /** Lets a piece go of which nothing is asked, with the blocks that are in. */
  readonly abandon: (active: ActivePiece) => void
}

export class SolePieces {
  readonly #books: SolePieceBooks
  readonly #commands: SolePieceCommands

  constructor(books: SolePieceBooks, commands: SolePieceCommands) {
    this.#books = books
    this.#commands = commands
  }

  /** What `queue`, which is on parole, should be asked for; begun now if need be. */
  pieceFor(queue: SourceQueue, now: Millis): ActivePiece | undefined {
    const { active, parole } = this.#books
    const begun = active.reservedFor(queue.id).find(({ freeCount }) => freeCount > 0)
    if (begun !== undefined || !parole.mayBegin(queue.id) || parole.isResting(queue.id, now)) return begun
    const retrial = this.retrialFor(queue, now)
    if (retrial !== undefined) return retrial
    const piece = this.#commands.begin(queue) ?? this.#beginAnew(queue)
    if (piece !== undefined) piece.isExclusive = true
    return piece
  }

  /** A piece that came corrupt, and that nobody is about to send in time. */
  retrialFor(queue: SourceQueue, now: Millis): ActivePiece | undefined {
    const { active, parole } = this.#books
    const { retrials } = parole
    if (retrials.size === 0 || !active.hasRoom(2 * MAX_ACTIVE_BYTES)) return undefined
    const isForOthers = (each: number): boolean => parole.isForOthers(queue, each)
    const piece = retrials.choose(queue, active, { now, isForOthers })
    if (piece < 0) return undefined
    const held = active.get(piece)
    if (held?.reservedFor === queue.id) return held
    if (parole.isResting(queue.id, now)) return undefined
    if (held !== undefined) this.#takeAway(held)
    retrials.begin(piece)
    const begun = active.begin(piece)
    begun.isExclusive = true
    return begun
  }

  /** It left, and nothing is asked of it: what it was to send alone is given up, so that nobody else shares the blame. */
  remove(queue: SourceQueue): void {
    const { active, parole } = this.#books
    for (const each of active.reservedFor(queue.id)) {
      if (each.isExclusive) this.#commands.abandon(each)
      else active.unreserve(each)
    }
    parole.remove(queue.id)
  }

  /** Its owner takes too long for it. */
  #takeAway(active: ActivePiece): void {
    const { piece } = active
    this.#books.requests.takeBackOf(this.#books.sources.get(active.reservedFor)!, active)
    // With its last request it goes by itself when nothing of it is in.
    if (this.#books.active.get(piece) === active) this.#commands.abandon(active)
  }

  /** Whoever has to prove itself must find something to do it with, be it what others began and left. */
  #beginAnew(queue: SourceQueue): ActivePiece | undefined {
    if (!this.#books.parole.isUnproven(queue.id)) return undefined
    const orphan = this.#books.active.looseFor(queue, 0)
    if (orphan === undefined || orphan.requestCount > 0) return undefined
    this.#commands.abandon(orphan)
    return this.#commands.begin(queue)
  }
}
