/**
 * Pieces that failed their hash with blocks of several sources, and have not passed since. The next copy of each is requested
 * from one source alone, before anything else: either it is good, and shows which blocks of the bad copy were wrong, or its sender is
 * to blame.
 */
import type { Millis } from '../protocol/ports.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { SourceQueue } from './source-queue.ts'

/** How long a source may take for a piece that it must send alone before others get it; for a retrial, twice as long each time. */
export const ALONE_PATIENCE: Millis = 30_000
/** For this long a retrial is kept for sources that sent nothing of the bad copy: among its senders is one that would spoil it again. */
const INNOCENTS_FIRST: Millis = 5_000

interface Retrial {
  /** Nobody is asked for it. */
  isWaiting: boolean
  /** From then on any source may be asked for it. */
  readonly openAt: Millis
  /** How long the source that is asked may take. */
  patience: Millis
}

export class Retrials {
  readonly #retrials = new Map<number, Retrial>()
  #waiting = 0

  get size(): number {
    return this.#retrials.size
  }

  /** Those that nobody is asked for. */
  get waitingCount(): number {
    return this.#waiting
  }

  has(piece: number): boolean {
    return this.#retrials.has(piece)
  }

  /** It came corrupt, or a copy of it was given up: nobody is asked for it now. */
  wait(piece: number, now: Millis): void {
    const retrial = this.#retrials.get(piece)
    if (retrial?.isWaiting) return
    this.#waiting++
    if (retrial !== undefined) retrial.isWaiting = true
    else {
      const openAt = now + INNOCENTS_FIRST
      this.#retrials.set(piece, { isWaiting: true, openAt, patience: ALONE_PATIENCE })
    }
  }

  /** A source is asked for it from now on. */
  begin(piece: number): void {
    this.#retrials.get(piece)!.isWaiting = false
    this.#waiting--
  }

  /** It has passed. @returns whether it was one of these */
  close(piece: number): boolean {
    return this.#retrials.delete(piece)
  }

  /**
   * The piece that `queue` should send: one that nobody is asked for, one of its own that has free blocks again, or one for which
   * another source takes too long; -1 for none.
   *
   * @param isForOthers whether a piece should rather come from others, see {@link Parole.isForOthers}
   */
  choose(
    queue: SourceQueue,
    active: ActivePieces,
    { now, isForOthers }: { readonly now: Millis; readonly isForOthers: (piece: number) => boolean },
  ): number {
    for (const [piece, retrial] of this.#retrials) {
      if (!queue.bitfield.has(piece)) continue
      if (retrial.isWaiting) {
        if (now < retrial.openAt && isForOthers(piece)) continue
        return piece
      }
      const held = active.get(piece)
      if (held === undefined) continue
      if (held.reservedFor === queue.id) {
        if (held.freeCount > 0) return piece
        continue
      }
      if (now - held.reservedAt < retrial.patience) continue
      // The next source may be no faster.
      retrial.patience *= 2
      return piece
    }
    return -1
  }
}
