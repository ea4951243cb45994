/** What one source is asked for at one time: requests are kept by the run, not one by one. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'

/** Blocks to ask for, in a row: one request for each 16 KiB of it, the last of a payload may be shorter. */
export interface BlockRun {
  readonly piece: number
  /** Bytes from the piece's first byte; a multiple of 16 KiB. */
  readonly begin: number
  readonly length: number
  /** With the first block of that piece that is asked of this source. */
  readonly isFirstOfPiece: boolean
}

/** Used again for other blocks when the last of its own has come or was taken back; {@link Requests} keeps them all. */
export class Claim {
  /** From 1; blocks are entered with their piece under it. */
  readonly number: number
  active: ActivePiece
  /** Id of the source that is asked. */
  source = 0
  /** Blocks `first … end - 1`. */
  first = 0
  end = 0
  askedAt: Millis = 0
  /** Blocks of it that have neither come nor been taken back. */
  openCount = 0
  /** Neighbours among the claims of the same source. */
  older: Claim | undefined = undefined
  newer: Claim | undefined = undefined

  constructor(number: number, active: ActivePiece) {
    this.number = number
    this.active = active
  }

  /** `first … end - 1` of `active`, all open. */
  put(active: ActivePiece, first: number, end: number): void {
    this.active = active
    this.first = first
    this.end = end
    this.openCount = end - first
  }

  toRun(isFirstOfPiece: boolean): BlockRun {
    const begin = this.first * BLOCK_LENGTH
    const length = Math.min(this.end * BLOCK_LENGTH, this.active.length) - begin
    return { piece: this.active.piece, begin, length, isFirstOfPiece }
  }
}
