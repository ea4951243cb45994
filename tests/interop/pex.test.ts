/**
 * A knows only B, and B knows C. A finds C because B tells of it (BEP 11): with ours in the middle, and with others in
 * the middle. C seeds slowly, so that there is time to tell.
 */
import { describe, expect } from 'vitest'
import type { EventLine } from '../../scripts/swarm-process.ts'
import type { ForeignClient } from './client.ts'
import { libtorrent } from './libtorrent.ts'
import { networks } from './netns.ts'
import { MEDIUM_FILE } from './payloads.ts'
import { requirements } from './requirements.ts'
import type { Getter, StartedClient } from './scene.ts'
import { test } from './scene-test.ts'
import { transmission } from './transmission.ts'

/** Transmission tells 90 s after a connection is there, for the first time. */
const TELLING_DEADLINE_MS = 120_000
/** 24 MiB would take half an hour. */
const SLOW = ['-max-up', '16384']

const isJoinWith =
  (host: string, direction: string) =>
  (line: EventLine): boolean =>
    line.event === 'joined_to_peer' &&
    line['direction'] === direction &&
    (line['peer'] as string).startsWith(`${host}:`)

const CLIENTS: readonly ForeignClient[] = [libtorrent, transmission]

for (const client of CLIENTS) {
  const { title, isSkipped } = requirements('peer exchange', [client, networks])
  describe.skipIf(isSkipped)(title, () => {
    test.concurrent('by ours tells theirs of a seed', async ({ scene }) => {
      const [a, b, c] = scene.network(3)
      const payload = scene.make(MEDIUM_FILE)
      const { node: seeder, address } = await scene.seed(payload, SLOW, { host: c! })
      const startOurs = (...peers: readonly string[]): Promise<Getter> =>
        scene.get(payload.torrent, ['-peer', peers.join(',')], { host: b! })
      const startTheirs = (peers: readonly string[]): Promise<StartedClient> =>
        scene.start(client, 'leech', payload, { host: a!, peers, hasPex: true })
      // Whoever dials starts last.
      if (client.canDial) await startTheirs([(await startOurs(address)).address])
      else await startOurs(address, (await startTheirs([])).address)
      await seeder.waitFor(isJoinWith(a!.address, 'in'), TELLING_DEADLINE_MS)
    })

    test.concurrent('by theirs tells ours of a seed', async ({ scene }) => {
      const [a, b, c] = scene.network(3)
      const payload = scene.make(MEDIUM_FILE)
      const middle = await scene.start(client, 'leech', payload, { host: b!, hasPex: true })
      const { node: seeder, address } = await scene.seed(payload, [...SLOW, '-peer', middle.address], {
        host: c!,
      })
      await seeder.waitFor(isJoinWith(b!.address, 'out'), 20_000)
      const { node } = await scene.get(payload.torrent, ['-peer', middle.address], { host: a! })
      await node.waitFor(isJoinWith(c!.address, 'out'), TELLING_DEADLINE_MS)
      expect(node.seen('pex')[0]).toMatchObject({ peer: middle.address, fresh: 1 })
      expect(address).toContain(c!.address)
    })
  })
}
