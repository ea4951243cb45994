/** nginx as web seed: over HTTP and HTTPS, a file and a folder, alone and beside a peer. */
import { describe, expect } from 'vitest'
import type { EventLine, SwarmProcess } from '../../scripts/swarm-process.ts'
import { limitUpload, networks } from './netns.ts'
import { nginx, startNginx } from './nginx.ts'
import { FOLDER, HUGE_FILE, SMALL_FILE } from './payloads.ts'
import { requirements } from './requirements.ts'
import type { Payload } from './scene.ts'
import { test } from './scene-test.ts'

const MIB = 1_048_576

const web = requirements('a web seed', [nginx])
describe.skipIf(web.isSkipped)(web.title, () => {
  test.for([
    { title: SMALL_FILE.title, shape: SMALL_FILE, scheme: 'http' },
    { title: FOLDER.title, shape: FOLDER, scheme: 'http' },
    { title: SMALL_FILE.title, shape: SMALL_FILE, scheme: 'https' },
    { title: FOLDER.title, shape: FOLDER, scheme: 'https' },
  ] as const)('alone gives $title over $scheme', async ({ shape, scheme }, { scene }) => {
    const bare = scene.make(shape)
    const server = await startNginx(scene, bare.folder)
    const payload = scene.remake(bare, ['-web-seed', server[scheme]])
    const env = { NODE_EXTRA_CA_CERTS: server.authority }
    const leecher = await scene.get(payload.torrent, [], { env })
    expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
    expect(await scene.untilIdentical(payload, [leecher])).toEqual([])
    expect(leecher.node.seen('webseed_joined')).toHaveLength(1)
    expect(new Set(server.requests().map((line) => line.split(' ')[0]))).toEqual(new Set(['206']))
  })

  test('whose certificate nobody vouches for is not asked for a byte', async ({ scene }) => {
    const bare = scene.make(SMALL_FILE)
    const server = await startNginx(scene, bare.folder)
    const payload = scene.remake(bare, ['-web-seed', server.https])
    const { node } = await scene.get(payload.torrent)
    const refusal = await node.waitFor(isWebSeedTrouble, 20_000)
    expect(refusal['reason']).toMatch(/certificate/i)
    expect(await node.stop()).not.toBe(0)
    expect(server.requests()).toEqual([])
  })
})

const isWebSeedTrouble = ({ event }: EventLine): boolean =>
  event === 'webseed_failed' || event === 'webseed_dropped'

const rates = requirements('a slow web seed and a slow peer', [nginx, networks])
describe.skipIf(rates.isSkipped)(rates.title, () => {
  const RATE = 20 * MIB

  test('of 20 MiB/s each give at least 1.7 times what one gives', async ({ scene }) => {
    const [webHost, peerHost, ourHost] = scene.network(3)
    limitUpload(webHost!, RATE)
    limitUpload(peerHost!, RATE)
    const bare = scene.make(HUGE_FILE)
    const server = await startNginx(scene, bare.folder, webHost)
    const payload: Payload = scene.remake(bare, ['-web-seed', server.http])
    // Not told of the web seed: it must not become a third path.
    const { address } = await scene.seed(bare, [], { host: peerHost! })

    const secondsOf = async (torrent: string, flags: readonly string[]): Promise<number> => {
      const leecher = await scene.get(torrent, flags, { host: ourHost! })
      expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
      return completionSeconds(leecher.node)
    }
    const webAlone = await secondsOf(payload.torrent, [])
    const peerAlone = await secondsOf(bare.torrent, ['-peer', address])
    const together = await secondsOf(payload.torrent, ['-peer', address])
    const factor = Math.min(webAlone, peerAlone) / together
    console.log({ webAlone, peerAlone, together, factor })
    // The link is what limits them, so that the factor means something.
    expect(Math.min(webAlone, peerAlone)).toBeGreaterThan((0.9 * HUGE_FILE.files['']!) / RATE)
    expect(factor).toBeGreaterThanOrEqual(1.7)
  })
})

function completionSeconds(node: SwarmProcess): number {
  return node.seen('complete')[0]!['seconds'] as number
}
