/** The sources of peers in whole simulated nodes: each finds what there is, and lies cost nothing but a failed dial. */
import { describe, expect, test } from 'vitest'
import type { SimServer } from '../../src/app/sim/http.ts'
import { PAYLOAD_PATH, SimSwarm, type SimMachine, type SimNode } from '../../src/app/sim/swarm.ts'
import type { Magnet } from '../../src/metainfo/magnet.ts'
import { MAX_KNOWN_PEERS } from '../../src/peer/peer-list.ts'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { packEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { MAX_TRACKER_PEERS } from '../../src/protocol/tracker/announce.ts'
import { hashes } from '../support/hashes.ts'

const MINUTES = 10 * 60_000
const TRACKER = 'http://10.8.8.8:8000/announce'

const newSim = (seed: number): SimSwarm => new SimSwarm({ seed, hashes, payloadBytes: 2 ** 20 })

function events(sim: SimSwarm, name: string): Record<string, unknown>[] {
  return sim.log
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    .filter(({ event }) => event === name)
}

function expectComplete(sim: SimSwarm, leecher: SimMachine): void {
  sim.runUntil(() => leecher.session.isComplete, { withinMs: MINUTES })
  expect(bytesEqual(leecher.file()!, sim.payload)).toBe(true)
}

const endpointOf = ({ host }: SimNode): Endpoint => ({ host: host.address, port: 6881 })

function compact(endpoints: readonly Endpoint[]): Uint8Array {
  const bytes = new Uint8Array(6 * endpoints.length)
  endpoints.forEach((endpoint, at) => packEndpoint(endpoint, bytes, 6 * at))
  return bytes
}

/** A tracker that tells everybody of the same peers, and remembers what it was told. */
function tracker(peers: () => readonly Endpoint[]): {
  readonly server: SimServer
  readonly heard: URLSearchParams[]
} {
  const heard: URLSearchParams[] = []
  return {
    heard,
    server({ url }) {
      heard.push(url.searchParams)
      return {
        status: 200,
        body: encodeBencode({ interval: 1_800, complete: 1, incomplete: 1, peers: compact(peers()) }),
      }
    },
  }
}

describe('a tracker', () => {
  test('brings two nodes together, and hears what becomes of them', async () => {
    const sim = newSim(1)
    const seeder = await sim.seeder({ session: { trackers: [TRACKER] } })
    const { server, heard } = tracker(() => [endpointOf(seeder)])
    sim.http.serve('10.8.8.8', 8000, server)
    const leecher = await sim.leecher({ session: { trackers: [TRACKER] } })
    expectComplete(sim, leecher)
    sim.clock.runUntil(sim.clock.now() + 1_000)
    void leecher.node.close()
    sim.clock.runUntil(sim.clock.now() + 5_000)
    const ours = heard.filter((query) => query.get('key') === heard.at(-1)!.get('key'))
    expect(ours.map((query) => [query.get('event'), query.get('left'), query.get('downloaded')])).toEqual([
      ['started', '1048576', '0'],
      ['completed', '0', '1048576'],
      ['stopped', '0', '1048576'],
    ])
  })

  test('that is down is asked again, and found when it is up', async () => {
    const sim = newSim(2)
    const seeder = await sim.seeder()
    const leecher = await sim.leecher({ session: { trackers: [TRACKER] } })
    sim.clock.runUntil(40_000)
    expect(events(sim, 'tracker_error').map(({ code }) => code)).toEqual(['net.refused', 'net.refused'])
    sim.http.serve('10.8.8.8', 8000, tracker(() => [endpointOf(seeder)]).server)
    expectComplete(sim, leecher)
  })

  test('that tells of 100,000 peers, port 0, and ourselves: the one that is there is found all the same', async () => {
    const sim = newSim(3)
    const seeder = await sim.seeder()
    let own: Endpoint[] = []
    const liars = Array.from({ length: 100_000 }, (_, i) => ({
      host: `10.${100 + (i >> 14)}.${(i >> 6) & 255}.${1 + (i & 63)}`,
      port: 0,
    }))
    const { server } = tracker(() => [...own, endpointOf(seeder), ...liars.slice(0, 500), ...liars])
    sim.http.serve('10.8.8.8', 8000, server)
    const leecher = await sim.leecher({ session: { trackers: [TRACKER] } })
    own = [endpointOf(leecher)]
    expectComplete(sim, leecher)
    expect(events(sim, 'tracker_announce')[0]!['peers']).toBeLessThanOrEqual(MAX_TRACKER_PEERS)
    expect(leecher.session.snapshot().peers.length).toBeLessThan(10)
  })

  test('that tells of ever new peers that do not exist fills a list that has an end', async () => {
    const sim = newSim(4)
    const seeder = await sim.seeder()
    let told = 0
    const { server } = tracker(() =>
      Array.from({ length: MAX_TRACKER_PEERS }, () => ({
        host: `10.${100 + ((told >> 16) & 63)}.${(told >> 8) & 255}.${told++ & 255}`,
        port: 1 + (told % 60_000),
      })),
    )
    for (let i = 0; i < 5; i++) sim.http.serve(`10.8.8.${i}`, 8000, server)
    const trackers = Array.from({ length: 5 }, (_, i) => `http://10.8.8.${i}:8000/announce`)
    const leecher = await sim.leecher({ peers: [seeder], session: { trackers } })
    expectComplete(sim, leecher)
    expect(leecher.session.snapshot().peers.length).toBeLessThanOrEqual(MAX_KNOWN_PEERS)
  })
})

describe('peer exchange', () => {
  test('leads from the one peer that is known to the one that has everything', async () => {
    const sim = newSim(5)
    const seeder = await sim.seeder({ up: 200_000 })
    const middle = await sim.leecher({ peers: [seeder], down: 20_000 })
    const leecher = await sim.leecher({ peers: [middle] })
    sim.runUntil(() => events(sim, 'pex').length > 0, { withinMs: MINUTES })
    expectComplete(sim, leecher)
    expect(events(sim, 'have').some(({ peer }) => peer === seeder.address)).toBe(true)
    const known = leecher.session.snapshot().peers.map(({ peer }) => peer)
    expect(known).toContain(seeder.address)
  })

  test('two that hear of each other keep one connection, and nobody goes on dialling', async () => {
    const sim = newSim(13)
    const seeder = await sim.seeder({ up: 4_000 })
    const both = [await sim.leecher({ peers: [seeder] }), await sim.leecher({ peers: [seeder] })]
    sim.clock.runUntil(4 * 60_000)
    expect(events(sim, 'pex').length).toBeGreaterThan(1)
    expect(both.map(({ session }) => session.snapshot().connected)).toEqual([2, 2])
    expect(events(sim, 'peer_failed')).toEqual([])
  })

  test('is not spoken in a private torrent', async () => {
    const sim = new SimSwarm({ seed: 6, hashes, payloadBytes: 2 ** 20, isPrivate: true })
    const seeder = await sim.seeder({ up: 20_000 })
    const middle = await sim.leecher({ peers: [seeder] })
    const leecher = await sim.leecher({ peers: [middle] })
    sim.clock.runUntil(3 * 60_000)
    expect(events(sim, 'pex')).toEqual([])
    expect(leecher.session.snapshot().peers.map(({ peer }) => peer)).not.toContain(seeder.address)
  })
})

describe('a magnet link', () => {
  const linkTo = (sim: SimSwarm, peers: readonly SimNode[], more: Partial<Magnet> = {}): Magnet => ({
    infoHash: sim.metainfo.infoHash,
    trackers: [],
    webSeeds: [],
    peers: peers.map(({ address }) => address),
    bootstrap: [],
    ...more,
  })

  /** Everything from the link alone. */
  async function follow(sim: SimSwarm, magnet: Magnet): Promise<SimMachine> {
    const node = await sim.node()
    const session = node.node.addMagnet(magnet)
    let isKnown = false
    const open = async (): Promise<void> => {
      const metainfo = await session.whenMetainfo()
      isKnown = true
      session.open({ metainfo, path: PAYLOAD_PATH, mode: 'download' })
    }
    void open()
    for (let at = 0; !isKnown && at < 600; at++) {
      sim.clock.runUntil(sim.clock.now() + 1_000)
      await Promise.resolve()
      await Promise.resolve()
    }
    return { ...node, session }
  }

  test('is enough: peers send the metainfo, then the payload', async () => {
    const sim = newSim(7)
    const seeders = [await sim.seeder(), await sim.seeder()]
    const leecher = await follow(sim, linkTo(sim, seeders))
    expectComplete(sim, leecher)
    expect(events(sim, 'metadata')).toMatchObject([{ name: 'payload', bytes: sim.metainfo.infoBytes.length }])
  })

  test('a web seed of the link serves the payload once a peer has sent the metainfo', async () => {
    const sim = newSim(8)
    const idle = await sim.machine({ has: '.'.repeat(sim.metainfo.geometry.pieceCount) })
    sim.http.serve('10.9.9.9', 80, ({ headers }) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers?.['range'] ?? '')!
      return {
        status: 206,
        headers: { 'content-range': `bytes ${first}-${last}/${sim.payload.length}` },
        body: sim.payload.subarray(Number(first), Number(last) + 1),
      }
    })
    const leecher = await follow(sim, linkTo(sim, [idle], { webSeeds: ['http://10.9.9.9/payload'] }))
    expectComplete(sim, leecher)
    expect(events(sim, 'webseed_joined')).toHaveLength(1)
  })
})

describe('whom the user does not want', () => {
  const filter = { blockedBy: (host: string) => (host === '10.0.0.1' ? '10.0.0.1/32' : undefined) }

  test('is not dialled', async () => {
    const sim = newSim(9)
    const blocked = await sim.seeder()
    const allowed = await sim.seeder()
    const leecher = await sim.leecher({ peers: [blocked, allowed], node: { filter } })
    expectComplete(sim, leecher)
    expect(events(sim, 'peer_blocked')).toEqual([
      { event: 'peer_blocked', peer: blocked.address, direction: 'out', rule: '10.0.0.1/32' },
    ])
    expect(events(sim, 'have').every(({ peer }) => peer === allowed.address)).toBe(true)
  })

  test('is not let in', async () => {
    const sim = newSim(10)
    const blocked = await sim.node()
    const seeder = await sim.seeder({ node: { filter } })
    blocked.node.addSession({
      metainfo: sim.metainfo,
      path: PAYLOAD_PATH,
      mode: 'download',
      peers: [seeder.address],
    })
    sim.clock.runUntil(5_000)
    expect(events(sim, 'peer_blocked')[0]).toMatchObject({ direction: 'in', rule: '10.0.0.1/32' })
    expect(events(sim, 'joined_to_peer')).toEqual([])
  })
})

describe('limits', () => {
  async function secondsAt(isLanLimited: boolean): Promise<number> {
    const sim = newSim(11)
    const seeder = await sim.seeder()
    const leecher = await sim.leecher({ peers: [seeder], node: { maxDown: 100_000, isLanLimited } })
    expectComplete(sim, leecher)
    return sim.clock.now() / 1_000
  }

  test('hold for peers on private networks, unless these are exempt', async () => {
    expect(await secondsAt(true)).toBeGreaterThan(10)
    expect(await secondsAt(false)).toBeLessThan(3)
  })

  test('-max-peers counts peers from every source', async () => {
    const sim = newSim(12)
    const seeders = await Promise.all(Array.from({ length: 8 }, () => sim.seeder({ up: 20_000 })))
    const { server } = tracker(() => seeders.slice(4).map(endpointOf))
    sim.http.serve('10.8.8.8', 8000, server)
    const leecher = await sim.leecher({
      peers: seeders.slice(0, 4),
      node: { maxPeers: 3 },
      session: { trackers: [TRACKER] },
    })
    const caller = await sim.leecher({ peers: [leecher] })
    let most = 0
    sim.runUntil(
      () => {
        most = Math.max(most, leecher.node.snapshot().peers)
        return leecher.session.isComplete
      },
      { withinMs: MINUTES },
    )
    expect(most).toBe(3)
    expect(caller.session.state).not.toBe('failed')
  })
})
