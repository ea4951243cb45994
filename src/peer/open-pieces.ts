/** The active pieces that still have blocks to ask for. */
import type { ActivePiece } from './active-piece.ts'
import type { SourceQueue } from './source-queue.ts'

/** Pieces with free blocks that are tried for one source in one pick. */
const MAX_OPEN_SCAN = 64

/** Those left to nobody, and those left to one source; exclusive ones are in neither list. */
export class OpenPieces {
  readonly #loose: ActivePiece[] = []
  readonly #reserved: ActivePiece[] = []

  get isEmpty(): boolean {
    return this.#loose.length === 0 && this.#reserved.length === 0
  }

  /** Lists a piece that has free blocks. Its reservation must not change while it is listed. */
  add(active: ActivePiece): void {
    if (active.openAt >= 0 || active.isExclusive || active.freeCount === 0) return
    const open = this.#listOf(active)
    active.openAt = open.length
    open.push(active)
  }

  remove(active: ActivePiece): void {
    if (active.openAt < 0) return
    const open = this.#listOf(active)
    const last = open.pop()!
    if (last !== active) {
      open[active.openAt] = last
      last.openAt = active.openAt
    }
    active.openAt = -1
  }

  /** A piece that is left to nobody and that the source has. */
  looseFor(queue: SourceQueue, round: number): ActivePiece | undefined {
    return find(this.#loose, queue, round)
  }

  /** A piece that is left to another source: help is wanted when there is nothing else to do. */
  reservedFor(queue: SourceQueue, round: number): ActivePiece | undefined {
    return find(this.#reserved, queue, round)
  }

  #listOf(active: ActivePiece): ActivePiece[] {
    return active.reservedFor === 0 ? this.#loose : this.#reserved
  }
}

/** Each round begins at another place, so that no piece is passed over for ever. */
function find(open: readonly ActivePiece[], queue: SourceQueue, round: number): ActivePiece | undefined {
  const tries = Math.min(open.length, MAX_OPEN_SCAN)
  for (let i = 0; i < tries; i++) {
    const active = open[(round + i) % open.length]!
    if (queue.bitfield.has(active.piece)) return active
  }
  return undefined
}
