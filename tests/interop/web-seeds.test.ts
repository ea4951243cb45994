/** nginx as web seed: over HTTP and HTTPS, a file and a folder, alone and beside a peer. */
import { describe, expect } from 'vitest'
import type { EventLine } from '../../scripts/swarm-process.ts'
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

  // How much faster that is, is told in virtual time.
  test('of 20 MiB/s each share the work', async ({ scene }) => {
    const [webHost, peerHost, ourHost] = scene.network(3)
    limitUpload(webHost!, RATE)
    limitUpload(peerHost!, RATE)
    const bare = scene.make(HUGE_FILE)
    const server = await startNginx(scene, bare.folder, webHost)
    const payload: Payload = scene.remake(bare, ['-web-seed', server.http])
    // Not told of the web seed: it must not become a third path.
    const { address } = await scene.seed(bare, [], { host: peerHost! })

    const { node } = await scene.get(payload.torrent, ['-peer', address], { host: ourHost! })
    expect(await node.exited, node.epitaph).toBe(0)
    const pieces = node.seen('have')
    const shares = [...Map.groupBy(pieces, ({ peer }) => peer).values()].map(
      (those) => those.length / pieces.length,
    )
    console.log(shares)
    expect(shares).toHaveLength(2)
    expect(Math.max(...shares)).toBeLessThan(0.75)
  })
})
