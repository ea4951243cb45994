/**
 * A knows only B, and B knows C: A finds C because B tells of it (BEP 11), with ours in the middle and with others in the
 * middle. C is a seed that does not exchange peers, so it can hear of A from nobody but A.
 */
import { describe, expect } from 'vitest'
import type { EventLine } from '../../scripts/swarm-process.ts'
import type { ForeignClient } from './client.ts'
import { libtorrent } from './libtorrent.ts'
import { limitUpload, networks } from './netns.ts'
import { MEDIUM_FILE } from './payloads.ts'
import { requirements } from './requirements.ts'
import type { Getter, StartedClient } from './scene.ts'
import { test } from './scene-test.ts'
import { transmission } from './transmission.ts'

/** Transmission tells again after 90 s. */
const TELLING_DEADLINE_MS = 120_000
/** So slow that there is much left to ask of C when B tells of it. */
const SLOW_BYTES_PER_SECOND = 16_384

const isJoinWith =
  (peer: string) =>
  (line: EventLine): boolean =>
    line.event === 'joined_to_peer' && line['direction'] === 'out' && line['peer'] === peer

const CLIENTS: readonly ForeignClient[] = [libtorrent, transmission]

for (const client of CLIENTS) {
  const { title, isSkipped } = requirements('peer exchange', [client, networks])
  describe.skipIf(isSkipped)(title, () => {
    test.concurrent('by ours lets theirs download from a seed', async ({ scene }) => {
      const [a, b, c] = scene.network(3)
      const payload = scene.make(MEDIUM_FILE)
      const seeder = await scene.start(libtorrent, 'seed', payload, { host: c! })
      const slow = `${SLOW_BYTES_PER_SECOND}`
      const startOurs = (...peers: readonly string[]): Promise<Getter> =>
        scene.get(payload.torrent, ['-peer', peers.join(','), '-max-up', slow, '-max-down', slow], {
          host: b!,
        })
      const startTheirs = (...peers: readonly string[]): Promise<StartedClient> =>
        scene.start(client, 'leech', payload, { host: a!, peers, hasPex: true })
      let leecher: StartedClient
      // Whoever dials starts last.
      if (client.canDial) leecher = await startTheirs((await startOurs(seeder.address)).address)
      else {
        leecher = await startTheirs()
        await startOurs(seeder.address, leecher.address)
      }
      // From B alone it would take 25 minutes.
      expect(await scene.untilIdentical(payload, [leecher], TELLING_DEADLINE_MS)).toEqual([])
    })

    test.concurrent('by theirs leads ours to a seed', async ({ scene }) => {
      const [a, b, c] = scene.network(3)
      limitUpload(c!, SLOW_BYTES_PER_SECOND)
      const payload = scene.make(MEDIUM_FILE)
      const middle = await scene.start(client, 'leech', payload, { host: b!, hasPex: true })
      const seeder = await scene.start(libtorrent, 'seed', payload, { host: c!, peers: [middle.address] })
      const { node } = await scene.get(payload.torrent, ['-peer', middle.address], { host: a! })
      await node.waitFor(isJoinWith(seeder.address), TELLING_DEADLINE_MS)
      const told = { peer: middle.address, fresh: 1 }
      expect(node.seen('pex')).toContainEqual(expect.objectContaining(told))
    })
  })
}
