/** What a worker is told to hash at a time. */
import { expect, test } from 'vitest'
import { PieceGeometry, type PayloadFile } from '../../../src/metainfo/geometry.ts'
import { FileMap } from '../../../src/storage/file-map.ts'
import { everyPiece, runsOf } from '../../../src/storage/fs/hash-runs.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** The first piece and the number of parts of files of each run. */
function runs(pieceLength: number, files: readonly PayloadFile[], pieces?: readonly number[]): string[] {
  const geometry = new PieceGeometry(pieceLength, files)
  const map = new FileMap({ path: '/data/set', isSingleFile: false, geometry })
  return Array.from(
    runsOf(map, pieces ?? everyPiece(geometry)),
    ({ firstPiece, spans }) => `${firstPiece}: ${spans.length}`,
  )
}

const many = (count: number, length: number): PayloadFile[] =>
  Array.from({ length: count }, (_, file) => ({ path: [String(file)], length }))

test('neighbours go together, eight mebibytes at a time, and one that is longer by itself', () => {
  expect(runs(MiB, many(1, 17 * MiB))).toEqual(['0: 1', '8: 1', '16: 1'])
  expect(runs(16 * MiB, many(1, 40 * MiB))).toEqual(['0: 1', '1: 1', '2: 1'])
  expect(runs(MiB, many(1, 17 * MiB), [1, 2, 4, 5, 6])).toEqual(['1: 1', '4: 1'])
})

test('of many small files, or of many small pieces, no more go together than a worker can hold', () => {
  expect(runs(KiB, many(20 * KiB, 1))).toEqual(['0: 4096', '4: 4096', '8: 4096', '12: 4096', '16: 4096'])
  expect(runs(10 * KiB, many(20 * KiB, 1))).toEqual(['0: 10240', '1: 10240'])
  expect(runs(1, many(1, 10_000))).toEqual(['0: 1', '4096: 1', '8192: 1'])
})
