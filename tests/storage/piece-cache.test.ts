import { expect, test } from 'vitest'
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import {
  CACHE_BYTES,
  CACHE_BYTES_PER_READER,
  MAX_GLIMPSED_WINDOWS,
  MAX_READ_BYTES,
  MAX_READS_IN_FLIGHT,
  MAX_WAITING_BLOCKS,
  MAX_WINDOW_BYTES,
  PieceCache,
} from '../../src/storage/piece-cache.ts'
import type { CachedBlock } from '../../src/storage/piece-cache.ts'

/**
 * A cache over a disk that reads when the test says so. Its bytes are their piece's number, or what `byteAt` says of each block's place in
 * the payload. A failed read leaves rubbish.
 */
function makeCache({
  pieceLength = 1000,
  maxBytes = 10_000,
  byteAt = (at: number): number => Math.floor(at / pieceLength),
} = {}) {
  const pool = new BufferPool({ maxIdleBytes: 0 })
  const reads: { what: string; finish: (error?: StorageError) => void }[] = []
  const cache = new PieceCache({
    geometry: new PieceGeometry(pieceLength, [{ path: [], length: 1_000 * pieceLength }]),
    pool,
    maxBytes,
    payload: {
      read: (piece, begin, into, done) =>
        reads.push({
          what: `${piece}: ${begin}+${into.map(({ length }) => length).join('+')}`,
          finish: (error) => {
            let at = piece * pieceLength + begin
            for (const part of into) {
              for (let i = 0; i < part.length; i += BLOCK_LENGTH)
                part.fill(error === undefined ? byteAt(at + i) : 0xff, i, i + BLOCK_LENGTH)
              at += part.length
            }
            done(error)
          },
        }),
    },
  })
  const got: (CachedBlock | StorageError)[] = []
  return {
    cache,
    pool,
    got,
    read: (piece: number, begin = 0, length = 10) =>
      cache.read(piece, begin, length, (block) => got.push(block)),
    /** Starts and finishes all reads; tells which there were. */
    finish: (error?: StorageError) => {
      const all: string[] = []
      cache.startReads()
      for (let next = reads.shift(); next !== undefined; next = reads.shift()) {
        all.push(next.what)
        next.finish(error)
      }
      return all
    },
    reads,
    releaseAll: () => {
      for (const block of got.splice(0)) if (!(block instanceof StorageError)) block.release()
    },
  }
}

test('one read of the whole piece serves all who wait for its blocks, and those who come later', () => {
  const { read, got, finish } = makeCache()
  read(3, 0)
  read(3, 500, 20)
  expect(got.length).toBe(0)
  expect(finish()).toEqual(['3: 0+1000'])
  expect(got).toMatchObject([{ bytes: new Uint8Array(10).fill(3) }, { bytes: new Uint8Array(20).fill(3) }])
  read(3, 990)
  expect(got.length).toBe(3)
  expect(finish()).toEqual([])
})

test('a large piece is read in windows; the blocks of a range across a border by themselves', () => {
  const { read, finish } = makeCache({ pieceLength: 2 * MAX_WINDOW_BYTES + 5, maxBytes: 2 ** 22 })
  read(0, 0, BLOCK_LENGTH)
  read(0, MAX_WINDOW_BYTES, BLOCK_LENGTH)
  read(0, MAX_WINDOW_BYTES - 1, BLOCK_LENGTH + 1)
  read(0, 2 * MAX_WINDOW_BYTES, 5)
  expect(finish()).toEqual([
    `0: 0+${MAX_WINDOW_BYTES}+${MAX_WINDOW_BYTES}`,
    `0: ${MAX_WINDOW_BYTES - BLOCK_LENGTH}+${2 * BLOCK_LENGTH}`,
    `0: ${2 * MAX_WINDOW_BYTES}+5`,
  ])
  read(0, 5)
  read(0, MAX_WINDOW_BYTES + 5)
  expect(finish()).toEqual([])
})

test('what is served lies where it was asked for: in a window or a whole piece, read now or before', () => {
  const pieceLength = 2 * MAX_WINDOW_BYTES + 5
  const byteAt = (at: number): number => Math.floor(at / BLOCK_LENGTH) % 251
  const { cache, pool, got, read, finish } = makeCache({ pieceLength, maxBytes: 2 ** 22, byteAt })
  const places = [MAX_WINDOW_BYTES, MAX_WINDOW_BYTES + 3 * BLOCK_LENGTH, 2 * MAX_WINDOW_BYTES - BLOCK_LENGTH]
  const ask = (piece: number): unknown => {
    for (const begin of places) expect(read(piece, begin, BLOCK_LENGTH)).toBe(true)
    finish()
    return got.splice(0).map((block) => {
      const { bytes } = block as CachedBlock
      return [bytes.length, bytes[0], bytes.at(-1)]
    })
  }
  const right = places.map((begin) => [BLOCK_LENGTH, byteAt(begin), byteAt(begin)])
  expect([ask(0), ask(0)]).toEqual([right, right])

  const written = pool.acquire(pieceLength)
  for (let at = 0; at < pieceLength; at += BLOCK_LENGTH) written.bytes.fill(byteAt(at), at, at + BLOCK_LENGTH)
  cache.add(1, written)
  expect(ask(1)).toEqual(right)
})

test('a range that goes on to the end of its window is all that one read should ask for', () => {
  const { cache } = makeCache()
  expect(
    [0, BLOCK_LENGTH, MAX_WINDOW_BYTES - 1, MAX_WINDOW_BYTES + 5].map((at) => cache.windowFrom(at)),
  ).toEqual([MAX_WINDOW_BYTES, MAX_WINDOW_BYTES - BLOCK_LENGTH, 1, MAX_WINDOW_BYTES - 5])
})

test('who asks for less than a block has its blocks read and no more; what is read anyway serves it, too', () => {
  const pieceLength = MAX_WINDOW_BYTES + BLOCK_LENGTH + 7
  const { read, got, finish } = makeCache({ pieceLength, maxBytes: 2 ** 22 })
  read(0, 5 * BLOCK_LENGTH + 3, 1)
  read(1, BLOCK_LENGTH - 1, 2)
  read(2, MAX_WINDOW_BYTES - 1, 2)
  read(3, pieceLength - 1, 1)
  expect(finish()).toEqual([
    `0: ${5 * BLOCK_LENGTH}+${BLOCK_LENGTH}`,
    `1: 0+${2 * BLOCK_LENGTH}`,
    `2: ${MAX_WINDOW_BYTES - BLOCK_LENGTH}+${2 * BLOCK_LENGTH}`,
    `3: ${MAX_WINDOW_BYTES + BLOCK_LENGTH}+7`,
  ])
  expect(got.map((block) => [...(block as CachedBlock).bytes])).toEqual([[0], [1, 1], [2, 2], [3]])
  read(4, 0, BLOCK_LENGTH)
  read(4, 9 * BLOCK_LENGTH, 1)
  expect(finish()).toEqual([`4: 0+${MAX_WINDOW_BYTES}`])
})

test('reading ahead is earned: by the first block of a window, a long range, or a second block', () => {
  const { read, finish } = makeCache({ pieceLength: MAX_WINDOW_BYTES, maxBytes: 2 ** 23 })
  const block = (piece: number, nth: number): boolean => read(piece, nth * BLOCK_LENGTH, BLOCK_LENGTH)
  block(0, 0)
  read(2, 3 * BLOCK_LENGTH, 2 * BLOCK_LENGTH)
  block(4, 7)
  expect(finish()).toEqual([
    `0: 0+${MAX_WINDOW_BYTES}`,
    `2: 0+${MAX_WINDOW_BYTES}`,
    `4: ${7 * BLOCK_LENGTH}+${BLOCK_LENGTH}`,
  ])
  block(4, 7)
  expect(finish()).toEqual([`4: 0+${MAX_WINDOW_BYTES}`])
  for (let nth = 0; nth < MAX_WINDOW_BYTES / BLOCK_LENGTH; nth++) block(4, nth)
  expect(finish()).toEqual([])
})

test('blocks of many pieces at random are read and no more', () => {
  const { read, finish, releaseAll } = makeCache({ pieceLength: MAX_WINDOW_BYTES, maxBytes: 2 ** 23 })
  // Every window is visited again only after more others than are remembered.
  const visits = Array.from({ length: 10 }, (_, round) =>
    Array.from({ length: 3 * MAX_GLIMPSED_WINDOWS }, (__, piece) => ({ piece, nth: 1 + round })),
  ).flat()
  for (const { piece, nth } of visits) {
    read(piece, nth * BLOCK_LENGTH, BLOCK_LENGTH)
    expect(finish()).toEqual([`${piece}: ${nth * BLOCK_LENGTH}+${BLOCK_LENGTH}`])
    releaseAll()
  }
})

test('a piece that was just written is served from its own buffer', () => {
  const { cache, pool, read, got, finish } = makeCache()
  const buffer = pool.acquire(1000)
  buffer.bytes.fill(42)
  cache.add(9, buffer)
  buffer.release()
  read(9, 10)
  expect(got).toMatchObject([{ bytes: new Uint8Array(10).fill(42) }])
  expect((got[0] as CachedBlock).bytes.buffer).toBe(buffer.bytes.buffer)
  expect(finish()).toEqual([])
})

test('the least recently used piece makes way', () => {
  const { cache, read, finish, releaseAll } = makeCache({ maxBytes: 2_000 })
  for (const piece of [1, 2, 1, 3, 1]) {
    read(piece)
    finish()
  }
  releaseAll()
  expect(cache.bytes).toBe(2_000)
  read(1)
  expect(finish()).toEqual([])
  read(2)
  expect(finish()).toEqual(['2: 0+1000'])
})

test('a block that is being sent outlives its eviction', () => {
  const { cache, pool, read, got, finish, releaseAll } = makeCache({ maxBytes: 1_000 })
  read(1)
  finish()
  for (const piece of [2, 3, 4]) {
    read(piece)
    finish()
  }
  expect((got[0] as CachedBlock).bytes).toEqual(new Uint8Array(10).fill(1))
  expect(pool.outstandingBytes).toBe(4_000)
  releaseAll()
  expect(pool.outstandingBytes).toBe(1_000)
  cache.close()
  expect(pool.outstandingBytes).toBe(0)
})

test('pieces larger than the whole cache are served and not kept', () => {
  const { cache, pool, read, finish, releaseAll } = makeCache({ maxBytes: 999 })
  read(1)
  finish()
  const written = pool.acquire(1000)
  cache.add(2, written)
  written.release()
  releaseAll()
  expect([cache.bytes, pool.outstandingBytes]).toEqual([0, 0])
})

test('few reads are under way at once, and only so many blocks wait', () => {
  const { cache, read, reads, finish } = makeCache()
  for (let piece = 0; piece < 50; piece++) read(99 - piece)
  cache.startReads()
  expect(reads.length).toBe(MAX_READS_IN_FLIGHT)
  for (let blocks = 50; blocks < MAX_WAITING_BLOCKS; blocks++) expect(read(49)).toBe(true)
  expect(read(48)).toBe(false)
  expect(finish().length).toBe(51)
  expect(read(48)).toBe(true)
})

test('a failed read is told to all who wait, and is not remembered', () => {
  const { pool, read, got, finish } = makeCache()
  read(1)
  read(1, 20)
  finish(new StorageError('disk.io', 'input/output error'))
  expect(got.map((result) => result instanceof StorageError && result.code)).toEqual(['disk.io', 'disk.io'])
  expect(pool.outstandingBytes).toBe(0)
  read(1)
  expect(finish()).toEqual(['1: 0+1000'])
})

test('neighbours that are asked for together are read together, as long as they go on where the last one ends', () => {
  const { read, got, finish } = makeCache()
  for (const piece of [3, 4, 5, 7, 8, 6, 5]) read(piece)
  expect(finish()).toEqual(['3: 0+1000+1000+1000', '7: 0+1000+1000', '6: 0+1000'])
  expect(got.map((block) => (block as CachedBlock).bytes[0])).toEqual([3, 4, 5, 5, 7, 8, 6])
})

test('a read of neighbours ends at its longest length', () => {
  const { read, finish } = makeCache({ pieceLength: MAX_READ_BYTES / 4, maxBytes: CACHE_BYTES })
  for (let piece = 0; piece < 10; piece++) read(piece, 0, BLOCK_LENGTH)
  const piece = MAX_READ_BYTES / 4
  expect(finish()).toEqual([
    `0: 0+${piece}+${piece}+${piece}+${piece}`,
    `4: 0+${piece}+${piece}+${piece}+${piece}`,
    `8: 0+${piece}+${piece}`,
  ])
})

test('when a read of neighbours fails, each is tried alone: one bad sector spoils one piece', () => {
  const { cache, pool, read, reads, got, finish, releaseAll } = makeCache()
  for (const piece of [3, 4, 5]) read(piece)
  const error = new StorageError('disk.io', 'input/output error')
  cache.startReads()
  reads.shift()!.finish(error)
  expect(reads.map(({ what }) => what)).toEqual(['3: 0+1000', '4: 0+1000', '5: 0+1000'])
  expect(got).toEqual([])
  reads.splice(1, 1)[0]!.finish(error)
  expect(finish()).toEqual(['3: 0+1000', '5: 0+1000'])
  expect(got).toMatchObject([
    { code: 'disk.io' },
    { bytes: new Uint8Array(10).fill(3) },
    { bytes: new Uint8Array(10).fill(5) },
  ])
  releaseAll()
  cache.close()
  expect(pool.outstandingBytes).toBe(0)
})

test('after closing nothing is called back, and no buffer is lost', () => {
  const { cache, pool, read, got, finish } = makeCache()
  for (let piece = 0; piece < 9; piece++) read(99 - piece)
  cache.startReads()
  cache.close()
  expect(finish().length).toBe(MAX_READS_IN_FLIGHT)
  expect(got).toEqual([])
  expect(read(1)).toBe(false)
  expect(pool.outstandingBytes).toBe(0)
})

test('room follows the peers that may ask for more: without them little is kept, and the oldest goes first', () => {
  const pieceLength = MAX_WINDOW_BYTES
  const fits = CACHE_BYTES_PER_READER / pieceLength
  const { cache, pool, read, finish, releaseAll } = makeCache({ pieceLength, maxBytes: CACHE_BYTES })
  for (let piece = 0; piece < 2 * fits; piece++) read(piece, 0, BLOCK_LENGTH)
  finish()
  releaseAll()
  expect(cache.bytes).toBe(2 * CACHE_BYTES_PER_READER)
  cache.readers = 0
  expect([cache.bytes, pool.outstandingBytes]).toEqual([CACHE_BYTES_PER_READER, CACHE_BYTES_PER_READER])
  read(fits - 1, 0, BLOCK_LENGTH)
  expect(finish()).toEqual([`${fits - 1}: 0+${pieceLength}`])
  read(2 * fits - 1, 0, BLOCK_LENGTH)
  expect(finish()).toEqual([])
  cache.readers = 2
  read(0, 0, BLOCK_LENGTH)
  finish()
  releaseAll()
  expect(cache.bytes).toBe(CACHE_BYTES_PER_READER + pieceLength)
})

test('what is forgotten of a piece is read again, all its windows, and other pieces are kept', () => {
  const { cache, read, finish } = makeCache({ pieceLength: 2 * MAX_WINDOW_BYTES, maxBytes: CACHE_BYTES })
  for (const [piece, begin] of [
    [1, 0],
    [1, MAX_WINDOW_BYTES],
    [2, 0],
  ] as const)
    read(piece, begin, BLOCK_LENGTH)
  finish()
  cache.forget(1)
  read(1, 0, BLOCK_LENGTH)
  read(1, MAX_WINDOW_BYTES, BLOCK_LENGTH)
  read(2, 0, BLOCK_LENGTH)
  expect(finish()).toEqual([`1: 0+${MAX_WINDOW_BYTES}+${MAX_WINDOW_BYTES}`])
})
