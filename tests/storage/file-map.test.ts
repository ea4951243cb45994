import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { FileStat } from '../../src/storage/disk.ts'
import { FileMap } from '../../src/storage/file-map.ts'

const SOME_FILE: FileStat = { length: 0, modifiedAt: 1, changedAt: 1, attributes: '', inode: '1' }

const folder = (lengths: readonly number[], pieceLength = 10): FileMap =>
  new FileMap({
    path: '/data/set/',
    isSingleFile: false,
    geometry: new PieceGeometry(
      pieceLength,
      lengths.map((length, index) => ({ path: ['dir', `f${index}`], length })),
    ),
  })

const single = (path: string): FileMap =>
  new FileMap({ path, isSingleFile: true, geometry: new PieceGeometry(10, [{ path: [], length: 5 }]) })

test('a range of a piece is the parts of files that hold it; empty files hold nothing', () => {
  expect(folder([8, 0, 4, 20]).spans(0, 5, 5)).toEqual([
    { path: '/data/set/dir/f0', offset: 5, length: 3 },
    { path: '/data/set/dir/f2', offset: 0, length: 2 },
  ])
})

test('the spans of all pieces are the payload, byte for byte', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(25), { minLength: 1, maxLength: 12 }).filter((lengths) => lengths.some((n) => n > 0)),
      fc.integer({ min: 1, max: 30 }),
      (lengths, pieceLength) => {
        const map = folder(lengths, pieceLength)
        const bytes = lengths.flatMap((length, file) =>
          Array.from({ length }, (_, offset) => `${map.pathOf(file)}@${offset}`),
        )
        const seen: string[] = []
        for (let piece = 0; piece < map.geometry.pieceCount; piece++)
          for (const { path, offset, length } of map.spans(piece, 0, map.geometry.lengthOf(piece)))
            for (let at = 0; at < length; at++) seen.push(`${path}@${offset + at}`)
        expect(seen).toEqual(bytes)
      },
    ),
  )
})

test('lock and resume lie beside the payload', () => {
  expect(single('/data/film.mkv').lockPath).toBe('/data/.film.mkv.bitswarm-lock')
  expect(folder([1]).resumePath).toBe('/data/.set.bitswarm-resume')
  expect(single('film.mkv').resumePath).toBe('.film.mkv.bitswarm-resume')
  expect(single('/film.mkv').pathOf(0)).toBe('/film.mkv')
})

test('beside a name of 255 bytes there is room for ours, cut between characters', () => {
  const name = `a${'😀'.repeat(63)}`
  const beside = single(`/data/${name}`).resumePath
  expect(beside).toBe(`/data/.a${'😀'.repeat(49)}.bitswarm-resume`)
  expect(Buffer.byteLength(beside.slice('/data/'.length))).toBeLessThan(256)
})

test('what cannot be served is told by its first file that is amiss, and how many others are', () => {
  const map = folder([5, 6, 7])
  const stat = (length: number): FileStat => ({ ...SOME_FILE, length })
  const why = (...found: readonly (FileStat | undefined)[]): string | undefined =>
    map.refuseToSeed(found)?.message
  expect(why(stat(5), stat(6), stat(7))).toBeUndefined()
  expect(why(stat(5), undefined, stat(7))).toBe('/data/set/dir/f1 is not there')
  expect(why(stat(4), undefined, stat(7))).toBe(
    '/data/set/dir/f0 has 4 bytes, the metainfo says 5; another file is missing or of another length',
  )
  expect(why(undefined, undefined, stat(8))).toBe(
    '/data/set/dir/f0 is not there; 2 more files are missing or of another length',
  )
})
