/** All arithmetic on pieces, blocks and files: every offset and length comes from here. */
import { Bitfield } from '../protocol/bitfield.ts'
import { invariant } from '../protocol/errors.ts'

/** Bytes of the largest piece that is read. */
export const MAX_PIECE_LENGTH = 2 ** 29

/** Bytes of a block (BEP 3): other clients refuse larger requests, smaller ones waste round trips. */
export const BLOCK_LENGTH = 16_384

/** The number of blocks in so many consecutive bytes; the last may be short. */
export function blocksIn(bytes: number): number {
  return Math.ceil(bytes / BLOCK_LENGTH)
}

/** A file of the payload. `path` is relative to the payload's folder; empty for the single file that is the payload. */
export interface PayloadFile {
  readonly path: readonly string[]
  /** Bytes; zero is allowed. */
  readonly length: number
  /** All zeros, there to align the next file to a piece (BEP 47). Its bytes count in pieces; the file need not exist. */
  readonly isPadding?: true
}

/** A file as it lies in the payload: `offset` bytes from the payload's first byte. */
export interface PlacedFile extends PayloadFile {
  readonly offset: number
}

/** A run of bytes inside one file. */
export interface FileSpan {
  /** Index into `files`. */
  readonly file: number
  /** Bytes from the file's first byte. */
  readonly offset: number
  readonly length: number
}

/** Pieces are `0 … pieceCount - 1`; blocks are `0 … blockCount(piece) - 1`; only the last of each may be short. */
export class PieceGeometry {
  /** Bytes of the whole payload; at least 1. */
  readonly length: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly files: readonly PlacedFile[]
  #everyPiece: Bitfield | undefined

  /** @param pieceLength bytes, 1 … 2^29; the files' lengths must sum to 1 … 2^53 - 1 */
  constructor(pieceLength: number, files: readonly PayloadFile[]) {
    let offset = 0
    this.files = files.map((file) => {
      const placed = { ...file, offset }
      offset += file.length
      return placed
    })
    invariant(Number.isSafeInteger(offset) && offset > 0, 'a payload has between 1 and 2^53 - 1 bytes')
    invariant(
      Number.isInteger(pieceLength) && pieceLength > 0 && pieceLength <= MAX_PIECE_LENGTH,
      'a piece has between 1 and 2^29 bytes',
    )
    this.length = offset
    this.pieceLength = pieceLength
    this.pieceCount = Math.ceil(offset / pieceLength)
  }

  /** Shared by everybody that has every piece: a copy for a million pieces would cost 125 KB. Not to be changed. */
  get everyPiece(): Bitfield {
    return (this.#everyPiece ??= Bitfield.full(this.pieceCount))
  }

  isPiece(piece: number): boolean {
    return Number.isInteger(piece) && piece >= 0 && piece < this.pieceCount
  }

  /** Bytes of `piece`: `pieceLength`, less for the last one. */
  lengthOf(piece: number): number {
    return piece === this.pieceCount - 1 ? this.length - piece * this.pieceLength : this.pieceLength
  }

  blockCount(piece: number): number {
    return Math.ceil(this.lengthOf(piece) / BLOCK_LENGTH)
  }

  blockLength(piece: number, block: number): number {
    return Math.min(BLOCK_LENGTH, this.lengthOf(piece) - block * BLOCK_LENGTH)
  }

  /** One number for each block of all pieces; a safe integer even in the last piece of the longest payload. */
  blockNumber(piece: number, block: number): number {
    return piece * Math.ceil(this.pieceLength / BLOCK_LENGTH) + block
  }

  /** The block that is exactly `begin … begin + length - 1` of `piece`; undefined for any other range. */
  blockAt(piece: number, begin: number, length: number): number | undefined {
    if (!this.isPiece(piece) || begin < 0 || begin % BLOCK_LENGTH !== 0) return undefined
    const block = begin / BLOCK_LENGTH
    return block < this.blockCount(piece) && length === this.blockLength(piece, block) ? block : undefined
  }

  /** Is this a non-empty range of bytes inside `piece`? Requests of a remote need not be aligned. */
  isRange(piece: number, begin: number, length: number): boolean {
    return this.isPiece(piece) && begin >= 0 && length > 0 && begin + length <= this.lengthOf(piece)
  }

  /** The parts of files that hold `length` bytes from `begin` of `piece`, in order; empty files have none. */
  spans(piece: number, begin: number, length: number): FileSpan[] {
    const spans: FileSpan[] = []
    let at = piece * this.pieceLength + begin
    let rest = length
    for (let file = this.#fileAt(at); rest > 0; file++) {
      const placed = this.files[file]!
      const offset = at - placed.offset
      const here = Math.min(rest, placed.length - offset)
      if (here <= 0) continue
      spans.push({ file, offset, length: here })
      at += here
      rest -= here
    }
    return spans
  }

  /** The pieces that touch a file, first and one past the last; equal for an empty file. */
  piecesOf(file: number): readonly [first: number, end: number] {
    const { offset, length } = this.files[file]!
    const first = Math.floor(offset / this.pieceLength)
    return [first, length === 0 ? first : Math.ceil((offset + length) / this.pieceLength)]
  }

  /** Index of the last file that starts at or before `at`: found by bisection. */
  #fileAt(at: number): number {
    let low = 0
    let high = this.files.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.files[middle]!.offset <= at) low = middle
      else high = middle - 1
    }
    return low
  }
}
