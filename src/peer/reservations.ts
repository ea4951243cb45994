/** How long a piece is reserved for the source that began it, and what becomes of it when that source makes no progress. */
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { Parole } from './parole.ts'
import type { Requests } from './requests.ts'
import { ALONE_PATIENCE } from './retrials.ts'
import type { SourceQueue } from './source-queue.ts'

/** A piece that is not complete after this long is opened to all. */
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

  /** Whatever is requested from `queue` is free for others, except for pieces that it must send alone: those it may continue. */
  release(queue: SourceQueue, now: Millis): void {
    const { active, parole, requests } = this.#books
    parole.onRelease(queue.id, now)
    requests.takeBackAll(queue)
    for (const each of active.reservedFor(queue.id)) if (!each.isExclusive) this.#open(each)
  }

  /** Opens pieces that take too long. */
  review(now: Millis): void {
    for (const active of this.#books.active.all) {
      const age = now - active.reservedAt
      if (active.isExclusive) {
        if (age >= ALONE_PATIENCE) this.#share(active)
      } else if (active.reservedFor !== 0 && age >= RESERVATION) this.#open(active)
    }
  }

  /** Others may help a source on parole with it. Not with a retrial, which must have one sender: another begins it anew. */
  #share(active: ActivePiece): void {
    if (this.#books.parole.retrials.has(active.piece)) return
    active.isExclusive = false
    this.#books.active.relist(active)
  }

  /** Not if its owner is on parole: that one may send nothing but what is reserved for it. */
  #open(active: ActivePiece): void {
    if (!this.#books.parole.has(active.reservedFor)) this.#books.active.unreserve(active)
  }
}
