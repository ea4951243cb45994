/** What only a real file system can show. */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PieceGeometry } from '../../../src/metainfo/geometry.ts'
import type { StorageError } from '../../../src/protocol/errors.ts'
import type { Payload, PayloadPlan } from '../../../src/storage/disk.ts'
import { FsDisk } from '../../../src/storage/fs/fs-disk.ts'
import { MAX_OPEN_FILES } from '../../../src/storage/fs/handles.ts'
import { contentOf, failure, FOLDER, outcome, pieceOf, planOf, success } from '../../contract/disk-scene.ts'

let folder: string
let disk: FsDisk
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-fs-'))
  disk = new FsDisk({ bulkThreads: 2 })
})
afterEach(async () => {
  await closeDisk()
  rmSync(folder, { recursive: true })
})

const content = contentOf(4203)
const folderPlan = (): PayloadPlan => planOf(`${folder}/film`, FOLDER, content)
const filePlan = (name = 'film.bin'): PayloadPlan =>
  planOf(`${folder}/${name}`, [{ path: [], length: 4203 }], content)
const open = async (plan: PayloadPlan, mode: 'download' | 'seed' = 'download'): Promise<Payload> => {
  const payload = await success<Payload>((done) => disk.open(plan, mode, done))
  if (mode === 'download') await success<void>((done) => payload.allocate(false, done))
  return payload
}
const refusal = (plan: PayloadPlan, mode: 'download' | 'seed' = 'download'): Promise<string> =>
  failure<Payload>((done) => disk.open(plan, mode, done))
const close = (payload: Payload): Promise<void> => outcome<void>((done) => payload.close(() => done()))
const closeDisk = (): Promise<void> => outcome<void>((done) => disk.close(() => done()))

const source = (path: string): string => JSON.stringify(join(import.meta.dirname, '../../../src', path))

/** The start of a program for a process of its own: a disk, and the plan for a file of `length` bytes. */
const program = (name: string, length: number): string => `
  import { FsDisk } from ${source('storage/fs/fs-disk.ts')}
  import { PieceGeometry } from ${source('metainfo/geometry.ts')}
  const geometry = new PieceGeometry(1000, [{ path: [], length: ${length} }])
  const path = ${JSON.stringify(join(folder, name))}
  const plan = { path, isSingleFile: true, geometry, digests: new Uint8Array(20 * geometry.pieceCount) }
  const disk = new FsDisk()
`

describe('symlinks', () => {
  let outside: string
  beforeEach(() => {
    outside = mkdtempSync(join(tmpdir(), 'bitswarm-outside-'))
    writeFileSync(`${outside}/a`, content.subarray(0, 2500))
    mkdirSync(`${folder}/film`)
  })
  afterEach(() => rmSync(outside, { recursive: true }))

  test('a folder that leads out of the payload is refused before anything is made behind it', async () => {
    symlinkSync(outside, `${folder}/film/deep`)
    expect(await refusal(folderPlan())).toBe('disk.unsafe-path')
    expect(readdirSync(outside)).toEqual(['a'])
    expect(existsSync(`${folder}/film/a`)).toBe(false)
  })

  test('a file that leads out is neither read nor written', async () => {
    symlinkSync(`${outside}/a`, `${folder}/film/a`)
    expect(await refusal(folderPlan())).toBe('disk.unsafe-path')
    expect(await refusal(folderPlan(), 'seed')).toBe('disk.unsafe-path')
  })

  test('a link that leads nowhere is refused, too: something may be put there', async () => {
    symlinkSync(`${outside}/new`, `${folder}/film/a`)
    expect(await refusal(folderPlan())).toBe('disk.unsafe-path')
    expect(readdirSync(outside)).toEqual(['a'])
  })

  test('a folder that stays inside works', async () => {
    mkdirSync(`${folder}/film/elsewhere`)
    symlinkSync('elsewhere', `${folder}/film/deep`)
    await close(await open(folderPlan()))
    expect(readdirSync(`${folder}/film/elsewhere`).sort()).toEqual(['empty', 'er', 'tiny'])
  })

  test('a download never goes through a link that took the place of a file', async () => {
    const plan = filePlan()
    const payload = await open(plan)
    rmSync(`${folder}/film.bin`)
    symlinkSync(`${outside}/a`, `${folder}/film.bin`)
    const data = pieceOf(content, plan.geometry, 1)
    expect(await failure((done) => payload.commit(1, data, done))).toBe('disk.unsafe-path')
    expect(readFileSync(`${outside}/a`).equals(content.subarray(0, 2500))).toBe(true)
    await close(payload)
  })

  test.each(['film/deep', 'film'])(
    'a download never goes through a folder that became a link: nothing is written, cut or read behind it (%s)',
    async (swapped) => {
      const plan = folderPlan()
      const payload = await open(plan)
      rmSync(`${folder}/${swapped}`, { recursive: true })
      symlinkSync(outside, `${folder}/${swapped}`)
      const other = new Uint8Array(5_000).fill(1)
      const files = ['a', 'deep/empty', 'deep/tiny', 'deep/er/b'].flatMap((name) => {
        const path = `${folder}/film/${name}`
        mkdirSync(dirname(path), { recursive: true })
        if (realpathSync(dirname(path)).startsWith(outside)) writeFileSync(path, other)
        return existsSync(path) && realpathSync(path).startsWith(outside) ? [path] : []
      })
      expect(files.length).toBeGreaterThan(2)
      const data = pieceOf(content, plan.geometry, 3)
      expect(await failure((done) => payload.commit(3, data, done))).toBe('disk.unsafe-path')
      expect(await failure((done) => payload.read(3, 0, [data], done))).toBe('disk.unsafe-path')
      expect(await failure((done) => payload.allocate(true, done))).toBe('disk.unsafe-path')
      for (const path of files) expect(readFileSync(path)).toEqual(Buffer.from(other))
      await close(payload)
    },
  )

  test('the payload itself may be a link: it was named by the user', async () => {
    symlinkSync(`${outside}/film.bin`, `${folder}/film.bin`)
    writeFileSync(`${outside}/film.bin`, content)
    await close(await open(filePlan(), 'seed'))
    expect(await refusal(filePlan())).toBe('disk.unsafe-path')
  })
})

test('what is no regular file is refused', async () => {
  mkdirSync(`${folder}/film.bin`)
  expect(await refusal(filePlan())).toBe('disk.unsafe-path')
  spawnSync('mkfifo', [`${folder}/pipe`])
  expect(await refusal(filePlan('pipe'), 'seed')).toBe('disk.unsafe-path')
})

describe('the lock', () => {
  const lockPath = (): string => `${folder}/.film.bin.bitswarm-lock`

  test('of a living process is respected, and the error names it', async () => {
    const script = `${program('film.bin', 4203)}
      disk.open(plan, 'download', (payload) => console.log(payload instanceof Error ? payload.message : 'open'))
      setInterval(() => {}, 1000)`
    const other = spawn(process.execPath, ['--input-type=module', '-e', script])
    try {
      await new Promise((resolve) => other.stdout.once('data', resolve))
      const error = await outcome<Payload | StorageError>((done) => disk.open(filePlan(), 'download', done))
      expect(error).toMatchObject({ code: 'disk.locked' })
      expect((error as StorageError).message).toContain(`process ${other.pid}`)
    } finally {
      const gone = new Promise((resolve) => other.once('exit', resolve))
      other.kill('SIGKILL')
      await gone
    }
    expect(existsSync(lockPath())).toBe(true)
    await close(await open(filePlan()))
    expect(existsSync(lockPath())).toBe(false)
  })

  test.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: '1' })],
    ['of a process whose number another one has by now', JSON.stringify({ pid: process.ppid, started: '1' })],
    ['of a former process with our number', JSON.stringify({ pid: process.pid, started: '1' })],
    ['that a crash left empty', ''],
    ['that a crash left half written', '{"pid":12'],
  ])('%s is taken over', async (_, text) => {
    writeFileSync(lockPath(), text)
    await close(await open(filePlan()))
    expect(readdirSync(folder)).toEqual(['film.bin'])
  })

  test.skipIf(process.platform !== 'linux')(
    'of a process that has ended and whose parent does not ask for it is taken over',
    async () => {
      const parent = spawn('sh', ['-c', 'sleep 60 & cat /proc/$!/stat; kill -9 $!; exec cat'])
      try {
        const stat = String(await new Promise((resolve) => parent.stdout.once('data', resolve))).split(' ')
        const pid = Number(stat[0])
        await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[2]).toBe('Z')
        writeFileSync(lockPath(), JSON.stringify({ pid, started: stat[21] }))
        await close(await open(filePlan()))
        expect(readdirSync(folder)).toEqual(['film.bin'])
      } finally {
        parent.kill('SIGKILL')
      }
    },
  )

  test('that is a pipe, which nobody writes to, is taken over', async () => {
    spawnSync('mkfifo', [lockPath()])
    await close(await open(filePlan()))
    expect(readdirSync(folder)).toEqual(['film.bin'])
  })

  test('takes along what a process has left that was killed while it took a stale one over', async () => {
    const [dead, alive] = [2 ** 22 + 1, process.ppid].map((pid) => `${lockPath()}.${pid}`)
    for (const path of [dead!, alive!]) writeFileSync(path, 'stale')
    await close(await open(filePlan()))
    expect(existsSync(dead!)).toBe(false)
    expect(existsSync(alive!)).toBe(true)
  })

  test('keeps a second disk of the same process out', async () => {
    const payload = await open(filePlan())
    const second = new FsDisk()
    expect(await failure<Payload>((done) => second.open(filePlan(), 'download', done))).toBe('disk.locked')
    await outcome<void>((done) => second.close(() => done()))
    await close(payload)
  })
})

test('a resume file is removed with what a process has left that was killed while it replaced it', async () => {
  const payload = await open(filePlan())
  writeFileSync(`${folder}/.film.bin.bitswarm-resume`, 'old')
  writeFileSync(`${folder}/.film.bin.bitswarm-resume.tmp`, 'ne')
  await success<void>((done) => payload.removeResume(done))
  await close(payload)
  expect(readdirSync(folder)).toEqual(['film.bin'])
})

test('thousands of files are handled with few of them open', async () => {
  const files = Array.from({ length: 1000 }, (_, index) => ({ path: [`f${index}`], length: 10 }))
  const bytes = contentOf(10_000)
  const plan = planOf(`${folder}/many`, files, bytes)
  const before = readdirSync('/proc/self/fd').length
  const payload = await open(plan)
  for (let piece = 0; piece < 10; piece++)
    expect(await outcome((done) => payload.commit(piece, pieceOf(bytes, plan.geometry, piece), done))).toBe(
      'written',
    )
  await success<void>((done) => payload.sync(done))
  for (let piece = 0; piece < 10; piece++) {
    const into = new Uint8Array(new SharedArrayBuffer(1000))
    await success<void>((done) => payload.read(piece, 0, [into], done))
    expect(into).toEqual(pieceOf(bytes, plan.geometry, piece))
  }
  // Ours and two workers', with their own few descriptors.
  const mostFiles = before + 3 * MAX_OPEN_FILES + 40
  expect(readdirSync('/proc/self/fd').length).toBeLessThan(mostFiles)

  let underWay = 30
  for (let read = 0; read < 30; read++)
    payload.read(0, 300 * read, [new Uint8Array(new SharedArrayBuffer(1000))], () => underWay--)
  while (underWay > 0) {
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(mostFiles)
    await new Promise(setImmediate)
  }
  await close(payload)
}, 20_000)

test('a download is sparse', async () => {
  const length = 2 ** 36
  const { digests } = filePlan()
  const geometry = new PieceGeometry(2 ** 24, [{ path: [], length }])
  const payload = await open({ path: `${folder}/huge`, isSingleFile: true, geometry, digests })
  expect(Number(spawnSync('stat', ['-c', '%s', `${folder}/huge`]).stdout)).toBe(length)
  expect(Number(spawnSync('stat', ['-c', '%b', `${folder}/huge`]).stdout)).toBeLessThan(100)
  await close(payload)
})

test('a name of 255 bytes leaves room for lock and resume', async () => {
  const payload = await open(filePlan('x'.repeat(255)))
  await success<void>((done) => payload.replaceResume(content, done))
  await close(payload)
})

test.skipIf(process.getuid?.() === 0)(
  'without permission it says so (skipped for root, who has every one)',
  async () => {
    chmodSync(folder, 0o555)
    expect(await refusal(filePlan())).toBe('disk.permission')
    chmodSync(folder, 0o755)
  },
)

test('a write beyond what the process may write fails, and leaves the node alive', () => {
  // A full disk cannot be had without mounting one; a limit on the length of files fails at the same place.
  const script = `${program('limited', 2 ** 30)}
    process.on('SIGXFSZ', () => {})
    disk.open(plan, 'download', (payload) => payload.allocate(false, (error) => {
      console.log(error.code, error.message)
      payload.close(() => disk.close(() => {}))
    }))`
  const { stdout } = spawnSync(
    'bash',
    ['-c', 'ulimit -f 1000; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  )
  expect(stdout).toMatch(/^disk\.io .*limited.*EFBIG/)
  expect(readdirSync(folder)).toEqual(['limited'])
})

test('a process that leaves its disk open still ends', () => {
  const script = `${program('film.bin', 4203)}
    disk.open(plan, 'download', (payload) =>
      payload.commit(0, new Uint8Array(new SharedArrayBuffer(1000)), (verdict) => console.log(verdict)))`
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect([stdout.trim(), status]).toEqual(['corrupt', 0])
})

test('a process whose hashing is cancelled lives until its disk is closed, if it waits for that', () => {
  writeFileSync(join(folder, 'film.bin'), '')
  truncateSync(join(folder, 'film.bin'), 2 ** 26)
  const script = `${program('film.bin', 2 ** 26)}
    const cancel = disk.digest(plan, () => {
      cancel()
      // In a later turn, while the worker is busy.
      queueMicrotask(() => disk.close(() => console.log('closed')))
    }, () => {})`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stdout).toBe('closed\n')
})
