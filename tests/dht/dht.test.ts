/** Both families as one, on real UDP sockets of the loopback interface. */
import { afterEach, expect, test, vi } from 'vitest'
import { SystemClock } from '../../src/app/node/clock.ts'
import { bindUdp } from '../../src/app/node/udp.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Dht } from '../../src/dht/dht.ts'
import type { DhtEvent } from '../../src/dht/events.ts'
import { formatEndpoint } from '../../src/protocol/endpoint.ts'
import type { InfoHash } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const infoHash = new Uint8Array(20).fill(9) as InfoHash

const open: Dht[] = []
afterEach(() => {
  for (const dht of open.splice(0)) dht.close()
})

async function start(seed: number, net?: string): Promise<{ dht: Dht; port: number; events: DhtEvent[] }> {
  const sockets = await bindUdp(':0')
  const events: DhtEvent[] = []
  const dht = new Dht({
    sockets,
    clock: new SystemClock(),
    random: new SeededRandom(seed),
    hashes,
    addresses: [],
    resolver: {
      resolve: (host, _family, found) => found(host === 'seed.test' ? ['127.0.0.1'] : []),
      resolveService: (_name, found) => found([]),
    },
    emit: (event) => events.push(event),
    net,
    isChatty: true,
  })
  open.push(dht)
  return { dht, port: sockets[0]!.local.port, events }
}

/** The first peers that `listen` hears of, or nothing in a time that is ample on the loopback interface. */
function heard(
  listen: (onPeers: (peers: readonly { host: string; port: number }[]) => void) => void,
): Promise<string[]> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve([]), 1_000)
    listen((peers) => {
      clearTimeout(timer)
      resolve(peers.map(formatEndpoint))
    })
  })
}

test('bound to all addresses and joined by name, two nodes meet through a third and tell all about it', async () => {
  const hub = await start(1)
  const seeder = await start(2)
  const leecher = await start(3)
  for (const { dht } of [seeder, leecher]) dht.bootstrap([{ host: 'seed.test', port: hub.port }])
  const waiting = heard((onPeers) => leecher.dht.watch(infoHash, onPeers))
  seeder.dht.announce(infoHash, 7_777, { isSeed: true })
  expect(await waiting).toEqual(['127.0.0.1:7777'])
  expect(await heard((onPeers) => leecher.dht.lookup(infoHash, onPeers))).toEqual(['127.0.0.1:7777'])

  const told = [
    'ping',
    'pong',
    'findPeers',
    'peers',
    'announce',
    'bootstrap',
    'announced',
    'lookup',
    'contact',
  ]
  await vi.waitFor(() => {
    const names = new Set([hub, seeder, leecher].flatMap(({ events }) => events.map(({ event }) => event)))
    expect([...names]).toEqual(expect.arrayContaining(told.map((name) => `dht_${name}`)))
  })
  expect(hub.dht.snapshot().nodes.map(({ dropped }) => dropped)).toEqual(
    hub.dht.snapshot().nodes.map(() => ({})),
  )
})

test('nodes of different networks do not meet', async () => {
  const hub = await start(1, 'lab-a')
  const other = await start(2, 'lab-b')
  const friend = await start(3, 'lab-a')
  for (const { dht } of [other, friend]) dht.bootstrap([{ host: '127.0.0.1', port: hub.port }])
  friend.dht.announce(infoHash, 7_777, { isSeed: true })
  expect(await heard((onPeers) => hub.dht.watch(infoHash, onPeers))).toEqual(['127.0.0.1:7777'])
  expect(await heard((onPeers) => other.dht.lookup(infoHash, onPeers))).toEqual([])
  const [node] = hub.dht.snapshot().nodes
  expect(node!.contacts).toBe(1)
  expect(node!.dropped.net).toBeGreaterThan(0)
})
