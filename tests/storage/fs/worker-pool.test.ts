import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Worker } from 'node:worker_threads'
import { StorageError } from '../../../src/protocol/errors.ts'
import { MAX_GROUP_BYTES } from '../../../src/storage/fs/commit-queue.ts'
import { BYTES_PER_BULK_THREAD, WorkerPool } from '../../../src/storage/fs/worker-pool.ts'
import type { HashRun } from '../../../src/storage/fs/worker-pool.ts'
import type { HashedPiece } from '../../../src/storage/fs/worker-messages.ts'
import { toHex } from '../../../src/protocol/ids.ts'
import { hashes } from '../../support/hashes.ts'

let folder: string
let pool: WorkerPool
/** Workers started since the test began. */
let started: Worker[]
const onWorker = (worker: Worker): void => void started.push(worker)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-workers-'))
  pool = new WorkerPool({ commitThreads: 2, bulkThreads: 3 })
  started = []
  process.on('worker', onWorker)
})
afterEach(async () => {
  process.off('worker', onWorker)
  await new Promise<void>((done) => pool.close(done))
  rmSync(folder, { recursive: true })
})

const data = new Uint8Array(new SharedArrayBuffer(1000)).fill(7)
const sha1 = (bytes: Uint8Array): string => toHex(hashes.sha1(bytes))
const commit = (piece: number): Promise<unknown> =>
  new Promise((done) => {
    const spans = [{ path: `${folder}/f`, offset: piece * 1000, length: 1000 }]
    pool.commit({ data, digest: sha1(data), spans, place: folder, note: undefined }, done)
  })

/** @param bytes what the pool is told that there is to do */
const hashAll = (runs: HashRun[], bytes: number): Promise<Map<number, readonly HashedPiece[]>> =>
  new Promise((resolve, reject) => {
    const hashed = new Map<number, readonly HashedPiece[]>()
    pool.hash({
      bytes,
      runs: (function* () {
        yield* runs
        return undefined
      })(),
      onRun: ({ firstPiece }, pieces) => hashed.set(firstPiece, pieces),
      onEnd: (error) => (error === undefined ? resolve(hashed) : reject(error)),
    })
  })

test('no thread starts before there is work; pieces that come together go together, to one', async () => {
  writeFileSync(`${folder}/f`, new Uint8Array(5000))
  expect(started.length).toBe(0)
  const pieces = [0, 1, 2, 3, 4]
  expect(await Promise.all(pieces.map(commit))).toEqual(pieces.map(() => 'written'))
  expect(readFileSync(`${folder}/f`)).toEqual(Buffer.alloc(5000, 7))
  expect(started.length).toBe(1)
})

test('another thread takes what would wait for long, and each piece has a verdict of its own', async () => {
  const pieceLength = MAX_GROUP_BYTES / 2
  const long = new Uint8Array(new SharedArrayBuffer(pieceLength)).fill(9)
  writeFileSync(`${folder}/f`, new Uint8Array(8 * pieceLength))
  const digest = sha1(long)
  const results = Array.from({ length: 9 }, (_, piece) => {
    const path = piece === 5 ? `${folder}/missing` : `${folder}/f`
    const spans = [{ path, offset: piece * pieceLength, length: pieceLength }]
    return new Promise((done) =>
      pool.commit(
        {
          data: long,
          digest: piece === 4 ? sha1(data) : digest,
          spans,
          place: folder,
          note: undefined,
        },
        done,
      ),
    )
  })
  await new Promise(setImmediate)
  expect(started.length).toBe(1) // it may well keep up, once it has started
  const verdicts = await Promise.all(results)
  expect(verdicts[4]).toBe('corrupt')
  expect(verdicts[5]).toMatchObject({ code: 'disk.missing' })
  expect(verdicts.filter((verdict) => verdict === 'written').length).toBe(7)
  expect(started.length).toBe(2)
})

test('threads for bulk work end with it', async () => {
  const bytes = new Uint8Array(9_500).map((_, at) => at % 253)
  writeFileSync(`${folder}/f`, bytes)
  const runs = [0, 3, 6, 9].map((firstPiece) => ({
    firstPiece,
    pieceLength: 1000,
    spans: [
      { path: `${folder}/f`, offset: firstPiece * 1000, length: Math.min(3000, 9500 - firstPiece * 1000) },
    ],
  }))
  const hashed = await hashAll(runs, 10 * BYTES_PER_BULK_THREAD)
  expect(started.length).toBe(3)
  for (const { firstPiece } of runs)
    for (const [index, digest] of hashed.get(firstPiece)!.entries()) {
      const begin = (firstPiece + index) * 1000
      expect(digest).toEqual(hashes.sha1(bytes.subarray(begin, begin + 1000)))
    }
  expect([...hashed.values()].flat().length).toBe(10)
  await Promise.all(
    started.map((worker) => worker.threadId === -1 || new Promise((r) => worker.once('exit', r))),
  )
})

test('a thread is started for bulk work only when there is enough for it', async () => {
  writeFileSync(`${folder}/f`, new Uint8Array(4000))
  const runs = [0, 1, 2, 3].map((firstPiece) => ({
    firstPiece,
    pieceLength: 1000,
    spans: [{ path: `${folder}/f`, offset: firstPiece * 1000, length: 1000 }],
  }))
  expect((await hashAll(runs, BYTES_PER_BULK_THREAD)).size).toBe(4)
  expect(started.length).toBe(1)
  expect((await hashAll(runs, BYTES_PER_BULK_THREAD + 1)).size).toBe(4)
  expect(started.length).toBe(3)
  expect(await hashAll([], 0)).toEqual(new Map())
  expect(started.length).toBe(3)
})

test('when a worker crashes, what it had is told, and the next piece finds a new one', async () => {
  writeFileSync(`${folder}/f`, new Uint8Array(5000))
  expect(await commit(0)).toBe('written')
  const waiting = commit(2)
  await started[0]!.terminate()
  const result = await waiting
  // The commit may have been faster than its killer.
  if (result !== 'written') {
    expect(result).toBeInstanceOf(StorageError)
    expect(result).toMatchObject({ code: 'disk.worker' })
  }
  expect(await commit(4)).toBe('written')
  expect(started.length).toBe(2)
})

test('a request that a worker cannot understand ends it, and is answered with an error', async () => {
  const broken = new Promise((done) =>
    pool.commit(
      { data, digest: 'nonsense', spans: 'nonsense' as unknown as [], place: folder, note: undefined },
      done,
    ),
  )
  // The digest is wrong, so the spans are not looked at.
  expect(await broken).toBe('corrupt')
  const crashing = new Promise((done) =>
    pool.commit(
      { data, digest: sha1(data), spans: null as unknown as [], place: folder, note: undefined },
      done,
    ),
  )
  expect(await crashing).toMatchObject({ code: 'disk.worker' })
})
