/** For how long a piece is left to the source that began it, and what becomes of it when that one does not get on with it. */
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Parole } from './parole.ts'
import type { Requests } from './requests.ts'
import { ALONE_PATIENCE } from './retrials.ts'
import type { SourceQueue } from './source-queue.ts'

/** A piece that is not complete by then is no longer left to the one source that began it. */
const RESERVATION: Millis = 10_000

export interface ReservationBooks {
  readonly active: ActivePieces
  readonly parole: Parole
  readonly requests: Requests
}

export class Reservations {
  readonly #books: ReservationBooks

  constructor(books: ReservationBooks) {
    this.#books = books
  }

  /** All that is asked of `queue` may be asked of others; what it has to send alone it may go on with. */
  release(queue: SourceQueue, now: Millis): void {
    const { active, parole, requests } = this.#books
    parole.onRelease(queue.id, now)
    requests.takeBackAll(queue)
    for (const each of active.reservedFor(queue.id)) if (!each.isExclusive) this.#open(each)
  }

  /** Opens to others what takes too long. */
  review(now: Millis): void {
    for (const active of this.#books.active.all) {
      const age = now - active.reservedAt
      if (active.isExclusive) {
        if (age >= ALONE_PATIENCE) this.#share(active)
      } else if (active.reservedFor !== 0 && age >= RESERVATION) this.#open(active)
    }
  }

  /** Others may help whoever is on parole with it. But a retrial has one sender: another one has to begin it anew. */
  #share(active: ActivePiece): void {
    if (this.#books.parole.retrials.has(active.piece)) return
    active.isExclusive = false
    this.#books.active.relist(active)
  }

  /** Whoever is on parole may send nothing but what is left to it. */
  #open(active: ActivePiece): void {
    if (!this.#books.parole.has(active.reservedFor)) this.#books.active.unreserve(active)
  }
}
