/** Two hosts on one network, one of them with libtorrent: they find each other by multicast alone (BEP 14). */
import { describe, expect } from 'vitest'
import { libtorrent } from './libtorrent.ts'
import { networks } from './netns.ts'
import { FOLDER } from './payloads.ts'
import { requirements } from './requirements.ts'
import { test } from './scene-test.ts'
import type { StartedClient } from './scene.ts'

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
      if (first === 'ours') {
        await startSeed()
      }
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
