/** A DHT with a key: members find each other as always, and nobody else gets a byte. */
import { describe, expect, test } from 'vitest'
import { opensslAead } from '../../src/app/node/aead.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimDatagramNetwork } from '../../src/app/sim/datagram-network.ts'
import { WEATHER } from '../../src/app/sim/dht/profiles.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import { Dht } from '../../src/dht/dht.ts'
import type { DhtEvent } from '../../src/dht/events.ts'
import { KeyRing } from '../../src/dht/frames/key-ring.ts'
import type { FrameMode, SwarmKey } from '../../src/dht/frames/swarm-key.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import type { InfoHash } from '../../src/protocol/ids.ts'
import type { AlarmClock, Datagrams } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'
import { idOf, infoHash } from './lone-node.ts'

const key = (byte: number, mode: FrameMode = 'hmac'): SwarmKey => ({
  secret: new Uint8Array(32).fill(byte),
  mode,
})
const SEED: Endpoint = { host: '10.0.0.1', port: 20_000 }

/** How far a wall clock is off. */
interface ClockError {
  readonly ms: number
}

class PrivateNetwork {
  readonly clock = new SimClock()
  readonly network = new SimDatagramNetwork(this.clock, { seed: 5, weather: WEATHER.lan, hashes })
  readonly random = new SeededRandom(6)
  readonly nodes: Dht[] = []
  readonly events: DhtEvent[] = []

  /** @param keys undefined: it speaks openly */
  add(keys: readonly SwarmKey[] | undefined, clockError: ClockError = { ms: 0 }): Dht {
    const clock: AlarmClock = {
      now: () => this.clock.now(),
      wallNow: () => this.clock.wallNow() + clockError.ms,
      after: (delay, fn) => this.clock.after(delay, fn),
      alarm: (fn) => this.clock.alarm(fn),
    }
    const index = this.nodes.length + 1
    const dht = new Dht({
      sockets: [this.network.bind({ host: `10.0.0.${index}`, port: 20_000 })],
      clock,
      random: this.random.fork(`node ${index}`),
      hashes,
      addresses: [],
      resolver: {
        resolve: (_host, _family, onResult) => onResult([]),
        resolveService: (_name, onResult) => onResult([]),
      },
      emit: (event) => this.events.push(event),
      keys: keys && new KeyRing(keys, { hashes, aead: opensslAead }),
    })
    this.nodes.push(dht)
    dht.bootstrap(index === 1 ? [] : [SEED])
    this.run(200)
    return dht
  }

  run(ms: number): void {
    this.clock.runUntil(this.clock.now() + ms)
  }

  contacts(dht: Dht): number {
    return dht.snapshot().nodes[0]!.contacts
  }

  dropped(dht: Dht): Readonly<Record<string, number>> {
    return dht.snapshot().nodes[0]!.dropped
  }

  /** A socket of somebody who is no node. */
  stranger(): Datagrams & { readonly heard: Uint8Array[] } {
    const socket = this.network.bind({ host: '10.0.1.1', port: 20_000 })
    const heard: Uint8Array[] = []
    socket.onDatagram = (data) => heard.push(data)
    return Object.assign(socket, { heard })
  }
}

describe.each(['hmac', 'aead'] as const)('in mode %s', (mode) => {
  test('twelve members find each other and a torrent; nothing of theirs is dropped', () => {
    const net = new PrivateNetwork()
    for (let i = 0; i < 12; i++) net.add([key(1, mode)])
    net.run(5_000)
    net.nodes[3]!.announce(infoHash, 7_000, { isSeed: true })
    net.run(2_000)
    const found: Endpoint[] = []
    net.nodes[9]!.lookup(infoHash, (peers) => found.push(...peers))
    net.run(2_000)
    expect(found).toEqual([{ host: '10.0.0.4', port: 7_000 }])
    for (const node of net.nodes) {
      expect(net.contacts(node)).toBeGreaterThan(5)
      expect(net.dropped(node)).toEqual({})
    }
  })

  test('who speaks openly, has another key, or sends what it overheard gets nothing', () => {
    const net = new PrivateNetwork()
    const member = net.add([key(1, mode)])
    const open = net.add(undefined)
    const other = net.add([key(2, mode)])
    net.run(60_000)
    expect([member, open, other].map((node) => net.contacts(node))).toEqual([0, 0, 0])
    expect(Object.keys(net.dropped(member))).toEqual(['frame', 'key'])

    const stranger = net.stranger()
    const ping = new TextEncoder().encode(encodeMessage({ type: 'ping', t: 'abcdefgh', id: idOf(1) }))
    for (let length = 60; length <= 1_400; length += 20) {
      const bytes = new Uint8Array(length)
      bytes.set([0xd1, mode === 'hmac' ? 1 : 2])
      stranger.send(bytes, SEED)
    }
    stranger.send(ping, SEED)
    net.run(1_000)
    expect(stranger.heard).toEqual([])
    expect(net.network.sent).toBeGreaterThan(0)
  })

  test('a captured frame is useless at any other node, and a second time at its own', () => {
    const net = new PrivateNetwork()
    const captured: Uint8Array[] = []
    const bind = net.network.bind.bind(net.network)
    // Everything that the second member sends to the seed is overheard.
    net.network.bind = (local) => {
      const socket = bind(local)
      const send = socket.send.bind(socket)
      socket.send = (data, to) => {
        if (local.host === '10.0.0.2' && to.host === SEED.host) captured.push(data.slice())
        send(data, to)
      }
      return socket
    }
    net.add([key(1, mode)])
    net.add([key(1, mode)])
    const third = net.add([key(1, mode)])
    net.nodes[1]!.announce(infoHash, 7_000, { isSeed: true })
    // Less than it takes until a seed is asked again by its address alone.
    net.run(10_000)
    const stranger = net.stranger()
    // Without the first question, which was for whoever lives at the seed's address.
    const addressed = captured.slice(1)
    expect(addressed.length).toBeGreaterThan(2)
    const before = net.dropped(third)['tag'] ?? 0
    for (const frame of addressed) {
      stranger.send(frame, SEED)
      stranger.send(frame, { ...SEED, host: '10.0.0.3' })
    }
    net.run(1_000)
    expect(stranger.heard).toEqual([])
    expect(net.dropped(net.nodes[0]!)).toEqual({ replay: addressed.length })
    expect((net.dropped(third)['tag'] ?? 0) - before).toBe(addressed.length)
    // Nor when it is so old that a member with a wrong clock would be told so.
    net.run(300_000)
    for (const frame of addressed) stranger.send(frame, SEED)
    net.run(1_000)
    expect(stranger.heard).toEqual([])
  })
})

test('a member whose clock is an hour slow learns the time from five others, and is in', () => {
  const net = new PrivateNetwork()
  for (let i = 0; i < 8; i++) net.add([key(1)])
  const slow = net.add([key(1)], { ms: -3_600_000 })
  slow.bootstrap(Array.from({ length: 8 }, (_, at) => ({ host: `10.0.0.${at + 1}`, port: 20_000 })))
  net.run(30_000)
  expect(net.contacts(slow)).toBeGreaterThanOrEqual(8)
  net.run(60_000)
  for (const node of net.nodes) expect(net.contacts(node)).toBe(8)
})

test('with fewer than five to tell, it stays out: one member cannot set the clock of another', () => {
  const net = new PrivateNetwork()
  for (let i = 0; i < 3; i++) net.add([key(1)])
  const slow = net.add([key(1)], { ms: -3_600_000 })
  slow.bootstrap([1, 2, 3].map((at) => ({ host: `10.0.0.${at}`, port: 20_000 })))
  net.run(60_000)
  expect(net.contacts(slow)).toBe(0)
  expect(net.dropped(slow)['skew']).toBeGreaterThan(0)
  const complaints = net.events.filter(({ event }) => event === 'dht_clock')
  expect(complaints).toEqual([
    { event: 'dht_clock', node: expect.any(String) as string, aheadSeconds: 3_600 },
  ])
})

test.each([
  ['ahead', 86_400_000],
  ['back', -86_400_000],
])(
  'a member whose clock is set a day %s, and right again an hour later, is heard in between and after',
  (_name, jump) => {
    const net = new PrivateNetwork()
    const errors = { ms: 0 }
    for (let i = 0; i < 8; i++) net.add([key(1)])
    const jumper = net.add([key(1)], errors)
    net.run(30_000)
    expect(net.contacts(jumper)).toBe(8)
    const isHeard = (torrent: number): boolean => {
      const hash = new Uint8Array(20).fill(torrent) as InfoHash
      const found: Endpoint[] = []
      jumper.announce(hash, 7_000, { isSeed: true })
      net.run(120_000)
      net.nodes[2]!.lookup(hash, (peers) => found.push(...peers))
      net.run(10_000)
      return found.some(({ host }) => host === '10.0.0.9')
    }
    expect(isHeard(1)).toBe(true)
    errors.ms = jump
    net.run(10 * 60_000)
    expect(isHeard(2)).toBe(true)
    errors.ms = 0
    net.run(10 * 60_000)
    expect(isHeard(3)).toBe(true)
  },
)

test('keys are changed on one machine after the other, and the torrent is found all the while', () => {
  const net = new PrivateNetwork()
  const [old, next] = [key(1), key(2, 'aead')]
  const stages = [[old], [old, next], [next, old], [next]]
  for (const stage of stages.slice(0, 3)) for (let i = 0; i < 3; i++) net.add(i === 0 ? stages[1]! : stage)
  net.run(30_000)
  const [seeder, leecher] = [net.nodes[1]!, net.nodes[4]!]
  seeder.announce(infoHash, 7_000, { isSeed: true })
  net.run(5_000)
  const found: Endpoint[] = []
  leecher.lookup(infoHash, (peers) => found.push(...peers))
  net.run(5_000)
  expect(found).toEqual([{ host: '10.0.0.2', port: 7_000 }])
})
