import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { SimDht, type SimDhtOptions, type SimNode } from '../../src/app/sim/dht.ts'
import type { DhtEvent } from '../../src/dht/events.ts'
import type { DhtNode } from '../../src/dht/node.ts'
import { formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import { toHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const PORT = 20_001

function grown(nodes: number, everyMs: number, options: Partial<SimDhtOptions> = {}): SimDht {
  const sim = new SimDht({ seed: 1, profile: 'lan', codec: 'object', hashes, ...options })
  sim.grow(nodes, everyMs)
  return sim
}

/** The share of the true eight nearest that walks from random nodes to random targets find. */
function recall(sim: SimDht, walks: number): number {
  let expected = 0
  let found = 0
  for (let i = 0; i < walks; i++) {
    const asker = sim.anyone()
    const target = sim.randomId<NodeId>()
    const truth = sim.closest(target, 8, asker)
    const nearest = new Set(sim.findNodes(asker, target).nearest.map(({ id }) => toHex(id)))
    expected += 8
    found += truth.filter(({ id }) => nearest.has(toHex(id))).length
  }
  return found / expected
}

function announceAndWait(sim: SimDht, index: number, infoHash: InfoHash, withinMs = 10_000): Endpoint {
  sim.nodes[index]!.dht.announce(infoHash, PORT, { isSeed: true })
  sim.run(withinMs)
  return { host: sim.nodes[index]!.endpoint.host, port: PORT }
}

test('of a crowd of 600 that comes within two seconds everybody knows his neighbours a minute later', () => {
  const seed = 1
  const sim = grown(3, 1_000, { seed, seeds: 3, profile: 'wan' })
  sim.grow(600, 2_000 / 600)
  sim.run(60_000)
  const known = sim.nodes.map((node) => {
    const contacts = new Set(node.dht.knownContacts())
    return sim.closest(node.id, 8, node).filter(({ contact }) => contacts.has(contact)).length
  })
  const settled = known.filter((count) => count >= 6).length
  expect(settled / known.length, `seed ${seed}`).toBeGreaterThan(0.95)
  expect(Math.min(...known), `seed ${seed}`).toBeGreaterThan(0)
})

test('1,000 nodes join through three of them, find the true nearest, and find what was announced', () => {
  const seed = 4
  const sim = grown(1_000, 20, { seed, seeds: 3 })
  sim.run(10_000)
  expect(recall(sim, 100), `seed ${seed}`).toBeGreaterThanOrEqual(0.99)
  // Perfect tables would hold some 62.
  const contacts = sim.nodes.reduce((sum, { dht }) => sum + dht.contacts, 0) / sim.nodes.length
  expect(contacts, `seed ${seed}`).toBeGreaterThan(55)

  const announced = Array.from({ length: 20 }, () => {
    const infoHash = sim.randomId<InfoHash>()
    const index = sim.pick(1_000)
    sim.nodes[index]!.dht.announce(infoHash, PORT, { isSeed: false })
    return { infoHash, peer: `${sim.nodes[index]!.endpoint.host}:${PORT}` }
  })
  sim.run(5_000)
  for (const { infoHash, peer } of announced) {
    const { peers, summary } = sim.lookup(sim.nodes[sim.pick(1_000)]!, infoHash)
    expect(peers.map(formatEndpoint), `seed ${seed}`).toEqual([peer])
    expect(summary.rpcs).toBeLessThanOrEqual(80)
  }
  sim.close()
  // Nobody keeps a contact that he no longer uses.
  expect(sim.book.size).toBe(0)
}, 60_000)

test('on the Internet a seeder that is the only bootstrap node is found within seconds by the first who joins', () => {
  const seed = 6
  const sim = grown(1, 0, { seed, profile: 'wan', seeds: 1 })
  const infoHash = sim.randomId<InfoHash>()
  const peer = announceAndWait(sim, 0, infoHash)
  const first = sim.spawn()
  const findsIt = (): boolean =>
    sim.lookup(first, infoHash).peers.map(formatEndpoint).includes(formatEndpoint(peer))
  const startedAt = sim.clock.now()
  while (!findsIt() && sim.clock.now() < startedAt + 90_000) sim.run(1_000)
  expect(sim.clock.now() - startedAt, `seed ${seed}`).toBeLessThan(5_000)
  sim.close()
})

test('the network of many joins is the same with every datagram written, checked and read as JSON', () => {
  const seed = 5
  const sim = grown(150, 20, { seed, codec: 'json' })
  sim.run(10_000)
  expect(recall(sim, 40), `seed ${seed}`).toBeGreaterThanOrEqual(0.99)
  const infoHash = sim.randomId<InfoHash>()
  const peer = announceAndWait(sim, 77, infoHash)
  expect(sim.lookup(sim.nodes[140]!, infoHash).peers).toEqual([peer])
  // Whatever our nodes send, our nodes accept.
  expect(
    sim.nodes.map(({ dht }) => dht.snapshot().dropped).filter((drops) => Object.keys(drops).length > 0),
  ).toEqual([])
  sim.close()
})

test('the Internet profile works through slow verification, loss and duplicates', () => {
  const seed = 6
  const sim = grown(60, 2_000, { seed, profile: 'wan', weather: { loss: 0.05, duplication: 0.02 } })
  sim.run(15 * 60_000)
  expect(recall(sim, 30), `seed ${seed}`).toBeGreaterThanOrEqual(0.97)
  const infoHash = sim.randomId<InfoHash>()
  const peer = announceAndWait(sim, 50, infoHash)
  expect(sim.lookup(sim.nodes[3]!, infoHash).peers).toEqual([peer])
  sim.close()
})

test('the same seed does the same, another one does not', () => {
  const run = (seed: number): string => {
    const sim = grown(80, 20, { seed, weather: { loss: 0.05, duplication: 0.05 } })
    announceAndWait(sim, 3, sim.randomId<InfoHash>())
    sim.close()
    return sim.network.traceDigest
  }
  expect(run(1)).toBe(run(1))
  expect(run(1)).not.toBe(run(2))
})

describe('a handful of nodes around one that only answers', () => {
  const infoHash = new Uint8Array(20).fill(7) as InfoHash

  test('a leecher hears of a seeder that is there already, in its first lookup', () => {
    const sim = grown(2, 1_000)
    const peer = announceAndWait(sim, 1, infoHash, 1_000)
    sim.spawn()
    const { peers, summary } = sim.lookup(sim.nodes[2]!, infoHash)
    expect(peers).toEqual([peer])
    expect(summary.ms).toBeLessThan(100)
    sim.close()
  })

  test('a waiting leecher is told within 100 ms when the seeder comes later: the seeder announces to everybody', () => {
    const sim = grown(3, 1_000)
    const heard: string[] = []
    sim.nodes[2]!.dht.watch(infoHash, (peers) => heard.push(...peers.map(formatEndpoint)))
    sim.nodes[1]!.dht.announce(infoHash, PORT, { isSeed: true })
    sim.run(100)
    expect(heard).toEqual([`10.0.0.1:${PORT}`])
    sim.close()
  })

  test('a seeder that is the bootstrap node itself is found: it announces to each newcomer', () => {
    const sim = grown(1, 1_000)
    sim.nodes[0]!.dht.announce(infoHash, PORT, { isSeed: true })
    sim.run(5_000)
    const leecher = sim.spawn()
    const heard: string[] = []
    leecher.dht.watch(infoHash, (peers) => heard.push(...peers.map(formatEndpoint)))
    sim.run(100)
    expect(heard).toContain(`10.0.0.0:${PORT}`)
    sim.close()
  })

  test('the second joiner hears of the first within a second', () => {
    const sim = grown(1, 0)
    sim.spawn()
    sim.run(500)
    sim.spawn()
    sim.run(1_000)
    expect(sim.nodes.map(({ dht }) => dht.contacts)).toEqual([2, 2, 2])
    sim.close()
  })

  test('a lookup before the bootstrap node has answered waits for it', () => {
    const sim = grown(2, 1_000)
    const peer = announceAndWait(sim, 1, infoHash, 1_000)
    sim.spawn()
    expect(sim.lookup(sim.nodes[2]!, infoHash).peers).toEqual([peer])
    sim.close()
  })

  test('a bootstrap node that starts last is found by those who wait for it, and connects them', () => {
    const events: DhtEvent[] = []
    const sim = new SimDht({
      seed: 3,
      profile: 'lan',
      codec: 'json',
      hashes,
      onEvent: (event) => events.push(event),
    })
    const late = { host: '10.0.0.2', port: 20_000 }
    const [seeder, leecher] = [sim.spawn(), sim.spawn()]
    seeder.dht.announce(infoHash, PORT, { isSeed: true })
    for (const { dht } of [seeder, leecher]) dht.bootstrap([late])
    sim.network.partition(({ host }) => (host === late.host ? 0 : Number(host.at(-1))))
    sim.run(5_000)
    expect(events.map(({ event }) => event)).toContain('dht_bootstrap_failed')
    expect(sim.lookup(sim.nodes[1]!, infoHash).peers).toEqual([])
    sim.spawn()
    sim.network.heal()
    sim.run(20_000)
    expect(sim.lookup(sim.nodes[1]!, infoHash).peers.map(formatEndpoint)).toEqual([`10.0.0.0:${PORT}`])
    sim.close()
  })

  test('records end 45 minutes after their announcer has gone, and live on while it is there', () => {
    const sim = grown(3, 1_000)
    const [, announcer, seeker] = sim.nodes
    announceAndWait(sim, 1, infoHash)
    sim.run(3 * 60 * 60_000)
    expect(sim.lookup(seeker!, infoHash).peers).toHaveLength(1)
    sim.kill(announcer!)
    sim.run(46 * 60_000)
    expect(sim.lookup(seeker!, infoHash).peers).toEqual([])
    expect(sim.nodes[0]!.dht.snapshot().storedPeers).toBe(0)
    sim.close()
  })
})

test('when half of the nodes vanish, the others throw them out and find each other', () => {
  const seed = 8
  const sim = grown(200, 20, { seed, seeds: 3 })
  for (const node of sim.nodes.slice(100)) sim.kill(node)
  sim.run(30 * 60_000)
  let expected = 0
  let found = 0
  for (let i = 0; i < 30; i++) {
    const asker = sim.anyone()
    const target = sim.randomId<NodeId>()
    const truth = sim.closest(target, 8, asker)
    const { nearest } = sim.findNodes(asker, target)
    const names = new Set(nearest.map(({ id }) => toHex(id)))
    expected += truth.length
    found += truth.filter(({ id }) => names.has(toHex(id))).length
  }
  expect(found / expected, `seed ${seed}`).toBeGreaterThanOrEqual(0.98)
  sim.close()
})

test('who has left is forgotten, table and all', async () => {
  const sim = grown(30, 1_000)
  const leave = (node: SimNode): WeakRef<DhtNode> => {
    sim.kill(node)
    return new WeakRef(node.dht)
  }
  const left = sim.nodes.slice(20).map(leave)
  // Until whatever was sent to them has arrived, and their timers would have gone off.
  sim.run(60 * 60_000)
  await new Promise((resolve) => setImmediate(resolve))
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  expect(left.filter((node) => node.deref() !== undefined)).toHaveLength(0)
  expect(sim.nodes).toHaveLength(20)
  expect(sim.spawned).toBe(30)
  sim.close()
})
