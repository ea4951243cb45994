/** Bytes between bitswarm and other clients, both ways, over loopback and static addresses. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { aria2 } from './aria2.ts'
import type { ForeignClient } from './client.ts'
import { libtorrent } from './libtorrent.ts'
import { PAYLOADS } from './payloads.ts'
import { requirements } from './requirements.ts'
import { Scene, type Payload } from './scene.ts'
import { transmission } from './transmission.ts'
import { webtorrent } from './webtorrent.ts'

const CLIENTS: readonly ForeignClient[] = [transmission, aria2, libtorrent, webtorrent]

let scene: Scene
let payloads: ReadonlyMap<string, Payload>

beforeAll(() => {
  scene = new Scene()
  payloads = new Map(PAYLOADS.map((shape) => [shape.name, scene.make(shape)]))
})
beforeEach(({ onTestFailed }) => onTestFailed(() => console.error(scene.story)))
afterAll(() => scene.close())

for (const client of CLIENTS) {
  const { title, isSkipped } = requirements('a swarm of two', [client])

  describe.skipIf(isSkipped)(title, () => {
    test.concurrent.for(PAYLOADS)('downloads $title from bitswarm', async ({ name }) => {
      const payload = payloads.get(name)!
      // Whoever dials starts last.
      const early = client.canDial ? await scene.seed(payload) : undefined
      const leecher = await scene.start(client, 'leech', payload, { peers: early ? [early.address] : [] })
      const { node } = early ?? (await scene.seed(payload, ['-peer', leecher.address]))
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
      await leecher.stop()
      expect(await node.stop(), node.epitaph).toBe(0)
    })

    test.concurrent.for(PAYLOADS)('serves $title to bitswarm', async ({ name }) => {
      const payload = payloads.get(name)!
      const seeder = await scene.start(client, 'seed', payload)
      const leecher = await scene.get(payload.torrent, ['-peer', seeder.address])
      expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
      expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
      await seeder.stop()
    })
  })
}
