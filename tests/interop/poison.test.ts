/** A liar beside seeders of other makes: the liar is banned, with what it sent as evidence, and they are not. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { readMetainfo } from '../../src/app/library.ts'
import { SystemClock } from '../../src/app/node/clock.ts'
import { listenTcp } from '../../src/app/node/tcp.ts'
import { formatEndpoint } from '../../src/protocol/endpoint.ts'
import { idFrom, type PeerId } from '../../src/protocol/ids.ts'
import type { Listener } from '../../src/protocol/ports.ts'
import { Poisoner, type Script } from '../support/poisoner.ts'
import { aria2 } from './aria2.ts'
import type { ForeignClient } from './client.ts'
import { libtorrent } from './libtorrent.ts'
import { SMALL_FILE } from './payloads.ts'
import { requirements } from './requirements.ts'
import type { Payload } from './scene.ts'
import { test } from './scene-test.ts'
import { transmission } from './transmission.ts'

const CLIENTS: readonly ForeignClient[] = [libtorrent, aria2, transmission]

/** One block of a piece that another has to complete, or whatever it is asked for. */
const SCRIPTS: readonly { readonly what: string; readonly script: Script; readonly blocks?: number }[] = [
  { what: 'one bad block', script: { isBad: () => true, chokesAfter: 1 }, blocks: 1 },
  { what: 'bad pieces', script: { isBad: () => true } },
]

async function startLiar({ torrent, path }: Payload, script: Script): Promise<Listener> {
  const liar = new Poisoner({
    metainfo: await readMetainfo(torrent),
    payload: new Uint8Array(readFileSync(path)),
    peerId: () => idFrom<PeerId>(new Uint8Array(randomBytes(20))),
    clock: new SystemClock(),
    script,
  })
  const listener = await listenTcp('127.0.0.1:0', 100)
  listener.onStream = (stream) => liar.speak(stream)
  return listener
}

for (const client of CLIENTS) {
  const { title, isSkipped } = requirements('a liar beside', [client])

  describe.skipIf(isSkipped)(title, () => {
    test.for(SCRIPTS)('who sends $what is banned, and nobody else', async ({ script, blocks }, { scene }) => {
      const payload = scene.make(SMALL_FILE)
      const seeders = [await scene.start(client, 'seed', payload), await scene.start(client, 'seed', payload)]
      const listener = await startLiar(payload, script)
      const liar = formatEndpoint(listener.local[0]!)
      const peers = [liar, ...seeders.map(({ address }) => address)]
      const leecher = await scene.get(payload.torrent, ['-peer', peers.join(','), '-max-down', '1MiB'])
      expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
      listener.close()
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])

      const failed = leecher.node.seen('hash_fail')
      expect(failed.length).toBeGreaterThan(0)
      for (const { peers: blamed } of failed) expect(blamed).toContain(liar)
      const bans = leecher.node.seen('peer_banned')
      expect(bans.map(({ peer }) => peer)).toEqual([liar])
      if (blocks !== undefined) expect(bans[0]!['blocks']).toHaveLength(blocks)
    })
  })
}
