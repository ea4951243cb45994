/** Cuts pieces that are to be hashed into runs that are worth a message to a worker. */
import type { PieceGeometry } from '../../metainfo/geometry.ts'
import type { FileMap } from '../file-map.ts'
import type { HashRun } from './worker-pool.ts'

/** Bytes in one run, unless a single piece is longer. */
const RUN_BYTES = 8 * 2 ** 20

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
  const run = (): HashRun => ({
    firstPiece: first,
    pieceLength: geometry.pieceLength,
    spans: map.spans(first, 0, bytes),
  })
  for (const piece of pieces) {
    const length = geometry.lengthOf(piece)
    if (count > 0 && (piece !== first + count || bytes + length > RUN_BYTES)) {
      yield run()
      count = 0
    }
    if (count === 0) [first, bytes] = [piece, 0]
    count++
    bytes += length
  }
  if (count > 0) yield run()
  return undefined
}
