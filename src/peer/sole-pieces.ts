/** Pieces that one source must send alone: retrials, and whatever a source on parole is asked for. */
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
  /** Begins a wanted piece that this source should send next. */
  readonly begin: (queue: SourceQueue) => ActivePiece | undefined
  /** Gives up a piece of which nothing is requested, with the blocks that have come. */
  readonly abandon: (active: ActivePiece) => void
}

export class SolePieces {
  readonly #books: SolePieceBooks
  readonly #commands: SolePieceCommands

  constructor(books: SolePieceBooks, commands: SolePieceCommands) {
    this.#books = books
    this.#commands = commands
  }

  /** The piece that `queue`, which is on parole, should be asked for; begun now if need be. */
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

  /** A retrial that `queue` should be asked for, begun now; undefined when there is none for it. */
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

  /** It left. Pieces that it had to send alone are given up, so that nobody else shares the blame for them. */
  remove(queue: SourceQueue): void {
    const { active, parole } = this.#books
    for (const each of active.reservedFor(queue.id)) {
      if (each.isExclusive) this.#commands.abandon(each)
      else active.unreserve(each)
    }
    parole.remove(queue.id)
  }

  /** Its owner takes too long: withdraws its requests, and drops what has come. */
  #takeAway(active: ActivePiece): void {
    const { piece } = active
    this.#books.requests.takeBackOf(this.#books.sources.get(active.reservedFor)!, active)
    // If no block of it has come, it was given up with its last request.
    if (this.#books.active.get(piece) === active) this.#commands.abandon(active)
  }

  /** A newcomer that has to prove itself needs a piece for it, even if that means to begin anew what others have left unfinished. */
  #beginAnew(queue: SourceQueue): ActivePiece | undefined {
    if (!this.#books.parole.isUnproven(queue.id)) return undefined
    const orphan = this.#books.active.looseFor(queue, 0)
    if (orphan === undefined || orphan.requestCount > 0) return undefined
    this.#commands.abandon(orphan)
    return this.#commands.begin(queue)
  }
}
