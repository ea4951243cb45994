/** All pieces that are being fetched, and to whom each is left. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import { ActivePiece } from './active-piece.ts'
import { BegunPieces } from './begun-pieces.ts'
import type { SourceQueue } from './source-queue.ts'

/** Bytes of pieces that are being fetched at one time: beyond this, no new piece is started while an active one can continue. */
export const MAX_ACTIVE_BYTES = 64 * 2 ** 20
/** However long pieces are, this many may be active. */
const MIN_ACTIVE_PIECES = 2
/** Pieces with free blocks that are tried for one source in one pick. */
const MAX_OPEN_SCAN = 64

/** Those with free blocks are listed: those left to nobody, and those left to one source; exclusive ones in neither list. */
export class ActivePieces {
  readonly #geometry: PieceGeometry
  readonly #pieces = new BegunPieces()
  /** No more than were ever begun at the same time. */
  readonly #spare: ActivePiece[] = []
  readonly #loose: ActivePiece[] = []
  readonly #reserved: ActivePiece[] = []
  #bytes = 0

  constructor(geometry: PieceGeometry) {
    this.#geometry = geometry
  }

  get size(): number {
    return this.#pieces.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(piece: number): ActivePiece | undefined {
    return this.#pieces.get(piece)
  }

  /** In no order. */
  get all(): readonly ActivePiece[] {
    return this.#pieces.all
  }

  /** May another one be begun when `maxBytes` are the limit? */
  hasRoom(maxBytes: number): boolean {
    return this.#bytes < maxBytes || this.#pieces.size < MIN_ACTIVE_PIECES
  }

  /** Is there a block that nobody was asked for? */
  get hasFree(): boolean {
    return this.#loose.length > 0 || this.#reserved.length > 0
  }

  /** Not listed yet. */
  begin(piece: number): ActivePiece {
    const active = this.#spare.pop() ?? new ActivePiece(this.#geometry.blockCount(0))
    active.begin(piece, this.#geometry.lengthOf(piece), this.#geometry.blockCount(piece))
    this.#pieces.add(active)
    this.#bytes += active.length
    return active
  }

  /** It is had or given up: it becomes another piece. What it was is legible until then. */
  recycle(active: ActivePiece): void {
    this.#spare.push(active)
  }

  remove(active: ActivePiece): void {
    this.unlist(active)
    this.#pieces.delete(active)
    this.#bytes -= active.length
  }

  /** To be called when it may have free blocks for the first time, or none any more. */
  relist(active: ActivePiece): void {
    if (active.freeCount === 0 || active.isExclusive) this.unlist(active)
    else if (active.openAt < 0) this.#list(active)
  }

  /** To be called before its reservation changes. */
  unlist(active: ActivePiece): void {
    if (active.openAt < 0) return
    const open = this.#listOf(active)
    const last = open.pop()!
    if (last !== active) {
      open[active.openAt] = last
      last.openAt = active.openAt
    }
    active.openAt = -1
  }

  /** It is left to `queue`, which is asked for blocks of it next: only then it is listed again. */
  reserve(active: ActivePiece, queue: SourceQueue, now: Millis): void {
    this.unlist(active)
    active.reservedFor = queue.id
    active.reservedAt = now
    queue.current = active
  }

  /** It is open to others. */
  unreserve(active: ActivePiece): void {
    this.unlist(active)
    active.reservedFor = 0
    this.relist(active)
  }

  reservedFor(source: number): ActivePiece[] {
    return this.#pieces.all.filter((active) => active.reservedFor === source)
  }

  /** What `source` sent is missing again. @returns the pieces that it sent something of, and how many bytes */
  forget(source: number): (readonly [active: ActivePiece, bytes: number])[] {
    const pieces = this.#pieces.all.map((active) => [active, this.#forgetIn(active, source)] as const)
    return pieces.filter(([, bytes]) => bytes > 0)
  }

  /** A piece with free blocks that is left to nobody and that the source has. */
  looseFor(queue: SourceQueue, round: number): ActivePiece | undefined {
    return find(this.#loose, queue, round)
  }

  /** A piece with free blocks that is left to another source: help is wanted when there is nothing else to do. */
  helpableBy(queue: SourceQueue, round: number): ActivePiece | undefined {
    return find(this.#reserved, queue, round)
  }

  /** Those to be given up because there are too many bytes: nobody is asked for them; those with the fewest blocks first. */
  surplus(): ActivePiece[] {
    if (this.#bytes <= MAX_ACTIVE_BYTES) return []
    const orphans = this.#pieces.all.filter((active) => active.requestCount === 0)
    orphans.sort((a, b) => b.missingCount / b.blockCount - a.missingCount / a.blockCount || a.piece - b.piece)
    let excess = this.#bytes - MAX_ACTIVE_BYTES
    let count = 0
    for (; excess > 0 && count < Math.min(orphans.length, this.size - MIN_ACTIVE_PIECES); count++)
      excess -= orphans[count]!.length
    return orphans.slice(0, count)
  }

  #forgetIn(active: ActivePiece, source: number): number {
    let bytes = 0
    for (let block = 0; block < active.blockCount; block++)
      if (active.forget(block, source)) bytes += this.#geometry.blockLength(active.piece, block)
    if (bytes > 0) this.relist(active)
    return bytes
  }

  #list(active: ActivePiece): void {
    const open = this.#listOf(active)
    active.openAt = open.length
    open.push(active)
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
