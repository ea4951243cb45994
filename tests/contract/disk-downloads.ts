/** What every disk promises to a download that begins, ends, and begins again. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bytesEqual } from '../../src/protocol/ids.ts'
import type { FileStat, Payload, PayloadPlan, Remembered } from '../../src/storage/disk.ts'
import { readNotes } from '../../src/storage/resume-notes.ts'
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

export function describeDownloads(name: string, makeWorld: () => DiskWorld): void {
  describe(`downloads on ${name}`, () => {
    let scene: DiskScene
    let world: DiskWorld
    beforeEach(() => {
      scene = new DiskScene(makeWorld())
      world = scene.world
    })
    afterEach(() => scene.end())

    test('a download lays out every file at full length, empty ones too', async () => {
      const payload = await scene.open(scene.folderPlan, 'download')
      expect(payload.found).toEqual([undefined, undefined, undefined, undefined])
      expect(world.readFile(`${world.folder}/film/a`)).toEqual(new Uint8Array(2500))
      expect(world.readFile(`${world.folder}/film/deep/empty`)).toEqual(new Uint8Array(0))
      expect(world.readFile(`${world.folder}/film/deep/er/b`)).toEqual(new Uint8Array(1700))
    })

    test('existing data is found, kept, and lengthened; the other files are made', async () => {
      world.writeFile(`${world.folder}/film/a`, scene.content.subarray(0, 1200))
      const payload = await scene.open(scene.folderPlan, 'download')
      expect(payload.found.map((stat) => stat?.length)).toEqual([1200, undefined, undefined, undefined])
      expect(await scene.verify(payload, [0, 1])).toBe('#.')
      const now = await success<readonly unknown[]>((done) => payload.stat(done))
      expect(now).toMatchObject([{ length: 2500 }, { length: 0 }, { length: 3 }, { length: 1700 }])
    })

    test('a longer file is refused and stays as it is, and nothing else is made', async () => {
      world.writeFile(`${world.folder}/film/deep/tiny`, new Uint8Array(4))
      expect(await failure((done) => world.disk.open(scene.folderPlan, 'seed', done))).toMatch(
        /wrong-size|missing/,
      )
      const payload = await scene.look(scene.folderPlan)
      expect(payload.found.map((stat) => stat?.length)).toEqual([undefined, undefined, 4, undefined])
      expect(await failure<void>((done) => payload.allocate(false, done))).toBe('disk.wrong-size')
      expect(world.readFile(`${world.folder}/film/deep/tiny`)?.length).toBe(4)
      expect(world.readFile(`${world.folder}/film/a`)).toBeUndefined()
    })

    test('a longer file is cut when that is asked for', async () => {
      world.writeFile(`${world.folder}/film/deep/tiny`, Uint8Array.of(1, 2, 3, 4))
      const payload = await scene.look(scene.folderPlan)
      await success<void>((done) => payload.allocate(true, done))
      expect(world.readFile(`${world.folder}/film/deep/tiny`)).toEqual(Uint8Array.of(1, 2, 3))
      expect(world.readFile(`${world.folder}/film/a`)?.length).toBe(2500)
    })

    test('opening a download touches nothing', async () => {
      world.writeFile(`${world.folder}/film/a`, scene.content.subarray(0, 1200))
      const payload = await scene.look(scene.folderPlan)
      await success((done) => payload.findContent([0, 1, 2, 3], done))
      expect(await scene.verify(payload, [0, 1])).toBe('#.')
      await scene.close(payload)
      expect(world.readFile(`${world.folder}/film/a`)?.length).toBe(1200)
      expect(world.readFile(`${world.folder}/film/deep/tiny`)).toBeUndefined()
    })

    test('files of zeros are told from files that hold something, wherever it is', async () => {
      const late = new Uint8Array(600_000)
      late[599_999] = 1
      const lengths = [600_000, 600_000, 10, 0, 20]
      const files = lengths.map((length, index) => ({ path: [`f${index}`], length }))
      world.writeFile(`${world.folder}/film/f0`, late)
      world.writeFile(`${world.folder}/film/f1`, new Uint8Array(600_000))
      world.writeFile(`${world.folder}/film/f2`, Uint8Array.of(0, 0, 7))
      world.writeFile(`${world.folder}/film/f3`, new Uint8Array(0))
      const payload = await scene.look(planOf(`${world.folder}/film`, files, contentOf(1_200_030)))
      const find = (asked: number[]) => success<readonly number[]>((done) => payload.findContent(asked, done))
      expect(await find([0, 1, 2, 3, 4])).toEqual([0, 2])
      expect(await find([3, 2])).toEqual([2])
      expect(await find([])).toEqual([])
    })

    const remembered = (payload: Payload): Promise<Remembered> =>
      success<Remembered>((done) => payload.readResume(done))

    test('the resume file is absent, replaced as a whole, and removed', async () => {
      const payload = await scene.open(scene.filePlan, 'download')
      expect(await remembered(payload)).toEqual({ resume: undefined, notes: undefined, writtenAt: 0 })
      for (const bytes of [contentOf(5000), contentOf(10)]) {
        await success<void>((done) => payload.replaceResume(bytes, done))
        expect(bytesEqual((await remembered(payload)).resume!, bytes)).toBe(true)
      }
      expect(world.readFile(`${world.folder}/.film.bin.bitswarm-resume`)?.length).toBe(10)
      await success<void>((done) => payload.removeResume(done))
      expect((await remembered(payload)).resume).toBeUndefined()
      await success<void>((done) => payload.removeResume(done))
    })

    const key = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    /** `#` for a piece that is noted under the key. */
    const noted = async (payload: Payload, { geometry }: PayloadPlan, under = key): Promise<string> => {
      const { notes } = await remembered(payload)
      const pieces = readNotes(notes!, under, geometry.pieceCount)
      return Array.from({ length: geometry.pieceCount }, (_, piece) => (pieces.has(piece) ? '#' : '.')).join(
        '',
      )
    }

    test.each([false, true])(
      'a written piece is noted, a corrupt one is not (durable: %s)',
      async (isDurable) => {
        const plan = scene.folderPlan
        const payload = await scene.open(plan, 'download')
        await success<void>((done) => payload.startNotes({ key, isDurable }, done))
        expect(await noted(payload, plan)).toBe('.....')
        const commit = (piece: number, as = piece) =>
          outcome((done) => payload.commit(piece, pieceOf(scene.content, plan.geometry, as), done))
        const together = await Promise.all([commit(4), commit(1), commit(2, 3)])
        expect(together).toEqual(['written', 'written', 'corrupt'])
        expect(await noted(payload, plan)).toBe('.#..#')
        expect(await noted(payload, plan, key.toReversed())).toBe('.....')
        expect(await scene.verify(payload, [0, 1, 2, 3, 4])).toBe('.#..#')
      },
    )

    test('notes can be taken back', async () => {
      const plan = scene.filePlan
      const payload = await scene.open(plan, 'download')
      await success<void>((done) => payload.eraseNotes([1], done))
      await success<void>((done) => payload.startNotes({ key, isDurable: false }, done))
      await scene.commitAll(payload, plan)
      await success<void>((done) => payload.eraseNotes([4, 1], done))
      expect(await noted(payload, plan)).toBe('#.##.')
    })

    test('notes begin anew with each download, and go with the resume file', async () => {
      const plan = scene.filePlan
      const first = await scene.open(plan, 'download')
      await success<void>((done) => first.startNotes({ key, isDurable: false }, done))
      await scene.commitAll(first, plan)
      await scene.close(first)
      const second = await scene.open(plan, 'download')
      expect(await noted(second, plan)).toBe('#####')
      await success<void>((done) => second.startNotes({ key, isDurable: false }, done))
      expect(await noted(second, plan)).toBe('.....')
      await scene.commitAll(second, plan)
      expect(await noted(second, plan)).toBe('#####')
      await success<void>((done) => second.removeResume(done))
      expect((await remembered(second)).notes).toBeUndefined()
      expect(world.readFile(`${world.folder}/.film.bin.bitswarm-notes`)).toBeUndefined()
    })

    test('files are looked at once what is being written to them is', async () => {
      const plan = scene.filePlan
      const payload = await scene.open(plan, 'download')
      const told: string[] = []
      for (const piece of [3, 1, 4, 0])
        payload.commit(piece, pieceOf(scene.content, plan.geometry, piece), () => told.push('commit'))
      const [then] = await success<readonly (FileStat | undefined)[]>((done) => payload.stat(done))
      expect(told.length).toBe(4)
      const [now] = await success<readonly (FileStat | undefined)[]>((done) => payload.stat(done))
      expect(then).toEqual(now)
    })

    test('a file has an inode of its own, which it keeps when it is written to', async () => {
      const plan = scene.filePlan
      const payload = await scene.open(plan, 'download')
      const stat = async () =>
        (await success<readonly (FileStat | undefined)[]>((done) => payload.stat(done)))[0]!
      const { inode } = await stat()
      await scene.commitAll(payload, plan)
      expect((await stat()).inode).toBe(inode)
      await scene.close(payload)
      world.replaceFile(`${world.folder}/film.bin`, scene.content)
      expect((await scene.look(plan)).found[0]!.inode).not.toBe(inode)
    })
  })
}
