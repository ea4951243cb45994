/** Files that are taken away, changed or closed to us under real processes. */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FROM_SOURCE, type EventLine, type SwarmProcess } from '../../scripts/swarm-process.ts'
import { createMetainfo, encodeBit } from '../../src/app/library.ts'
import { Nodes } from '../e2e/nodes.ts'

const MiB = 1024 ** 2
const LENGTH = 8 * MiB
const PIECES = 32
/** Root may do everything, so a process that is to be denied something must run as another user. */
const AS_NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
/** Somebody else must be there, and be let into the folder of the program. */
const cannotChangeUser =
  process.getuid?.() !== 0 ||
  spawnSync(AS_NOBODY[0]!, [...AS_NOBODY.slice(1), 'cat', import.meta.filename]).status !== 0

let nodes: Nodes
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  expect(nodes.close()).toEqual([])
})

/** A seeder that takes four seconds for the payload, and a leecher that has some of it. */
async function start(): Promise<{ seeder: SwarmProcess; leecher: SwarmProcess }> {
  nodes.write('model.bin', LENGTH)
  const { seeder, address } = await nodes.seed('model.bin', '-max-up 2MiB')
  const leecher = nodes.start('leecher', `-get model.bin.bit -dest copy -peer ${address}`)
  await nodes.event(leecher, 'have')
  return { seeder, leecher }
}

function verifyAsNobody(metainfo: string): { code: number | null; stdout: string; stderr: string } {
  const words = [...AS_NOBODY.slice(1), process.execPath, FROM_SOURCE, 'verify', metainfo]
  const { status, stdout, stderr } = spawnSync(AS_NOBODY[0]!, words, { cwd: nodes.folder, encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

const isVerdict =
  (have: number) =>
  ({ event, ...line }: EventLine): boolean =>
    event === 'disk_verdict' && line.have === have

describe('a seeder', () => {
  test('whose file is taken away offers nothing, and serves again once it is back and verified', async () => {
    const { seeder, leecher } = await start()
    renameSync(nodes.path('model.bin'), nodes.path('elsewhere'))
    expect(await nodes.event(seeder, 'disk_doubt')).toMatchObject({ code: 'disk.missing' })
    expect(await nodes.event(seeder, isVerdict(0))).toMatchObject({ good: 0, retrySeconds: 1 })
    renameSync(nodes.path('elsewhere'), nodes.path('model.bin'))
    await nodes.event(seeder, isVerdict(PIECES))
    expect(await nodes.end(leecher)).toBe(0)
    expect(nodes.digest('copy/model.bin')).toBe(nodes.digest('model.bin'))
    expect(leecher.seen('hash_fail')).toEqual([])
  })

  test('that refused a changed file refuses it again', async () => {
    nodes.write('model.bin', LENGTH)
    const { seeder } = await nodes.seed('model.bin', '-piece-length 16KiB')
    expect(await seeder.stop()).toBe(0)
    const content = nodes.read('model.bin').fill(0, LENGTH / 2, LENGTH / 2 + 1_000)
    writeFileSync(nodes.path('model.bin'), content)

    for (const flags of ['', ' -dht-listen 127.0.0.1:0 -embed-bootstrap', '']) {
      const again = nodes.start('again', `-seed model.bin -tcp-listen 127.0.0.1:0${flags}`)
      expect(await nodes.end(again)).toBe(6)
      expect(again.epitaph).toContain('piece 256 differs')
    }
  })

  test('whose file is replaced by another version serves what is the same in both', async () => {
    const { seeder, leecher } = await start()
    copyFileSync(nodes.path('model.bin'), nodes.path('new'))
    const last = leecher.seen('have').at(-1)!['piece'] as number
    const changed = (last + PIECES / 2) % PIECES
    const content = nodes.read('new').fill(0, (changed * LENGTH) / PIECES, ((changed + 1) * LENGTH) / PIECES)
    writeFileSync(nodes.path('new'), content)
    renameSync(nodes.path('new'), nodes.path('model.bin'))
    expect(await nodes.event(seeder, 'disk_doubt')).toMatchObject({ code: 'disk.changed', pieces: PIECES })
    expect(await nodes.event(seeder, 'disk_verdict')).toMatchObject({ good: PIECES - 1, bad: 1 })
  })
})

describe('a leecher', () => {
  test('whose file is taken away ends at once, with one line and 5: to write on would be in vain', async () => {
    const { leecher } = await start()
    renameSync(nodes.path('copy', 'model.bin'), nodes.path('elsewhere'))
    expect(await nodes.end(leecher)).toBe(5)
    expect(leecher.seen('error')).toMatchObject([{ code: 'disk.missing', family: 'StorageError' }])
  })
})

describe.skipIf(cannotChangeUser)(
  `who may not everything${cannotChangeUser ? ' (skipped: needs root, to be somebody else who may read the program)' : ''}`,
  () => {
    test('cannot download to where he may not write: 5', async () => {
      await nodes.make('model.bin', LENGTH)
      chmodSync(nodes.folder, 0o755)
      mkdirSync(nodes.path('mine'), { mode: 0o700 })
      const leecher = nodes.start('leecher', '-get model.bin.bit -dest mine/copy', AS_NOBODY)
      expect(await nodes.end(leecher)).toBe(5)
      expect(leecher.seen('error')).toMatchObject([{ code: 'disk.permission' }])
    })

    test.each(['', '/copy'])(
      'is told before anybody is asked for the metainfo of a link: -dest mine%s, 5',
      async (below) => {
        chmodSync(nodes.folder, 0o755)
        mkdirSync(nodes.path('mine'), { mode: 0o555 })
        const link = `magnet:?xt=urn:btih:${'0'.repeat(40)}`
        const leecher = nodes.start('leecher', `-get ${link} -dest mine${below}`, AS_NOBODY)
        expect(await nodes.end(leecher)).toBe(5)
        expect(leecher.seen('error')).toMatchObject([{ code: 'disk.permission' }])
        expect(leecher.seen('listen')).toEqual([])
      },
    )

    test('gets what is there already, whatever the link calls it: 0', async () => {
      await nodes.make('model.bin', LENGTH)
      const { seeder, address } = await nodes.seed('model.bin')
      const [{ infoHash }] = seeder.seen('start') as [EventLine]
      mkdirSync(nodes.path('copy'))
      copyFileSync(nodes.path('model.bin'), nodes.path('copy/model.bin'))
      chmodSync(nodes.path('copy'), 0o555)
      chmodSync(nodes.folder, 0o755)
      const link = `magnet:?xt=urn:btih:${infoHash}&dn=another&x.pe=${address}`
      const leecher = nodes.start('leecher', `-get ${link} -dest copy`, AS_NOBODY)
      expect(await nodes.end(leecher)).toBe(0)
      expect(leecher.seen('have')).toEqual([])
    })

    test('neither serves nor verifies what he may not read: 5, with the name of the file', async () => {
      await nodes.make('model.bin', LENGTH)
      chmodSync(nodes.folder, 0o755)
      chmodSync(nodes.path('model.bin'), 0)
      const seeder = nodes.start('seeder', '-seed model.bin', AS_NOBODY)
      expect(await nodes.end(seeder)).toBe(5)
      expect(seeder.seen('error')).toMatchObject([{ code: 'disk.permission' }])
      const path = nodes.path('model.bin')
      expect(verifyAsNobody('model.bin.bit')).toEqual({
        code: 5,
        stdout: `${path}: 0 of ${PIECES} pieces are good; could not be read: 0-${PIECES - 1}\n`,
        stderr: `bitswarm: ${path}: permission denied (EACCES)\n`,
      })
    })

    test('is told how much of the rest is good: 5', async () => {
      nodes.write('set/a', LENGTH)
      nodes.write('set/b', LENGTH)
      writeFileSync(nodes.path('set.bit'), encodeBit(await createMetainfo(nodes.path('set'))))
      const bytes = nodes.read('set/a')
      bytes[0]! ^= 1
      writeFileSync(nodes.path('set/a'), bytes)
      chmodSync(nodes.folder, 0o755)
      chmodSync(nodes.path('set/b'), 0)
      const [path, b] = [nodes.path('set'), nodes.path('set/b')]
      expect(verifyAsNobody('set.bit')).toEqual({
        code: 5,
        stdout: `${path}: 31 of 64 pieces are good; bad: 0; could not be read: 32-63\n  a\n  b\n`,
        stderr: `bitswarm: ${b}: permission denied (EACCES)\n`,
      })
    })

    test('serves again when he may read again', async () => {
      await nodes.make('model.bin', LENGTH)
      chmodSync(nodes.folder, 0o755)
      const seeder = nodes.start('seeder', '-seed model.bin', AS_NOBODY)
      await nodes.event(seeder, 'complete')
      chmodSync(nodes.path('model.bin'), 0)
      // It reads what it has open. That the file was touched makes it look.
      utimesSync(nodes.path('model.bin'), new Date(0), new Date(0))
      await nodes.event(seeder, isVerdict(0))
      chmodSync(nodes.path('model.bin'), 0o644)
      await nodes.event(seeder, isVerdict(PIECES))
      seeder.signal('SIGTERM')
      expect(await nodes.end(seeder)).toBe(0)
    })
  },
)
