/** What every disk promises, told over one that a `DiskWorld` makes. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bytesEqual } from '../../src/protocol/ids.ts'
import type { PayloadFile } from '../../src/metainfo/geometry.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import type { FileStat, Payload, PayloadPlan } from '../../src/storage/disk.ts'
import {
  contentOf,
  DiskScene,
  failure,
  outcome,
  pieceOf,
  planOf,
  success,
  type DiskWorld,
} from './disk-scene.ts'

/** Piece 1 ends in padding, piece 3 is nothing else. */
const PADDED: readonly PayloadFile[] = [
  { path: ['a'], length: 1500 },
  { path: ['.pad', '500'], length: 500, isPadding: true },
  { path: ['b'], length: 700 },
  { path: ['.pad', '1300'], length: 1300, isPadding: true },
]

/** What each of these files is like, or the code of what is wrong with it. */
function looks(payload: Payload, files: readonly number[]): Promise<(FileStat | string)[]> {
  const seen = new Map<number, FileStat | string>()
  return new Promise((resolve) =>
    payload.statFiles(
      files,
      (file, result) => seen.set(file, result instanceof StorageError ? result.code : result),
      () => resolve(files.map((file) => seen.get(file)!)),
    ),
  )
}

export function describeDisk(name: string, makeWorld: () => DiskWorld): void {
  describe(name, () => {
    let scene: DiskScene
    let world: DiskWorld
    beforeEach(() => {
      scene = new DiskScene(makeWorld())
      world = scene.world
    })
    afterEach(() => scene.end())

    test('right pieces are written across file borders, wrong ones leave no trace', async () => {
      const plan = scene.folderPlan
      const payload = await scene.open(plan, 'download')
      const wrong = pieceOf(scene.content, plan.geometry, 2)
      wrong[700]! ^= 1
      expect(await outcome((done) => payload.commit(2, wrong, done))).toBe('corrupt')
      expect(world.readFile(`${world.folder}/film/deep/tiny`)).toEqual(new Uint8Array(3))
      await scene.commitAll(payload, plan)
      expect(world.readFile(`${world.folder}/film/a`)).toEqual(scene.content.slice(0, 2500))
      expect(world.readFile(`${world.folder}/film/deep/tiny`)).toEqual(scene.content.slice(2500, 2503))
      expect(world.readFile(`${world.folder}/film/deep/er/b`)).toEqual(scene.content.slice(2503))
    })

    const padded = contentOf(4000).fill(0, 1500, 2000).fill(0, 2700)
    const paddedPlan = (bytes = padded): PayloadPlan => planOf(`${world.folder}/film`, PADDED, bytes)

    test('padding has no file: its pieces are written, read and verified as zeros all the same', async () => {
      const { geometry, ...plan } = paddedPlan()
      const payload = await scene.open({ geometry, ...plan }, 'download')
      for (let piece = 0; piece < geometry.pieceCount; piece++)
        expect(await outcome((done) => payload.commit(piece, pieceOf(padded, geometry, piece), done))).toBe(
          'written',
        )
      await success<void>((done) => payload.sync(done))
      expect(await scene.verify(payload, [0, 1, 2, 3])).toBe('####')
      for (const [piece, begin, length] of [
        [1, 0, 1000],
        [1, 600, 10],
        [2, 600, 400],
        [3, 0, 1000],
      ] as const) {
        const into = new Uint8Array(new SharedArrayBuffer(length)).fill(7)
        await success<void>((done) => payload.read(piece, begin, [into], done))
        expect(bytesEqual(into, pieceOf(padded, geometry, piece).subarray(begin, begin + length))).toBe(true)
      }
      expect(world.readFile(`${world.folder}/film/b`)).toEqual(padded.slice(2000, 2700))
      expect(world.readFile(`${world.folder}/film/.pad/500`)).toBeUndefined()
      const now = await success<readonly unknown[]>((done) => payload.stat(done))
      expect(now).toMatchObject([{ length: 1500 }, undefined, { length: 700 }, undefined])
    })

    test('what lies in the place of padding is not looked at', async () => {
      world.writeFile(`${world.folder}/film/a`, padded.subarray(0, 1500))
      world.writeFile(`${world.folder}/film/b`, padded.subarray(2000, 2700))
      world.writeFile(`${world.folder}/film/.pad/500`, contentOf(2000))
      const payload = await scene.open(paddedPlan(), 'seed')
      expect(payload.found.map((stat) => stat?.length)).toEqual([1500, undefined, 700, undefined])
      expect(await scene.verify(payload, [3, 2, 1, 0])).toBe('####')
      const digests = new Uint8Array(80)
      await success<void>((done) =>
        world.disk.digest(paddedPlan(), (piece, sha1) => digests.set(sha1, 20 * piece), done),
      )
      expect(digests).toEqual(paddedPlan().digests)
    })

    test('a piece that has more than zeros where padding is could not be read again: it is corrupt', async () => {
      const odd = padded.slice()
      odd[1999] = 1
      const plan = paddedPlan(odd)
      const payload = await scene.open(plan, 'download')
      const commit = (piece: number) =>
        outcome((done) => payload.commit(piece, pieceOf(odd, plan.geometry, piece), done))
      expect([await commit(0), await commit(1)]).toEqual(['written', 'corrupt'])
      expect(world.readFile(`${world.folder}/film/a`)).toEqual(
        Uint8Array.from([...odd.subarray(0, 1000), ...new Uint8Array(500)]),
      )
    })

    test('what was written can be read at once, any range of it', async () => {
      const plan = scene.folderPlan
      const payload = await scene.open(plan, 'download')
      await scene.commitAll(payload, plan)
      expect(await scene.read(payload, [2, 0, 1000])).toEqual(pieceOf(scene.content, plan.geometry, 2))
      expect(bytesEqual(await scene.read(payload, [2, 499, 6]), scene.content.subarray(2499, 2505))).toBe(
        true,
      )
      expect(bytesEqual(await scene.read(payload, [4, 202, 1]), scene.content.subarray(4202))).toBe(true)
    })

    test('verifying tells good pieces from bad ones, and counts a missing file as bad', async () => {
      const plan = scene.folderPlan
      scene.placeFolder()
      const payload = await scene.open(plan, 'download')
      expect(await scene.verify(payload, [0, 1, 2, 3, 4])).toBe('#####')
      const rotten = scene.content.slice(2503)
      rotten[1699]! ^= 1
      world.writeFile(`${world.folder}/film/deep/er/b`, rotten)
      expect(await scene.verify(payload, [4, 0, 3])).toBe('.##')
      world.writeFile(`${world.folder}/film/a`, new Uint8Array(10))
      expect(await scene.verify(payload, [0, 3])).toBe('.#')
    })

    test('verifying says why a piece could not be read, and nothing of one that is bad', async () => {
      scene.placeFolder()
      const payload = await scene.open(scene.folderPlan, 'seed')
      const rotten = scene.content.slice(2503)
      rotten[1699]! ^= 1
      world.writeFile(`${world.folder}/film/deep/er/b`, rotten)
      world.removeFile(`${world.folder}/film/a`)
      const reasons = new Map<number, StorageError | undefined>()
      await success<void>((done) =>
        payload.verify([0, 4], (piece, _, unread) => reasons.set(piece, unread), done),
      )
      expect(reasons.get(0)).toMatchObject({
        code: 'disk.missing',
        message: expect.stringContaining('film/a'),
      })
      expect([...reasons.keys()].sort()).toEqual([0, 4])
      expect(reasons.get(4)).toBeUndefined()
    })

    test('verifying nothing ends as well', async () => {
      expect(await scene.verify(await scene.open(scene.folderPlan, 'download'), [])).toBe('')
    })

    test('a cancelled verification says no more', async () => {
      scene.placeFolder()
      const payload = await scene.open(scene.folderPlan, 'seed')
      let calls = 0
      const cancel = payload.verify(
        [0, 1, 2, 3, 4],
        () => calls++,
        () => calls++,
      )
      cancel()
      await scene.close(payload)
      expect(calls).toBe(0)
    })

    test('seeding wants every file there at its length, and makes none', async () => {
      expect(await failure((done) => world.disk.open(scene.filePlan, 'seed', done))).toBe('disk.missing')
      expect(world.readFile(`${world.folder}/film.bin`)).toBeUndefined()
      world.writeFile(`${world.folder}/film.bin`, scene.content.subarray(0, 4202))
      expect(await failure((done) => world.disk.open(scene.filePlan, 'seed', done))).toBe('disk.wrong-size')
      world.writeFile(`${world.folder}/film.bin`, scene.content)
      const payload = await scene.open(scene.filePlan, 'seed')
      expect(bytesEqual(await scene.read(payload, [3, 10, 900]), scene.content.subarray(3010, 3910))).toBe(
        true,
      )
    })

    test('verifying takes what is there, of whatever length, and makes nothing', async () => {
      scene.placeFolder()
      world.removeFile(`${world.folder}/film/a`)
      const payload = await scene.open(scene.folderPlan, 'verify')
      expect(payload.found[0]).toBeUndefined()
      expect(await scene.verify(payload, [0, 1, 2, 3, 4])).toBe('...##')
      expect(world.readFile(`${world.folder}/film/a`)).toBeUndefined()
    })

    test('one read fills several buffers, across the ends of pieces and files', async () => {
      const plan = scene.folderPlan
      const payload = await scene.open(plan, 'download')
      await scene.commitAll(payload, plan)
      const ranges = fc.tuple(
        fc.nat(1_203),
        fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 3 }),
      )
      const property = fc.asyncProperty(ranges, async ([at, lengths]) => {
        const into = lengths.map((length) => new Uint8Array(new SharedArrayBuffer(length)))
        await success<void>((done) => payload.read(Math.floor(at / 1000), at % 1000, into, done))
        const all = Buffer.concat(into)
        expect(bytesEqual(all, scene.content.subarray(at, at + all.length))).toBe(true)
      })
      await fc.assert(property, { numRuns: 50 })
    })

    test('reading where the file was cut short fails', async () => {
      world.writeFile(`${world.folder}/film.bin`, scene.content)
      const payload = await scene.open(scene.filePlan, 'seed')
      world.writeFile(`${world.folder}/film.bin`, scene.content.subarray(0, 100))
      const into = new Uint8Array(new SharedArrayBuffer(1000))
      expect(await failure<void>((done) => payload.read(0, 0, [into], done))).toBe('disk.wrong-size')
    })

    test('files are looked at: length, time and identity tell whether each is what it was', async () => {
      const path = `${world.folder}/film.bin`
      world.writeFile(path, scene.content)
      const payload = await scene.open(scene.filePlan, 'seed')
      const look = async (): Promise<FileStat | string> => {
        const [seen] = await looks(payload, [0])
        return seen!
      }
      expect(await look()).toEqual(payload.found[0])
      world.replaceFile(path, scene.content)
      const replaced = (await look()) as FileStat
      expect(replaced.length).toBe(4203)
      expect(replaced.inode).not.toBe(payload.found[0]!.inode)
      world.removeFile(path)
      expect(await look()).toBe('disk.missing')
    })

    test('a file that cannot be looked at says nothing about the others, which come in the order of the question', async () => {
      const payload = await scene.open(scene.folderPlan, 'download')
      await success<void>((done) => payload.allocate(false, done))
      const all = await success<readonly (FileStat | undefined)[]>((done) => payload.stat(done))
      world.removeFile(`${scene.folderPlan.path}/${scene.folderPlan.geometry.files[1]!.path.join('/')}`)
      expect(await looks(payload, [2, 1, 0])).toEqual([all[2], 'disk.missing', all[0]])
    })

    test('who sets the time of a file back leaves a trace', async () => {
      const path = `${world.folder}/film.bin`
      world.writeFile(path, scene.content)
      world.setTime(path, 1_000)
      const payload = await scene.open(scene.filePlan, 'seed')
      const { changedAt, ...rest } = payload.found[0]!
      expect(rest.modifiedAt).toBe(1_000_000)
      let now = payload.found[0]!
      // The clock that dates files ticks a hundred times a second or more.
      while (now.changedAt === changedAt) {
        world.setTime(path, 1_000)
        now = (await looks(payload, [0]))[0] as FileStat
      }
      expect(now).toEqual({ ...rest, changedAt: now.changedAt })
      expect(now.changedAt).toBeGreaterThan(changedAt)
    })

    test('after it was reopened, what lies at the path is read and verified, not what lay there before', async () => {
      const path = `${world.folder}/film.bin`
      world.writeFile(path, scene.content)
      const payload = await scene.open(scene.filePlan, 'seed')
      expect(bytesEqual(await scene.read(payload, [0, 0, 1000]), scene.content.subarray(0, 1000))).toBe(true)
      expect(await scene.verify(payload, [0, 1])).toBe('##')
      world.replaceFile(path, scene.content.slice().fill(7, 1000, 2000))
      payload.reopen()
      expect(await scene.verify(payload, [0, 1])).toBe('#.')
      expect(await scene.read(payload, [1, 0, 10])).toEqual(new Uint8Array(10).fill(7))
    })

    test('two downloads of one payload: the second is refused until the first is closed', async () => {
      const first = await scene.open(scene.filePlan, 'download')
      expect(await failure((done) => world.disk.open(scene.filePlan, 'download', done))).toBe('disk.locked')
      await scene.open(scene.filePlan, 'seed')
      await scene.close(first)
      await scene.open(scene.filePlan, 'download')
    })

    test('a complete download gives up its lock and can still be read', async () => {
      const plan = scene.filePlan
      const first = await scene.open(plan, 'download')
      await scene.commitAll(first, plan)
      await success<void>((done) => first.unlock(done))
      const second = await scene.open(plan, 'download')
      await scene.close(first)
      expect(await failure((done) => world.disk.open(plan, 'download', done))).toBe('disk.locked')
      expect(bytesEqual(await scene.read(second, [0, 0, 1000]), scene.content.subarray(0, 1000))).toBe(true)
    })

    test('syncing works with and without anything to sync', async () => {
      const plan = scene.folderPlan
      const payload = await scene.open(plan, 'download')
      await success<void>((done) => payload.sync(done))
      await scene.commitAll(payload, plan)
      await success<void>((done) => payload.sync(done))
    })

    test('there is free space, and it is a number of bytes', async () => {
      const payload = await scene.open(scene.filePlan, 'download')
      expect(await success<number>((done) => payload.freeSpace(done))).toBeGreaterThan(0)
    })

    test('closing waits for what is under way, and comes last', async () => {
      const plan = scene.filePlan
      const payload = await scene.open(plan, 'download')
      const told: string[] = []
      payload.commit(0, pieceOf(scene.content, plan.geometry, 0), (result) =>
        told.push(`commit: ${String(result)}`),
      )
      payload.read(1, 0, [new Uint8Array(new SharedArrayBuffer(1000))], () => told.push('read'))
      payload.sync(() => told.push('sync'))
      await scene.close(payload)
      expect(told.sort()).toEqual(['commit: written', 'read', 'sync'])
    })

    test('a payload without digests is hashed piece by piece', async () => {
      scene.placeFolder()
      const plan = scene.folderPlan
      const digests = new Uint8Array(plan.digests.length)
      await success<void>((done) =>
        world.disk.digest(plan, (piece, sha1) => digests.set(sha1, 20 * piece), done),
      )
      expect(digests).toEqual(plan.digests)
    })

    test('hashing a payload ends with the first file that is missing or short', async () => {
      scene.placeFolder()
      world.writeFile(`${world.folder}/film/deep/er/b`, new Uint8Array(1699))
      const digest = (done: (error?: StorageError) => void): unknown =>
        world.disk.digest(scene.folderPlan, () => undefined, done)
      expect(await failure<void>(digest)).toBe('disk.wrong-size')
      expect(await failure<void>((done) => world.disk.digest(scene.filePlan, () => undefined, done))).toBe(
        'disk.missing',
      )
    })
  })
}
