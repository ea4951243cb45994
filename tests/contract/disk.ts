/** What every disk promises, told over one that a `DiskWorld` makes. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { PayloadFile } from '../../src/metainfo/geometry.ts'
import type { Disk, FileStat, OpenMode, Payload, PayloadPlan } from '../../src/storage/disk.ts'

/** A disk with a folder to work in, and a way round it to the files. */
export interface DiskWorld {
  readonly disk: Disk
  readonly folder: string
  /** Parents are made. */
  writeFile(path: string, content: Uint8Array): void
  /** Another file takes its place. */
  replaceFile(path: string, content: Uint8Array): void
  removeFile(path: string): void
  readFile(path: string): Uint8Array | undefined
  end(): Promise<void>
}

const PIECE_LENGTH = 1000

/** `a` spans pieces 0–2, `empty` lies on the border within piece 2, `tiny` and `b` share piece 2 with `a`. */
export const FOLDER: readonly PayloadFile[] = [
  { path: ['a'], length: 2500 },
  { path: ['deep', 'empty'], length: 0 },
  { path: ['deep', 'tiny'], length: 3 },
  { path: ['deep', 'er', 'b'], length: 1700 },
]
/** Piece 1 ends in padding, piece 3 is nothing else. */
const PADDED: readonly PayloadFile[] = [
  { path: ['a'], length: 1500 },
  { path: ['.pad', '500'], length: 500, isPadding: true },
  { path: ['b'], length: 700 },
  { path: ['.pad', '1300'], length: 1300, isPadding: true },
]
const SINGLE: readonly PayloadFile[] = [{ path: [], length: 4203 }]

export function contentOf(length: number): Uint8Array {
  return new SeededRandom(length).fill(new Uint8Array(length))
}

/** A plan whose digests are those of `content`. */
export function planOf(path: string, files: readonly PayloadFile[], content: Uint8Array): PayloadPlan {
  const geometry = new PieceGeometry(PIECE_LENGTH, files)
  const digests = new Uint8Array(20 * geometry.pieceCount)
  for (let piece = 0; piece < geometry.pieceCount; piece++)
    digests.set(opensslHashes.sha1(pieceOf(content, geometry, piece)), 20 * piece)
  return { path, isSingleFile: files[0]!.path.length === 0, geometry, digests }
}

/** A copy in shared memory, as buffers of the pool are. */
export function pieceOf(content: Uint8Array, geometry: PieceGeometry, piece: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(geometry.lengthOf(piece)))
  bytes.set(content.subarray(piece * PIECE_LENGTH, piece * PIECE_LENGTH + bytes.length))
  return bytes
}

/** Waits for the one call of `done`; an error is a value. */
export function outcome<T>(start: (done: (result: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false
    let isLater = false
    start((result) => {
      if (isOver || !isLater) reject(new Error(isOver ? 'done was called twice' : 'done was called at once'))
      isOver = true
      resolve(result)
    })
    isLater = true
  })
}

export async function success<T>(start: (done: (result: T | StorageError) => void) => void): Promise<T> {
  const result = await outcome(start)
  if (result instanceof StorageError) throw result
  return result
}

export async function failure<T>(start: (done: (result: T | StorageError) => void) => void): Promise<string> {
  const result = await outcome(start)
  return result instanceof StorageError ? result.code : 'no error'
}

export function describeDisk(name: string, makeWorld: () => DiskWorld): void {
  describe(name, () => {
    let world: DiskWorld
    let opened: Payload[]
    beforeEach(() => {
      world = makeWorld()
      opened = []
    })
    afterEach(async () => {
      for (const payload of opened) await outcome<void>((done) => payload.close(() => done()))
      await world.end()
    })

    const content = contentOf(4203)
    const folderPlan = (): PayloadPlan => planOf(`${world.folder}/film`, FOLDER, content)
    const filePlan = (): PayloadPlan => planOf(`${world.folder}/film.bin`, SINGLE, content)
    const open = async (plan: PayloadPlan, mode: OpenMode): Promise<Payload> => {
      const payload = await success<Payload>((done) => world.disk.open(plan, mode, done))
      opened.push(payload)
      return payload
    }
    const close = async (payload: Payload): Promise<void> => {
      opened.splice(opened.indexOf(payload), 1)
      await outcome<void>((done) => payload.close(() => done()))
    }
    const commitAll = async (payload: Payload, { geometry }: PayloadPlan): Promise<void> => {
      for (let piece = 0; piece < geometry.pieceCount; piece++) {
        const data = pieceOf(content, geometry, piece)
        expect(await outcome((done) => payload.commit(piece, data, done))).toBe('written')
      }
    }
    const read = async (payload: Payload, [piece, begin, length]: [number, number, number]) => {
      const into = new Uint8Array(new SharedArrayBuffer(length))
      await success<void>((done) => payload.read(piece, begin, [into], done))
      return into
    }
    const verify = async (payload: Payload, pieces: readonly number[]): Promise<string> => {
      const seen = new Map<number, boolean>()
      await success<void>((done) => payload.verify(pieces, (piece, isGood) => seen.set(piece, isGood), done))
      expect([...seen.keys()].sort()).toEqual([...pieces].sort())
      return pieces.map((piece) => (seen.get(piece) ? '#' : '.')).join('')
    }
    const placeFolder = (): void => {
      world.writeFile(`${world.folder}/film/a`, content.subarray(0, 2500))
      world.writeFile(`${world.folder}/film/deep/empty`, new Uint8Array(0))
      world.writeFile(`${world.folder}/film/deep/tiny`, content.subarray(2500, 2503))
      world.writeFile(`${world.folder}/film/deep/er/b`, content.subarray(2503))
    }

    test('a download lays out every file at full length, empty ones too', async () => {
      const payload = await open(folderPlan(), 'download')
      expect(payload.found).toEqual([undefined, undefined, undefined, undefined])
      expect(world.readFile(`${world.folder}/film/a`)).toEqual(new Uint8Array(2500))
      expect(world.readFile(`${world.folder}/film/deep/empty`)).toEqual(new Uint8Array(0))
      expect(world.readFile(`${world.folder}/film/deep/er/b`)).toEqual(new Uint8Array(1700))
    })

    test('right pieces are written across file borders, wrong ones leave no trace', async () => {
      const plan = folderPlan()
      const payload = await open(plan, 'download')
      const wrong = pieceOf(content, plan.geometry, 2)
      wrong[700]! ^= 1
      expect(await outcome((done) => payload.commit(2, wrong, done))).toBe('corrupt')
      expect(world.readFile(`${world.folder}/film/deep/tiny`)).toEqual(new Uint8Array(3))
      await commitAll(payload, plan)
      expect(world.readFile(`${world.folder}/film/a`)).toEqual(content.slice(0, 2500))
      expect(world.readFile(`${world.folder}/film/deep/tiny`)).toEqual(content.slice(2500, 2503))
      expect(world.readFile(`${world.folder}/film/deep/er/b`)).toEqual(content.slice(2503))
    })

    const padded = contentOf(4000).fill(0, 1500, 2000).fill(0, 2700)
    const paddedPlan = (bytes = padded): PayloadPlan => planOf(`${world.folder}/film`, PADDED, bytes)

    test('padding has no file: its pieces are written, read and verified as zeros all the same', async () => {
      const { geometry, ...plan } = paddedPlan()
      const payload = await open({ geometry, ...plan }, 'download')
      for (let piece = 0; piece < geometry.pieceCount; piece++)
        expect(await outcome((done) => payload.commit(piece, pieceOf(padded, geometry, piece), done))).toBe(
          'written',
        )
      await success<void>((done) => payload.sync(done))
      expect(await verify(payload, [0, 1, 2, 3])).toBe('####')
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
      const payload = await open(paddedPlan(), 'seed')
      expect(payload.found.map((stat) => stat?.length)).toEqual([1500, undefined, 700, undefined])
      expect(await verify(payload, [3, 2, 1, 0])).toBe('####')
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
      const payload = await open(plan, 'download')
      const commit = (piece: number) =>
        outcome((done) => payload.commit(piece, pieceOf(odd, plan.geometry, piece), done))
      expect([await commit(0), await commit(1)]).toEqual(['written', 'corrupt'])
      expect(world.readFile(`${world.folder}/film/a`)).toEqual(
        Uint8Array.from([...odd.subarray(0, 1000), ...new Uint8Array(500)]),
      )
    })

    test('what was written can be read at once, any range of it', async () => {
      const plan = folderPlan()
      const payload = await open(plan, 'download')
      await commitAll(payload, plan)
      expect(await read(payload, [2, 0, 1000])).toEqual(pieceOf(content, plan.geometry, 2))
      expect(bytesEqual(await read(payload, [2, 499, 6]), content.subarray(2499, 2505))).toBe(true)
      expect(bytesEqual(await read(payload, [4, 202, 1]), content.subarray(4202))).toBe(true)
    })

    test('verifying tells good pieces from bad ones, and counts a missing file as bad', async () => {
      const plan = folderPlan()
      placeFolder()
      const payload = await open(plan, 'download')
      expect(await verify(payload, [0, 1, 2, 3, 4])).toBe('#####')
      const rotten = content.slice(2503)
      rotten[1699]! ^= 1
      world.writeFile(`${world.folder}/film/deep/er/b`, rotten)
      expect(await verify(payload, [4, 0, 3])).toBe('.##')
      world.writeFile(`${world.folder}/film/a`, new Uint8Array(10))
      expect(await verify(payload, [0, 3])).toBe('.#')
    })

    test('verifying nothing ends as well', async () => {
      expect(await verify(await open(folderPlan(), 'download'), [])).toBe('')
    })

    test('a cancelled verification says no more', async () => {
      placeFolder()
      const payload = await open(folderPlan(), 'seed')
      let calls = 0
      const cancel = payload.verify(
        [0, 1, 2, 3, 4],
        () => calls++,
        () => calls++,
      )
      cancel()
      await close(payload)
      expect(calls).toBe(0)
    })

    test('existing data is found, kept, and lengthened; the other files are made', async () => {
      world.writeFile(`${world.folder}/film/a`, content.subarray(0, 1200))
      const payload = await open(folderPlan(), 'download')
      expect(payload.found.map((stat) => stat?.length)).toEqual([1200, undefined, undefined, undefined])
      expect(await verify(payload, [0, 1])).toBe('#.')
      const now = await success<readonly unknown[]>((done) => payload.stat(done))
      expect(now).toMatchObject([{ length: 2500 }, { length: 0 }, { length: 3 }, { length: 1700 }])
    })

    test('a longer file is refused and stays as it is, and nothing else is made', async () => {
      world.writeFile(`${world.folder}/film/deep/tiny`, new Uint8Array(4))
      for (const mode of ['download', 'seed'] as const)
        expect(await failure((done) => world.disk.open(folderPlan(), mode, done))).toMatch(
          /wrong-size|missing/,
        )
      expect(await failure((done) => world.disk.open(folderPlan(), 'download', done))).toBe('disk.wrong-size')
      expect(world.readFile(`${world.folder}/film/deep/tiny`)?.length).toBe(4)
      expect(world.readFile(`${world.folder}/film/a`)).toBeUndefined()
    })

    test('a refused download leaves no lock behind', async () => {
      world.writeFile(`${world.folder}/film/deep/tiny`, new Uint8Array(4))
      expect(await failure((done) => world.disk.open(folderPlan(), 'download', done))).toBe('disk.wrong-size')
      world.writeFile(`${world.folder}/film/deep/tiny`, new Uint8Array(3))
      await open(folderPlan(), 'download')
    })

    test('seeding wants every file there at its length, and makes none', async () => {
      expect(await failure((done) => world.disk.open(filePlan(), 'seed', done))).toBe('disk.missing')
      expect(world.readFile(`${world.folder}/film.bin`)).toBeUndefined()
      world.writeFile(`${world.folder}/film.bin`, content.subarray(0, 4202))
      expect(await failure((done) => world.disk.open(filePlan(), 'seed', done))).toBe('disk.wrong-size')
      world.writeFile(`${world.folder}/film.bin`, content)
      const payload = await open(filePlan(), 'seed')
      expect(bytesEqual(await read(payload, [3, 10, 900]), content.subarray(3010, 3910))).toBe(true)
    })

    test('one read fills several buffers, across the ends of pieces and files', async () => {
      const plan = folderPlan()
      const payload = await open(plan, 'download')
      await commitAll(payload, plan)
      const ranges = fc.tuple(
        fc.nat(1_203),
        fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 3 }),
      )
      const property = fc.asyncProperty(ranges, async ([at, lengths]) => {
        const into = lengths.map((length) => new Uint8Array(new SharedArrayBuffer(length)))
        await success<void>((done) => payload.read(Math.floor(at / 1000), at % 1000, into, done))
        const all = Buffer.concat(into)
        expect(bytesEqual(all, content.subarray(at, at + all.length))).toBe(true)
      })
      await fc.assert(property, { numRuns: 50 })
    })

    test('reading where the file was cut short fails', async () => {
      world.writeFile(`${world.folder}/film.bin`, content)
      const payload = await open(filePlan(), 'seed')
      world.writeFile(`${world.folder}/film.bin`, content.subarray(0, 100))
      const into = new Uint8Array(new SharedArrayBuffer(1000))
      expect(await failure<void>((done) => payload.read(0, 0, [into], done))).toBe('disk.wrong-size')
    })

    test('a file is looked at by itself: its length, time and identity tell whether it is what it was', async () => {
      const path = `${world.folder}/film.bin`
      world.writeFile(path, content)
      const payload = await open(filePlan(), 'seed')
      const look = (): Promise<FileStat> => success((done) => payload.statFile(0, done))
      expect(await look()).toEqual(payload.found[0])
      world.replaceFile(path, content)
      const replaced = await look()
      expect(replaced.length).toBe(4203)
      expect(replaced.inode).not.toBe(payload.found[0]!.inode)
      world.removeFile(path)
      expect(await failure<FileStat>((done) => payload.statFile(0, done))).toBe('disk.missing')
    })

    test('after it was reopened, what lies at the path is read and verified, not what lay there before', async () => {
      const path = `${world.folder}/film.bin`
      world.writeFile(path, content)
      const plan = filePlan()
      const payload = await open(plan, 'seed')
      expect(bytesEqual(await read(payload, [0, 0, 1000]), content.subarray(0, 1000))).toBe(true)
      expect(await verify(payload, [0, 1])).toBe('##')
      world.replaceFile(path, content.slice().fill(7, 1000, 2000))
      payload.reopen()
      expect(await verify(payload, [0, 1])).toBe('#.')
      expect(await read(payload, [1, 0, 10])).toEqual(new Uint8Array(10).fill(7))
    })

    test('two downloads of one payload: the second is refused until the first is closed', async () => {
      const first = await open(filePlan(), 'download')
      expect(await failure((done) => world.disk.open(filePlan(), 'download', done))).toBe('disk.locked')
      await open(filePlan(), 'seed')
      await close(first)
      await open(filePlan(), 'download')
    })

    test('a complete download gives up its lock and can still be read', async () => {
      const plan = filePlan()
      const first = await open(plan, 'download')
      await commitAll(first, plan)
      await success<void>((done) => first.unlock(done))
      const second = await open(plan, 'download')
      await close(first)
      expect(await failure((done) => world.disk.open(plan, 'download', done))).toBe('disk.locked')
      expect(bytesEqual(await read(second, [0, 0, 1000]), content.subarray(0, 1000))).toBe(true)
    })

    test('the resume file is absent, replaced as a whole, and removed', async () => {
      const payload = await open(filePlan(), 'download')
      const resume = (): Promise<Uint8Array | undefined> => success((done) => payload.readResume(done))
      expect(await resume()).toBeUndefined()
      for (const bytes of [contentOf(5000), contentOf(10)]) {
        await success<void>((done) => payload.replaceResume(bytes, done))
        expect(bytesEqual((await resume())!, bytes)).toBe(true)
      }
      expect(world.readFile(`${world.folder}/.film.bin.bitswarm-resume`)?.length).toBe(10)
      await success<void>((done) => payload.removeResume(done))
      expect(await resume()).toBeUndefined()
      await success<void>((done) => payload.removeResume(done))
    })

    test('syncing works with and without anything to sync', async () => {
      const plan = folderPlan()
      const payload = await open(plan, 'download')
      await success<void>((done) => payload.sync(done))
      await commitAll(payload, plan)
      await success<void>((done) => payload.sync(done))
    })

    test('there is free space, and it is a number of bytes', async () => {
      const payload = await open(filePlan(), 'download')
      expect(await success<number>((done) => payload.freeSpace(done))).toBeGreaterThan(0)
    })

    test('closing waits for what is under way, and comes last', async () => {
      const plan = filePlan()
      const payload = await open(plan, 'download')
      const told: string[] = []
      payload.commit(0, pieceOf(content, plan.geometry, 0), (result) =>
        told.push(`commit: ${String(result)}`),
      )
      payload.read(1, 0, [new Uint8Array(new SharedArrayBuffer(1000))], () => told.push('read'))
      payload.sync(() => told.push('sync'))
      await close(payload)
      expect(told.sort()).toEqual(['commit: written', 'read', 'sync'])
    })

    test('a payload without digests is hashed piece by piece', async () => {
      placeFolder()
      const plan = folderPlan()
      const digests = new Uint8Array(plan.digests.length)
      await success<void>((done) =>
        world.disk.digest(plan, (piece, sha1) => digests.set(sha1, 20 * piece), done),
      )
      expect(digests).toEqual(plan.digests)
    })

    test('hashing a payload ends with the first file that is missing or short', async () => {
      placeFolder()
      world.writeFile(`${world.folder}/film/deep/er/b`, new Uint8Array(1699))
      const digest = (done: (error?: StorageError) => void): unknown =>
        world.disk.digest(folderPlan(), () => undefined, done)
      expect(await failure<void>(digest)).toBe('disk.wrong-size')
      expect(await failure<void>((done) => world.disk.digest(filePlan(), () => undefined, done))).toBe(
        'disk.missing',
      )
    })
  })
}
