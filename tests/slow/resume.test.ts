/** Downloads that are killed, and payloads that lie where something else does: real processes, real files. */
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Nodes } from '../e2e/nodes.ts'

const MiB = 1024 ** 2

let nodes: Nodes
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  expect(nodes.close()).toEqual([])
})

const GET = '-get model.bin.bit -dest out'

test('after kill -9 every piece that was announced is there, none is fetched twice, and few are read', async () => {
  nodes.write('model.bin', 16 * MiB)
  const { address } = await nodes.seed('model.bin', '-max-up 8MiB -piece-length 64KiB')
  const announced = new Set<unknown>()
  for (const [life, lines] of [12, 60, 130].entries()) {
    const leecher = nodes.start(`life ${life}`, `${GET} -peer ${address}`)
    const { have, checked } = await nodes.event(leecher, 'resume')
    expect(have).toBeGreaterThanOrEqual(announced.size)
    expect(checked).toBeLessThanOrEqual(32)
    await nodes.event(leecher, ({ event, done }) => event === 'have' && Number(done) >= lines)
    leecher.kill()
    await leecher.exited
    for (const { piece } of leecher.seen('have')) {
      expect(announced).not.toContain(piece)
      announced.add(piece)
    }
  }
  const last = nodes.start('last', `${GET} -peer ${address}`)
  expect(await nodes.end(last)).toBe(0)
  for (const { piece } of last.seen('have')) expect(announced).not.toContain(piece)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  expect(readdirSync(nodes.path('out'))).toEqual(['model.bin'])
})

test.each([
  ['piece', []],
  // Until the system has written it all, a power cut can damage it: then the record tells whose it is.
  ['none', ['.model.bin.bitswarm-resume']],
])('-sync %s: the same file in the end, and beside it %j', async (sync, beside) => {
  nodes.write('model.bin', 2 * MiB)
  const { address } = await nodes.seed('model.bin')
  expect(await nodes.end(nodes.start('leecher', `${GET} -peer ${address} -sync ${sync}`))).toBe(0)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  expect(readdirSync(nodes.path('out')).toSorted()).toEqual([...beside, 'model.bin'])
})

describe('a file that is something else', () => {
  beforeEach(() => nodes.make('model.bin', MiB))

  test('is refused with 5 and stays as it is', async () => {
    const path = nodes.write('out/model.bin', MiB)
    const before = readFileSync(path)
    const leecher = nodes.start('leecher', GET)
    expect(await nodes.end(leecher)).toBe(5)
    expect(leecher.seen('error')).toMatchObject([{ code: 'disk.occupied', family: 'StorageError' }])
    expect(leecher.epitaph).toContain(`${path} is something else`)
    expect(leecher.epitaph).toContain('-overwrite')
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(readdirSync(nodes.path('out'))).toEqual(['model.bin'])
  })

  test('is overwritten with -overwrite', async () => {
    nodes.write('out/model.bin', 2 * MiB)
    const { address } = await nodes.seed('model.bin')
    expect(await nodes.end(nodes.start('leecher', `${GET} -peer ${address} -overwrite`))).toBe(0)
    expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  })

  test('goes on being downloaded when a part of it is right', async () => {
    const half = readFileSync(nodes.path('model.bin')).fill(1, MiB / 2)
    nodes.write('out/model.bin', 1)
    writeFileSync(nodes.path('out/model.bin'), half)
    const { address } = await nodes.seed('model.bin')
    const leecher = nodes.start('leecher', `${GET} -peer ${address}`)
    expect(await nodes.end(leecher)).toBe(0)
    expect(leecher.seen('resume')).toMatchObject([{ have: 2, pieces: 4, source: 'check' }])
    expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  })
})

test('what is served for ever is remembered: the next start reads a sample, unless the file was touched', async () => {
  nodes.write('model.bin', 4 * MiB)
  const { address } = await nodes.seed('model.bin', '-piece-length 64KiB')
  const serve = `${GET} -keep -1 -peer ${address}`
  const first = nodes.start('first', serve)
  await nodes.event(first, 'complete')
  first.kill()
  await first.exited
  const second = nodes.start('second', serve)
  expect(await nodes.event(second, 'resume')).toMatchObject({ have: 64, checked: 16, source: 'resume' })
  await nodes.event(second, 'complete')
  expect(await second.stop()).toBe(0)
  const { atime } = statSync(nodes.path('out/model.bin'))
  utimesSync(nodes.path('out/model.bin'), atime, new Date(0))
  const third = nodes.start('third', GET)
  expect(await nodes.end(third)).toBe(0)
  expect(third.seen('resume')).toMatchObject([{ have: 64, checked: 64 }])
  expect(readdirSync(nodes.path('out'))).toEqual(['model.bin'])
})

test('complete data is served by any number of processes; an unfinished download has one writer', async () => {
  nodes.write('model.bin', 4 * MiB)
  const { address } = await nodes.seed('model.bin', '-max-up 2MiB')
  const writer = nodes.start('writer', `${GET} -peer ${address} -keep -1`)
  await nodes.event(writer, 'have')
  // However long the other one takes to start, the download is not over by then.
  writer.signal('SIGSTOP')
  const refused = nodes.start('refused', GET)
  expect(await nodes.end(refused)).toBe(5)
  writer.signal('SIGCONT')
  expect(refused.seen('error')).toMatchObject([{ code: 'disk.locked' }])
  expect(refused.epitaph).toContain(`process ${writer.pid}`)
  await nodes.event(writer, 'complete')
  const others = ['second', 'third'].map((name) => nodes.start(name, `${GET} -keep -1`))
  for (const other of others) await nodes.event(other, 'complete')
  expect([writer, ...others].every((node) => node.isRunning)).toBe(true)
})
