/** Blocks in a row of one piece that one source was asked for at one time: requests are kept by the run, not one by one. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { SourceQueue } from './source-queue.ts'

/** Blocks to ask for, in a row: one request for each 16 KiB of it, the last of a payload may be shorter. */
export interface BlockRun {
  readonly piece: number
  /** Bytes from the piece's first byte; a multiple of 16 KiB. */
  readonly begin: number
  readonly length: number
  /** With the first block of that piece that is asked of this source. */
  readonly isFirstOfPiece: boolean
}

export class Claim implements BlockRun {
  readonly active: ActivePiece
  readonly queue: SourceQueue
  /** Blocks `first … end - 1`. */
  readonly first: number
  readonly end: number
  readonly isFirstOfPiece: boolean
  readonly askedAt: Millis
  /** Blocks of it that have neither come nor been taken back. */
  openCount: number
  /** Neighbours among the claims of the same source. */
  older: Claim | undefined = undefined
  newer: Claim | undefined = undefined

  constructor(active: ActivePiece, queue: SourceQueue, run: Pick<Claim, 'first' | 'end' | 'askedAt'>) {
    this.active = active
    this.queue = queue
    this.first = run.first
    this.end = run.end
    this.isFirstOfPiece = active.noteAsked(queue.id)
    this.askedAt = run.askedAt
    this.openCount = run.end - run.first
  }

  get piece(): number {
    return this.active.piece
  }

  get begin(): number {
    return this.first * BLOCK_LENGTH
  }

  get length(): number {
    return Math.min(this.end * BLOCK_LENGTH, this.active.length) - this.begin
  }
}
