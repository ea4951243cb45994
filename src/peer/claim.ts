/** Blocks in a row that one source was asked for at one time: requests are kept by the run, not one by one. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'

/** Blocks in a row to be requested: 16 KiB each, but that the last one of the payload may be shorter. */
export interface BlockRun {
  readonly piece: number
  /** Bytes from the piece's first byte; a multiple of 16 KiB. */
  readonly begin: number
  readonly length: number
  /** This is the first time that the source is asked for blocks of the piece. */
  readonly isFirstOfPiece: boolean
}

/** Reused for other blocks once each of its own has come or been withdrawn; {@link Requests} keeps them all. */
export class Claim {
  /** From 1: under this number it is entered in the blocks of its {@link ActivePiece}. */
  readonly number: number
  active: ActivePiece
  /** Id of the source that is asked. */
  source = 0
  /** Blocks `first … end - 1`. */
  first = 0
  end = 0
  askedAt: Millis = 0
  /** Blocks of it that have neither come nor been withdrawn. */
  openCount = 0
  /** Neighbours in the list of this source's claims, see {@link SourceQueue}. */
  older: Claim | undefined = undefined
  newer: Claim | undefined = undefined

  constructor(number: number, active: ActivePiece) {
    this.number = number
    this.active = active
  }

  /** Becomes a claim on the blocks `first … end - 1` of `active`. */
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
