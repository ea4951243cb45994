/** All pieces that are being fetched, and for whom each is reserved. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import { ActivePiece } from './active-piece.ts'
import { BegunPieces } from './begun-pieces.ts'
import type { SourceQueue } from './source-queue.ts'

/** Bytes of pieces that are being fetched at one time: beyond this, no new piece is started while an active one can continue. */
export const MAX_ACTIVE_BYTES = 64 * 2 ** 20
/** This many may be active however long pieces are. */
const MIN_ACTIVE_PIECES = 2
/** Pieces with free blocks that are tried for one source in one pick. */
const MAX_OPEN_SCAN = 64

/**
 * Pieces with free blocks are in one of two lists, so that a pick finds one without looking at all: those that are reserved for nobody,
 * and those that are reserved but that others may help with. Exclusive ones are in neither.
 */
export class ActivePieces {
  readonly #geometry: PieceGeometry
  readonly #pieces = new BegunPieces()
  /** Objects to reuse: no more than were ever active at the same time. */
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

  /** Whether another piece may be begun when `maxBytes` is the limit. */
  hasRoom(maxBytes: number): boolean {
    return this.#bytes < maxBytes || this.#pieces.size < MIN_ACTIVE_PIECES
  }

  /** Whether there is a block that nobody was asked for, and that anybody may be. */
  get hasFree(): boolean {
    return this.#loose.length > 0 || this.#reserved.length > 0
  }

  /** The piece is in neither list yet. */
  begin(piece: number): ActivePiece {
    const active = this.#spare.pop() ?? new ActivePiece(this.#geometry.blockCount(0))
    active.begin(piece, this.#geometry.lengthOf(piece), this.#geometry.blockCount(piece))
    this.#pieces.add(active)
    this.#bytes += active.length
    return active
  }

  /** It is written or given up: the object is reused for another piece, and can be read until then. */
  recycle(active: ActivePiece): void {
    this.#spare.push(active)
  }

  remove(active: ActivePiece): void {
    this.unlist(active)
    this.#pieces.delete(active)
    this.#bytes -= active.length
  }

  /** To be called whenever it may have got its first free block, or lost its last. */
  relist(active: ActivePiece): void {
    if (active.freeCount === 0 || active.isExclusive) this.unlist(active)
    else if (active.openAt < 0) this.#list(active)
  }

  /** To be called before its reservation changes, which decides in which list it is. */
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

  /** Reserves it for `queue`. It is listed again with the next request. */
  reserve(active: ActivePiece, queue: SourceQueue, now: Millis): void {
    this.unlist(active)
    active.reservedFor = queue.id
    active.reservedAt = now
    queue.current = active
  }

  /** Opens it to everybody. */
  unreserve(active: ActivePiece): void {
    this.unlist(active)
    active.reservedFor = 0
    this.relist(active)
  }

  reservedFor(source: number): ActivePiece[] {
    return this.#pieces.all.filter((active) => active.reservedFor === source)
  }

  /** All blocks that `source` sent are missing again. @returns the pieces that had some, and how many bytes */
  forget(source: number): (readonly [active: ActivePiece, bytes: number])[] {
    const pieces = this.#pieces.all.map((active) => [active, this.#forgetIn(active, source)] as const)
    return pieces.filter(([, bytes]) => bytes > 0)
  }

  /** A piece with free blocks that is reserved for nobody and that the source has. */
  looseFor(queue: SourceQueue, round: number): ActivePiece | undefined {
    return find(this.#loose, queue, round)
  }

  /** A piece with free blocks that is reserved for another source: to help is better than to idle. */
  helpableBy(queue: SourceQueue, round: number): ActivePiece | undefined {
    return find(this.#reserved, queue, round)
  }

  /** Beyond the limit: pieces that nobody is being asked for and that are to be given up, those with the fewest blocks first. */
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

/** Begins at another place each round, so that a long list does not hide some pieces for ever. */
function find(open: readonly ActivePiece[], queue: SourceQueue, round: number): ActivePiece | undefined {
  const tries = Math.min(open.length, MAX_OPEN_SCAN)
  for (let i = 0; i < tries; i++) {
    const active = open[(round + i) % open.length]!
    if (queue.bitfield.has(active.piece)) return active
  }
  return undefined
}
