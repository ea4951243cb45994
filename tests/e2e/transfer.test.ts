/** The main job, on real processes and sockets: seed, get, bootstrap. */
import { linkSync, statSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Nodes } from './nodes.ts'

const MiB = 1024 ** 2

let nodes: Nodes
beforeEach(() => {
  nodes = new Nodes()
})
afterEach(() => {
  expect(nodes.close()).toEqual([])
})

test('a file arrives as it was sent; both logs tell the story from start to exit', async () => {
  nodes.write('model.bin', 3 * MiB + 7)
  const { seeder, address } = await nodes.seed('model.bin')
  expect(await nodes.event(seeder, 'metainfo_written')).toMatchObject({ pieces: 13, name: 'model.bin' })
  const leecher = nodes.start('leecher', `-get model.bin.bit -peer ${address} -dest out`)
  expect(await nodes.end(leecher)).toBe(0)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  expect(
    leecher
      .seen('have')
      .map(({ piece }) => piece)
      .toSorted((a, b) => Number(a) - Number(b)),
  ).toEqual(Array.from({ length: 13 }, (_, piece) => piece))
  expect(leecher.seen('have').at(-1)).toMatchObject({ done: 13, pieces: 13, peer: address })
  expect(leecher.seen('request')).toHaveLength(13)
  expect(leecher.seen('complete')).toMatchObject([
    { path: nodes.path('out', 'model.bin'), bytes: 3 * MiB + 7 },
  ])
  expect(leecher.seen('joined_to_peer')).toMatchObject([{ peer: address, direction: 'out' }])
  expect(leecher.seen('exit')).toMatchObject([{ code: 0 }])

  seeder.signal('SIGUSR2')
  expect(await nodes.event(seeder, 'stats')).toMatchObject({ uploaded: 3 * MiB + 7, downloaded: 0, have: 13 })
  seeder.signal('SIGTERM')
  expect(await nodes.end(seeder)).toBe(0)
  expect(seeder.seen('stopping')).toMatchObject([{ reason: 'SIGTERM' }])
  expect(seeder.seen('exit')).toMatchObject([{ code: 0 }])
})

test('a folder arrives with all its files, the empty one too', async () => {
  nodes.write('set/a/first', 300_001)
  nodes.write('set/b', 5)
  nodes.write('set/empty', 0)
  nodes.write('set/ö b.txt', 70_000)
  const { address } = await nodes.seed('set', '-piece-length 16KiB')
  const leecher = nodes.start('leecher', `set.bit out/ -peer ${address}`)
  expect(await nodes.end(leecher)).toBe(0)
  for (const name of ['a/first', 'b', 'empty', 'ö b.txt'])
    expect(nodes.digest(`out/set/${name}`)).toBe(nodes.digest(`set/${name}`))
})

test('a payload that was linked since its metainfo was made is read in full once', async () => {
  nodes.write('set/a', 300_000)
  const making = nodes.start('making', '-seed set')
  await nodes.event(making, 'complete')
  await making.stop()
  linkSync(nodes.path('set/a'), nodes.path('link'))
  for (const looked of [
    { source: 'check', checked: 2 },
    { source: 'sample', checked: 2 },
  ]) {
    const seeder = nodes.start('seeder', '-seed set')
    expect(await nodes.event(seeder, 'resume')).toMatchObject(looked)
    await nodes.event(seeder, 'complete')
    expect(await seeder.stop()).toBe(0)
  }
})

test('a second name: the target of the positional form', async () => {
  nodes.write('model.bin', 100_000)
  const { address } = await nodes.seed('model.bin')
  expect(await nodes.end(nodes.start('leecher', `model.bin.bit other.bin -peer ${address}`))).toBe(0)
  expect(nodes.digest('other.bin')).toBe(nodes.digest('model.bin'))
})

test('a leecher serves what it has to another one that knows only the leecher', async () => {
  nodes.write('model.bin', 2 * MiB)
  const { seeder, address } = await nodes.seed('model.bin')
  const middle = await nodes.freeAddress()
  const first = nodes.start(
    'first',
    `-get model.bin.bit -peer ${address} -dest one -keep -1 -tcp-listen ${middle}`,
  )
  await nodes.event(first, 'complete')
  expect(await seeder.stop()).toBe(0)
  const second = nodes.start('second', `-get model.bin.bit -peer ${middle} -dest two`)
  expect(await nodes.end(second)).toBe(0)
  expect(new Set(second.seen('have').map(({ peer }) => peer))).toEqual(new Set([middle]))
  expect(nodes.digest('two/model.bin')).toBe(nodes.digest('model.bin'))
})

test('three processes that know one bootstrap node find each other', async () => {
  nodes.write('model.bin', MiB)
  const bootstrap = await nodes.freeAddress()
  const dht = nodes.start('dht', `-dht-listen ${bootstrap}`)
  expect(await nodes.event(dht, 'listen')).toEqual(expect.not.objectContaining({ tcp: expect.anything() }))
  const join = `-dht-listen 127.0.0.1:0 -tcp-listen 127.0.0.1:0 -bootstrap ${bootstrap}`
  const seeder = nodes.start('seeder', `-seed model.bin ${join}`)
  await nodes.event(seeder, 'dht_announced')
  const leecher = nodes.start('leecher', `-get model.bin.bit -dest out ${join}`)
  expect(await nodes.end(leecher)).toBe(0)
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  expect(await dht.stop()).toBe(0)
})

test('-keep seeds on for so many seconds, then ends', async () => {
  nodes.write('model.bin', 100_000)
  const { address } = await nodes.seed('model.bin')
  const leecher = nodes.start('leecher', `-get model.bin.bit -peer ${address} -dest out -keep 2`)
  expect(await nodes.end(leecher)).toBe(0)
  expect(leecher.seen('stopping')).toMatchObject([{ reason: 'seeded for 2 s' }])
  const [completeAt, stoppedAt] = ['complete', 'stopping'].map((event) =>
    Date.parse(leecher.seen(event)[0]!['ts'] as string),
  )
  // By its own clock, in whole seconds.
  expect(stoppedAt! - completeAt!).toBeGreaterThanOrEqual(1_000)
})

test('what is complete already is not fetched again', async () => {
  await nodes.make('model.bin', MiB)
  const leecher = nodes.start('leecher', '-get model.bin.bit')
  expect(await nodes.end(leecher)).toBe(0)
  expect(leecher.seen('resume')).toMatchObject([{ have: 4, pieces: 4 }])
  expect(leecher.seen('complete')).toHaveLength(1)
})

test('a download that was killed goes on where it was', async () => {
  nodes.write('model.bin', 8 * MiB)
  const { address } = await nodes.seed('model.bin', '-max-up 4MiB')
  const get = `-get model.bin.bit -peer ${address} -dest out`
  const killed = nodes.start('killed', get)
  await nodes.event(killed, (line) => line.event === 'have' && Number(line['done']) >= 8)
  killed.kill()
  await killed.exited
  const second = nodes.start('second', get)
  const { have } = await nodes.event(second, 'resume')
  expect(have).toBeGreaterThanOrEqual(7)
  expect(await nodes.end(second)).toBe(0)
  expect(second.seen('have').length).toBe(32 - Number(have))
  expect(nodes.digest('out/model.bin')).toBe(nodes.digest('model.bin'))
  expect(statSync(nodes.path('out', 'model.bin')).size).toBe(8 * MiB)
})
