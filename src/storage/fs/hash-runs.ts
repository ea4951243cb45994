/** Groups pieces to be hashed into runs that are worth a message to a worker, and not too large for it. */
import type { PieceGeometry } from '../../metainfo/geometry.ts'
import type { FileMap } from '../file-map.ts'
import type { HashRun } from './worker-pool.ts'

/** Bytes in one run, unless a single piece is longer. */
const RUN_BYTES = 8 * 2 ** 20
/** Parts of files in one run, unless a single piece has more: a worker holds all of them, and there may be millions of short files or pieces. */
const RUN_PARTS = 4_096

/** All pieces in order. */
export function* everyPiece({ pieceCount }: PieceGeometry): Generator<number> {
  for (let piece = 0; piece < pieceCount; piece++) yield piece
}

/** @param pieces in any order; only neighbours share a run */
export function* runsOf(map: FileMap, pieces: Iterable<number>): Generator<HashRun, undefined> {
  const { geometry } = map
  let first = 0
  let count = 0
  let bytes = 0
  let parts = 0
  const run = (): HashRun => ({
    firstPiece: first,
    pieceLength: geometry.pieceLength,
    spans: map.spans(first, 0, bytes),
  })
  for (const piece of pieces) {
    const length = geometry.lengthOf(piece)
    const { length: partCount } = geometry.spans(piece, 0, length)
    const isFull = bytes + length > RUN_BYTES || parts + partCount > RUN_PARTS
    if (count > 0 && (piece !== first + count || isFull)) {
      yield run()
      count = 0
    }
    if (count === 0) [first, bytes, parts] = [piece, 0, 0]
    count++
    bytes += length
    parts += partCount
  }
  if (count > 0) yield run()
  return undefined
}
