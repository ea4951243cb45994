/** Two hosts on one network, told nothing of each other: they find each other by multicast alone (BEP 14). */
import { describe, expect } from 'vitest'
import { libtorrent } from './libtorrent.ts'
import { networks } from './netns.ts'
import { FOLDER } from './payloads.ts'
import { requirements } from './requirements.ts'
import { test } from './scene-test.ts'
import type { StartedClient } from './scene.ts'

const ours = requirements('LAN discovery', [networks])
describe.skipIf(ours.isSkipped)(ours.title, () => {
  test('lets our nodes find each other as peers', async ({ scene }) => {
    const [a, b] = scene.network(2)
    const payload = scene.make(FOLDER)
    const { node: seeder } = await scene.seed(payload, [], { host: a!, hasLan: true })
    const leecher = await scene.get(payload.torrent, [], { host: b!, hasLan: true })
    expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
    expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
    const heard = [...seeder.seen('lan_peer'), ...leecher.node.seen('lan_peer')]
    expect(heard).toContainEqual(expect.objectContaining({ infoHash: payload.infoHash }))
  })

  test('lets our DHT nodes find each other', async ({ scene }) => {
    const [a, b] = scene.network(2)
    const flags = ['-dht-listen', ':0']
    const first = scene.bitswarm('first', flags, { host: a!, hasLan: true })
    await first.waitFor('listen', 10_000)
    const second = scene.bitswarm('second', flags, { host: b!, hasLan: true })
    // Whoever was there hears the one that comes, and speaks to it.
    await first.waitFor('lan_node', 10_000)
    await first.waitFor('dht_bootstrap', 10_000)
    await second.stop()
  })

  test('is silent when it is switched off', async ({ scene }) => {
    const [a, b] = scene.network(2)
    const payload = scene.make(FOLDER)
    const { node: seeder } = await scene.seed(payload, [], { host: a!, hasLan: true })
    const { node } = await scene.get(payload.torrent, [], { host: b! })
    // Time enough for an announcement to be answered.
    await expect(node.waitFor('joined_to_peer', 5_000)).rejects.toThrow('within 5 s')
    expect(seeder.seen('lan_peer')).toEqual([])
  })
})

const { title, isSkipped } = requirements('local service discovery', [libtorrent, networks])
describe.skipIf(isSkipped)(title, () => {
  // Whoever starts last announces itself, and whoever was there dials.
  test.for(['ours', 'theirs'])(
    'lets ours download from their seed; %s is there first',
    async (first, { scene }) => {
      const [a, b] = scene.network(2)
      const payload = scene.make(FOLDER)
      const startSeed = (): Promise<StartedClient> =>
        scene.start(libtorrent, 'seed', payload, { host: a!, hasLan: true })
      if (first === 'theirs') await startSeed()
      const leecher = await scene.get(payload.torrent, [], { host: b!, hasLan: true })
      if (first === 'ours') await startSeed()
      expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
    },
  )

  test.for(['ours', 'theirs'])(
    'lets theirs download from our seed; %s is there first',
    async (first, { scene }) => {
      const [a, b] = scene.network(2)
      const payload = scene.make(FOLDER)
      const startLeech = (): Promise<StartedClient> =>
        scene.start(libtorrent, 'leech', payload, { host: a!, hasLan: true })
      const early = first === 'theirs' ? await startLeech() : undefined
      await scene.seed(payload, [], { host: b!, hasLan: true })
      const leecher = early ?? (await startLeech())
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
    },
  )
})
