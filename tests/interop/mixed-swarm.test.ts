/** Five clients, each on a host of its own, that know nothing but a tracker: whoever seeds, all others complete. */
import { describe, expect } from 'vitest'
import { aria2 } from './aria2.ts'
import { libtorrent } from './libtorrent.ts'
import { networks } from './netns.ts'
import { nodeTracker, startNodeTracker } from './node-tracker.ts'
import { opentracker, startOpentracker } from './opentracker.ts'
import { MEDIUM_FILE } from './payloads.ts'
import { requirements } from './requirements.ts'
import type { Downloader } from './scene.ts'
import { test } from './scene-test.ts'
import { transmission } from './transmission.ts'
import { webtorrent } from './webtorrent.ts'

const OTHERS = [transmission, aria2, webtorrent, libtorrent] as const

const { title, isSkipped } = requirements('a mixed swarm', [...OTHERS, opentracker, nodeTracker, networks])
describe.skipIf(isSkipped)(title, () => {
  test('completes from our seed, by opentracker', async ({ scene }) => {
    const [trackerHost, seedHost, ...hosts] = scene.network(2 + OTHERS.length)
    const unannounced = scene.make(MEDIUM_FILE)
    const { http } = await startOpentracker(scene, [unannounced.infoHash], trackerHost)
    const payload = scene.remake(unannounced, ['-tracker', http])
    const { node } = await scene.seed(payload, ['-tracker', http], { host: seedHost! })
    await node.waitFor('tracker_announce', 10_000)
    const downloaders: Downloader[] = []
    for (const [index, client] of OTHERS.entries())
      downloaders.push(await scene.start(client, 'leech', payload, { host: hosts[index]! }))
    expect(await scene.untilIdentical(payload, downloaders)).toEqual([])
  })

  test('completes from the seed of libtorrent, by bittorrent-tracker over HTTP and UDP', async ({
    scene,
  }) => {
    const [trackerHost, ourHost, ...hosts] = scene.network(2 + OTHERS.length)
    const { v4 } = await startNodeTracker(scene, trackerHost)
    // aria2 cannot announce over UDP without its DHT.
    const payload = scene.make(MEDIUM_FILE, ['-tracker', v4.udp, '-tracker', v4.http])
    const [seeder, ...leechers] = OTHERS.toReversed()
    await scene.start(seeder!, 'seed', payload, { host: hosts[0]! })
    const downloaders: Downloader[] = []
    for (const [index, client] of leechers.entries())
      downloaders.push(await scene.start(client, 'leech', payload, { host: hosts[1 + index]! }))
    downloaders.push(await scene.get(payload.torrent, ['-keep', '60'], { host: ourHost! }))
    expect(await scene.untilIdentical(payload, downloaders)).toEqual([])
  })
})
