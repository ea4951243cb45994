/** Swarms that know nothing but a tracker: opentracker and bittorrent-tracker, over HTTP and UDP, IPv4 and IPv6. */
import { describe, expect } from 'vitest'
import { HERE, HERE6, type Host } from './netns.ts'
import { nodeTracker, startNodeTracker } from './node-tracker.ts'
import { opentracker, startOpentracker } from './opentracker.ts'
import { SMALL_FILE } from './payloads.ts'
import { requirements } from './requirements.ts'
import type { Payload, Scene } from './scene.ts'
import { test } from './scene-test.ts'
import { scrape } from './scrape.ts'

interface Meeting {
  readonly announce: string
  /** Answers scrapes over HTTP. */
  readonly counts: string
  readonly host: Host
  /** The tracker is not expected to tell of peers, so the downloader is. */
  readonly isDialled?: boolean
}

/** A seeder, told of the tracker by its user, and a downloader, told by the metainfo, meet there. */
async function meet(
  scene: Scene,
  payload: Payload,
  { announce, counts, host, isDialled = false }: Meeting,
): Promise<void> {
  const { node: seeder, address } = await scene.seed(payload, ['-tracker', announce], { host })
  await seeder.waitFor('tracker_announce', 10_000)
  const { torrent } = scene.remake(payload, ['-tracker', announce])
  const leecher = await scene.get(torrent, isDialled ? ['-peer', address] : [], { host })
  expect(await leecher.node.exited, leecher.node.epitaph).toBe(0)
  expect(await scene.untilIdentical(payload, [leecher])).toEqual([])

  const kinds = leecher.node.seen('tracker_announce').map((line) => line['kind'])
  expect(kinds).toEqual(['started', 'completed', 'stopped'])
  expect(leecher.node.seen('tracker_error')).toEqual([])
  // The tracker's own account: one has finished, and left.
  expect(await scrape(counts, payload.infoHash)).toEqual({ complete: 1, downloaded: 1, incomplete: 0 })
  expect(await seeder.stop(), seeder.epitaph).toBe(0)
  expect(await scrape(counts, payload.infoHash)).toMatchObject({ complete: 0, incomplete: 0 })
}

const debian = requirements('opentracker', [opentracker])
describe.skipIf(debian.isSkipped)(debian.title, () => {
  test.for(['http', 'udp'] as const)('brings our nodes together over %s', async (scheme, { scene }) => {
    const payload = scene.make(SMALL_FILE)
    const tracker = await startOpentracker(scene, [payload.infoHash])
    await meet(scene, payload, { announce: tracker[scheme], counts: tracker.http, host: HERE })
  })

  // Over UDP it leaves such an announce without an answer.
  test('says over http that it does not serve a torrent', async ({ scene }) => {
    const payload = scene.make(SMALL_FILE)
    const tracker = await startOpentracker(scene, ['00'.repeat(20)])
    const { node } = await scene.seed(payload, ['-tracker', tracker.http])
    const refusal = await node.waitFor('tracker_error', 10_000)
    expect(refusal).toMatchObject({ kind: 'started', code: 'tracker.failure' })
    expect(refusal['reason']).toContain('not authorized')
  })
})

const npm = requirements('bittorrent-tracker', [nodeTracker])
describe.skipIf(npm.isSkipped)(npm.title, () => {
  test.for(['http', 'udp'] as const)(
    'brings our nodes together over %s and IPv4',
    async (scheme, { scene }) => {
      const { v4 } = await startNodeTracker(scene)
      await meet(scene, scene.make(SMALL_FILE), { announce: v4[scheme], counts: v4.http, host: HERE })
    },
  )

  test('brings our nodes together over http and IPv6', async ({ scene }) => {
    const { v6 } = await startNodeTracker(scene)
    await meet(scene, scene.make(SMALL_FILE), { announce: v6.http, counts: v6.http, host: HERE6 })
  })

  // Over UDP it tells of no IPv6 peers (it writes the IPv4 list into every answer), but it counts those who come.
  test('counts our nodes over udp and IPv6', async ({ scene }) => {
    const { v4, v6 } = await startNodeTracker(scene)
    // UDP of both families belongs to the server that answers HTTP over IPv4.
    const meeting = { announce: v6.udp, counts: v4.http, host: HERE6, isDialled: true }
    await meet(scene, scene.make(SMALL_FILE), meeting)
  })
})
