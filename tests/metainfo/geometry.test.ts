import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BLOCK_LENGTH, PieceGeometry, type FileSpan } from '../../src/metainfo/geometry.ts'
import { InvariantError } from '../../src/protocol/errors.ts'

function geometry(pieceLength: number, ...lengths: number[]): PieceGeometry {
  return new PieceGeometry(
    pieceLength,
    lengths.map((length, index) => ({ path: [`f${index}`], length })),
  )
}

/** The file and offset of every byte of the payload: what spans must say in runs. */
function bytesOf(lengths: readonly number[]): [file: number, offset: number][] {
  return lengths.flatMap((length, file) =>
    Array.from({ length }, (_, offset): [number, number] => [file, offset]),
  )
}

function isSame(a: readonly [number, number][], b: readonly [number, number][]): boolean {
  return a.length === b.length && a.every(([file, offset], at) => file === b[at]![0] && offset === b[at]![1])
}

function bytesIn(spans: readonly FileSpan[]): [file: number, offset: number][] {
  return spans.flatMap(({ file, offset, length }) =>
    Array.from({ length }, (_, i): [number, number] => [file, offset + i]),
  )
}

test('a payload is cut into pieces, the last one short, and pieces into blocks, the last one short', () => {
  const g = geometry(40_000, 100_000)
  expect(g.pieceCount).toBe(3)
  expect([0, 1, 2].map((piece) => g.lengthOf(piece))).toEqual([40_000, 40_000, 20_000])
  expect([0, 1, 2].map((piece) => g.blockCount(piece))).toEqual([3, 3, 2])
  expect([0, 1, 2].map((block) => g.blockLength(0, block))).toEqual([16_384, 16_384, 7_232])
  expect(g.blockLength(2, 1)).toBe(3_616)
})

test('a payload that fills its last piece has no short one', () => {
  const g = geometry(BLOCK_LENGTH, 2 * BLOCK_LENGTH)
  expect(g.pieceCount).toBe(2)
  expect(g.lengthOf(1)).toBe(BLOCK_LENGTH)
  expect(g.blockCount(1)).toBe(1)
})

test('only exact blocks are blocks', () => {
  const g = geometry(40_000, 100_000)
  expect(g.blockAt(0, 16_384, 16_384)).toBe(1)
  expect(g.blockAt(0, 32_768, 7_232)).toBe(2)
  expect(g.blockAt(2, 16_384, 3_616)).toBe(1)
  const bad: [number, number, number][] = [
    [0, 1, 16_384],
    [0, 16_384, 16_383],
    [0, 32_768, 16_384],
    [0, 49_152, 1],
    [3, 0, 16_384],
    [-1, 0, 16_384],
    [0.5, 0, 16_384],
    [0, -16_384, 16_384],
    [2, 16_384, 0],
  ]
  for (const [piece, begin, length] of bad) expect(g.blockAt(piece, begin, length)).toBeUndefined()
})

test('a range that is asked for need not be aligned, but must lie in its piece', () => {
  const g = geometry(100, 250)
  expect(g.isRange(0, 0, 100)).toBe(true)
  expect(g.isRange(0, 99, 1)).toBe(true)
  expect(g.isRange(2, 10, 40)).toBe(true)
  const bad: [number, number, number][] = [
    [0, 0, 0],
    [0, 0, 101],
    [0, 1, 100],
    [2, 10, 41],
    [3, 0, 1],
    [0, -1, 5],
    [0, 0xffffffff, 0xffffffff],
  ]
  for (const [piece, begin, length] of bad) expect(g.isRange(piece, begin, length)).toBe(false)
})

test('a piece knows the files it lies in, and a file its pieces', () => {
  //  0123456789
  //  aaabbbbbcd   pieces of 4, b and c with an empty file between them
  const g = geometry(4, 3, 5, 0, 1, 1)
  expect(g.spans(0, 0, 4)).toEqual([
    { file: 0, offset: 0, length: 3 },
    { file: 1, offset: 0, length: 1 },
  ])
  expect(g.spans(1, 0, 4)).toEqual([{ file: 1, offset: 1, length: 4 }])
  expect(g.spans(2, 0, 2)).toEqual([
    { file: 3, offset: 0, length: 1 },
    { file: 4, offset: 0, length: 1 },
  ])
  expect([0, 1, 2, 3, 4].map((file) => g.piecesOf(file))).toEqual([
    [0, 1],
    [0, 2],
    [2, 2],
    [2, 3],
    [2, 3],
  ])
})

test('spans agree with a list of every single byte', () => {
  const lengths = fc
    .array(fc.nat(20), { minLength: 1, maxLength: 12 })
    .filter((all) => all.some((n) => n > 0))
  fc.assert(
    fc.property(
      lengths,
      fc.integer({ min: 1, max: 30 }),
      fc.nat(),
      fc.nat(),
      (lengths, pieceLength, a, b) => {
        const g = geometry(pieceLength, ...lengths)
        const all = bytesOf(lengths)
        expect(g.length).toBe(all.length)
        let total = 0
        const wrong: string[] = []
        for (let piece = 0; piece < g.pieceCount; piece++) {
          const at = piece * pieceLength
          const pieceBytes = all.slice(at, at + pieceLength)
          const begin = a % pieceBytes.length
          const length = 1 + (b % (pieceBytes.length - begin))
          const spans = g.spans(piece, begin, length)
          const isRight =
            g.lengthOf(piece) === pieceBytes.length &&
            isSame(bytesIn(g.spans(piece, 0, g.lengthOf(piece))), pieceBytes) &&
            isSame(bytesIn(spans), pieceBytes.slice(begin, begin + length)) &&
            spans.every((span) => span.length > 0)
          if (!isRight) wrong.push(`piece ${piece}, ${length} bytes from ${begin}`)
          total += g.lengthOf(piece)
          for (const [file, touched] of lengths.entries()) {
            const [first, end] = g.piecesOf(file)
            const isTouched = touched > 0 && pieceBytes.some(([f]) => f === file)
            if ((piece >= first && piece < end) !== isTouched) wrong.push(`piece ${piece}, file ${file}`)
          }
        }
        expect(wrong).toEqual([])
        expect(total).toBe(g.length)
      },
    ),
  )
})

test('blocks tile a piece', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 300_000 }),
      (pieceLength, length) => {
        const g = geometry(pieceLength, length)
        const piece = g.pieceCount - 1
        let begin = 0
        for (let block = 0; block < g.blockCount(piece); block++) {
          expect(g.blockAt(piece, begin, g.blockLength(piece, block))).toBe(block)
          begin += g.blockLength(piece, block)
        }
        expect(begin).toBe(g.lengthOf(piece))
      },
    ),
  )
})

test('the largest payload there can be is still exact', () => {
  const g = geometry(2 ** 29, Number.MAX_SAFE_INTEGER - 1, 1)
  expect(g.pieceCount).toBe(2 ** 24)
  expect(g.lengthOf(2 ** 24 - 1)).toBe(2 ** 29 - 1)
  expect(g.spans(2 ** 24 - 1, 2 ** 29 - 2, 1)).toEqual([{ file: 1, offset: 0, length: 1 }])
})

test('padding keeps its place', () => {
  const g = new PieceGeometry(8, [
    { path: ['a'], length: 3 },
    { path: ['.pad', '5'], length: 5, isPadding: true },
    { path: ['b'], length: 8 },
  ])
  expect(g.files.map((file) => [file.offset, file.isPadding ?? false])).toEqual([
    [0, false],
    [3, true],
    [8, false],
  ])
})

describe('what cannot be is our own bug', () => {
  test.each([
    ['an empty payload', 1, [0]],
    ['more than 2^53 - 1 bytes', 1, [Number.MAX_SAFE_INTEGER, 1]],
    ['a piece of no bytes', 0, [1]],
    ['a piece beyond 512 MiB', 2 ** 29 + 1, [1]],
    ['half a byte', 0.5, [1]],
  ])('%s', (_, pieceLength, lengths) => {
    expect(() => geometry(pieceLength, ...lengths)).toThrow(InvariantError)
  })
})
