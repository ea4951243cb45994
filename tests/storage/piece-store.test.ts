import { expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import type { Verdict } from '../../src/storage/disk.ts'
import { HIGH_WATER_BYTES, MAX_IO_TRIES, PieceStore } from '../../src/storage/piece-store.ts'

/** A store over a disk that answers when the test says so, and a diary of all that was called back. */
function makeStore(pieceLength = 30) {
  const clock = new SimClock()
  const pool = new BufferPool()
  const diary: string[] = []
  const commits: { piece: number; text: string; done: (result: Verdict | StorageError) => void }[] = []
  const store = new PieceStore({
    geometry: new PieceGeometry(pieceLength, [{ path: [], length: 100 * pieceLength }]),
    pool,
    clock,
    payload: {
      commit: (piece, data, done) => commits.push({ piece, text: String(data.subarray(0, 3)), done }),
    },
    cache: { add: (piece) => diary.push(`cache ${piece}`) },
    emit: (event) =>
      diary.push(
        event.event === 'disk_error'
          ? `${event.code} ${event.retrySeconds === undefined ? 'for good' : `again in ${event.retrySeconds} s`}`
          : event.event === 'disk_recovered'
            ? `recovered after ${event.stalledSeconds} s`
            : event.event,
      ),
    onPiece: (piece, result) =>
      diary.push(`${piece} ${result instanceof StorageError ? result.code : result}`),
    onDrain: () => diary.push('drain'),
  })
  return {
    store,
    clock,
    pool,
    commits,
    diary: () => diary.splice(0),
    complete: (...pieces: number[]) => {
      for (const piece of pieces) store.put(piece, 0, new Uint8Array(pieceLength))
    },
    answer: (result: Verdict | StorageError) => commits.shift()!.done(result),
  }
}

const full = new StorageError('disk.full', 'no space left')
const broken = new StorageError('disk.io', 'input/output error')
const denied = new StorageError('disk.permission', 'not permitted')

test('the last missing block has the piece written, in whatever order they come', () => {
  const { store, commits, diary, answer, pool } = makeStore()
  store.put(7, 20, new Uint8Array(10).fill(3))
  store.put(7, 0, new Uint8Array(10).fill(1))
  expect(commits).toEqual([])
  store.put(7, 10, new Uint8Array(10).fill(2))
  expect(commits).toMatchObject([{ piece: 7, text: '1,1,1' }])
  answer('written')
  expect(diary()).toEqual(['cache 7', '7 written'])
  expect(pool.outstandingBytes).toBe(0)
})

test('a corrupt piece is reported, not cached, and can be assembled again', () => {
  const { complete, answer, diary } = makeStore()
  complete(1)
  answer('corrupt')
  complete(1)
  answer('written')
  expect(diary()).toEqual(['1 corrupt', 'cache 1', '1 written'])
})

test('a block for a piece that is being written is a bug of the caller', () => {
  const { complete } = makeStore()
  complete(1)
  expect(() => complete(1)).toThrow('which is complete')
})

test('the blocks of a discarded piece are forgotten', () => {
  const { store, commits, pool } = makeStore()
  store.put(1, 0, new Uint8Array(20))
  store.discard(1)
  expect(pool.outstandingBytes).toBe(0)
  store.put(1, 20, new Uint8Array(10))
  expect(commits).toEqual([])
})

test('too many unwritten bytes congest the store until half of them are written', () => {
  const { store, complete, answer, diary } = makeStore(HIGH_WATER_BYTES / 4)
  complete(0, 1, 2, 3)
  expect(store.isCongested).toBe(false)
  complete(4)
  expect(store.isCongested).toBe(true)
  for (let written = 0; written < 2; written++) answer('written')
  expect(diary()).not.toContain('drain')
  answer('written')
  expect(diary()).toContain('drain')
  expect(store.isCongested).toBe(false)
})

test('a full disk is waited for: one piece is tried again, ever more rarely, then all are written', () => {
  const { store, clock, commits, complete, answer, diary } = makeStore()
  complete(0, 1)
  answer(full)
  answer(full)
  expect(store.isStalled).toBe(true)
  complete(2)
  expect(diary()).toEqual(['disk.full again in 1 s'])
  clock.runUntil(1_000)
  expect(commits.length).toBe(1)
  answer(full)
  clock.runUntil(2_999)
  expect(commits.length).toBe(0)
  clock.runUntil(3_000)
  expect(diary()).toEqual(['disk.full again in 2 s'])
  clock.runUntil(3_000.1234)
  answer('written')
  expect(store.isStalled).toBe(false)
  expect(commits.map(({ piece }) => piece).sort()).toEqual([0, 2])
  answer('written')
  answer('written')
  const told = diary()
  expect(told).toContain('recovered after 3 s')
  expect(told.filter((line) => line.endsWith('written')).sort()).toEqual([
    '0 written',
    '1 written',
    '2 written',
  ])
})

test('a full disk is waited for without end, an I/O error and dying workers are not', () => {
  for (const [error, isLasting] of [
    [full, false],
    [broken, true],
    [new StorageError('disk.worker', 'a disk worker stopped'), true],
  ] as const) {
    const { clock, complete, answer, commits, diary } = makeStore()
    complete(0)
    for (let tries = 1; tries < 20 && commits.length > 0; tries++) {
      answer(error)
      clock.runUntil(clock.now() + 60_000)
    }
    const told = diary()
    expect(told.includes(`0 ${error.code}`)).toBe(isLasting)
    expect(told.filter((line) => line.includes('again')).length).toBe(isLasting ? MAX_IO_TRIES - 1 : 19)
  }
})

test('a corrupt probe says nothing of the disk: the next piece is tried', () => {
  const { store, clock, complete, answer, commits } = makeStore()
  complete(0, 1)
  answer(full)
  answer(full)
  clock.runUntil(1_000)
  answer('corrupt')
  expect(store.isStalled).toBe(true)
  expect(commits.length).toBe(1)
  answer('written')
  expect(store.isStalled).toBe(false)
})

test('what trying again cannot help is given up at once', () => {
  const { store, complete, answer, diary, pool } = makeStore()
  complete(0)
  answer(denied)
  expect(diary()).toEqual(['disk.permission for good', '0 disk.permission'])
  expect(store.isStalled).toBe(false)
  expect(pool.outstandingBytes).toBe(0)
})

test('after closing nothing is called back, and every buffer is given back', () => {
  const { store, clock, pool, complete, answer, diary } = makeStore()
  complete(0, 1)
  answer(full)
  diary()
  store.put(2, 0, new Uint8Array(10))
  store.close()
  expect(clock.step()).toBe(false)
  answer('written')
  complete(3)
  expect(diary()).toEqual([])
  expect(pool.outstandingBytes).toBe(0)
})
