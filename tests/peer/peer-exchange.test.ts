/** Peer exchange: who tells whom of whom, how often, and who is believed. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import type { PeerEvent } from '../../src/peer/events.ts'
import { MAX_EARLY_PEX, MAX_PEX_TOLD, PeerExchange, type PexNeighbour } from '../../src/peer/peer-exchange.ts'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import { decodePex, encodePex, MAX_PEX_PEERS, type PexMessage } from '../../src/protocol/pex-message.ts'

const MINUTE = 60_000

class FakeNeighbour implements PexNeighbour {
  static count = 0
  readonly id = ++FakeNeighbour.count
  readonly remote
  readonly heard: PexMessage[] = []

  constructor(host: string) {
    const endpoint: Endpoint = { host, port: 6881 }
    this.remote = {
      endpoint,
      direction: 'out' as const,
      listenEndpoint: endpoint as Endpoint | undefined,
      isUploadOnly: false,
      speaks: () => true,
    }
  }

  get address(): string {
    return formatEndpoint(this.remote.endpoint)
  }

  sendExtended(_name: string, payload: Uint8Array): boolean {
    this.heard.push(decodePex(payload))
    return true
  }

  /** Who came and who left, as it was told last. */
  get last(): { readonly added: readonly string[]; readonly dropped: readonly string[] } | undefined {
    const message = this.heard.at(-1)
    return (
      message && {
        added: message.added.map(({ endpoint }) => endpoint.host).toSorted(),
        dropped: message.dropped.map(({ host }) => host).toSorted(),
      }
    )
  }
}

let clock: SimClock
let events: PeerEvent[]
let learned: string[]
let exchange: PeerExchange<FakeNeighbour>

beforeEach(() => {
  clock = new SimClock()
  events = []
  learned = []
  exchange = new PeerExchange<FakeNeighbour>({
    clock,
    emit: (event) => events.push(event),
    onPeers(peers) {
      learned.push(...peers.map(formatEndpoint))
      return peers.length
    },
  })
  const rounds = (): void => {
    exchange.round(clock.now())
    clock.after(2_000, rounds)
  }
  clock.after(2_000, rounds)
})

function join(host: string): FakeNeighbour {
  const neighbour = new FakeNeighbour(host)
  exchange.onHandshake(neighbour)
  return neighbour
}

const hosts = (network: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${network}.${i >> 8}.${i & 255}`)

const told = (...names: readonly string[]): Uint8Array =>
  encodePex({
    added: names.map((host) => ({ endpoint: { host, port: 6881 }, isSeed: false, isReachable: true })),
    dropped: [],
  })

describe('what we tell', () => {
  test('once a minute: who came and who left since the last time, and never the peer itself', () => {
    const [a, b] = [join('10.0.0.1'), join('10.0.0.2')]
    clock.runUntil(3_000)
    expect(a.last).toEqual({ added: ['10.0.0.2'], dropped: [] })
    expect(b.last).toEqual({ added: ['10.0.0.1'], dropped: [] })

    const c = join('10.0.0.3')
    exchange.onClosed(b)
    clock.runUntil(MINUTE)
    expect([a.heard.length, c.last]).toEqual([1, { added: ['10.0.0.1'], dropped: [] }])
    clock.runUntil(MINUTE + 4_000)
    expect(a.last).toEqual({ added: ['10.0.0.3'], dropped: ['10.0.0.2'] })
  })

  test('nothing when nothing changed', () => {
    const a = join('10.0.0.1')
    join('10.0.0.2')
    clock.runUntil(10 * MINUTE)
    expect(a.heard).toHaveLength(1)
  })

  test('fifty at a time; the others follow', () => {
    const a = join('10.0.0.1')
    for (const host of hosts('10.1', 120)) join(host)
    clock.runUntil(2.5 * MINUTE)
    expect(a.heard.map(({ added }) => added.length)).toEqual([MAX_PEX_TOLD, MAX_PEX_TOLD, 20])
  })

  test('a peer on the internet nothing of our own network; a peer of our network everything', () => {
    const [stranger, neighbour] = [join('20.0.0.1'), join('192.168.0.7')]
    join('30.0.0.1')
    join('192.168.0.8')
    clock.runUntil(3_000)
    expect(stranger.last!.added).toEqual(['30.0.0.1'])
    expect(neighbour.last!.added).toEqual(['192.168.0.8', '20.0.0.1', '30.0.0.1'])
  })

  test('nobody whose own port is not known, and IPv6 as well', () => {
    const a = join('10.0.0.1')
    join('10.0.0.2').remote.listenEndpoint = undefined
    join('fd00::9')
    clock.runUntil(3_000)
    expect(a.last!.added).toEqual(['fd00::9'])
  })
})

describe('what we tell, as connections change,', () => {
  test('who left is told fifty at a time too; nobody is forgotten', () => {
    const a = join('10.0.0.1')
    const others = hosts('10.1', 50).map(join)
    clock.runUntil(3_000)
    others.push(...hosts('10.2', 30).map(join))
    clock.runUntil(MINUTE + 4_000)
    for (const other of others) exchange.onClosed(other)
    clock.runUntil(4 * MINUTE)
    expect(a.heard.map(({ added, dropped }) => [added.length, dropped.length])).toEqual([
      [50, 0],
      [30, 0],
      [0, 50],
      [0, 30],
    ])
  })

  test('is told again when somebody comes back', () => {
    const a = join('10.0.0.1')
    const b = join('10.0.0.2')
    clock.runUntil(3_000)
    exchange.onClosed(b)
    clock.runUntil(MINUTE + 4_000)
    join('10.0.0.2')
    clock.runUntil(2 * MINUTE + 8_000)
    expect(a.heard).toHaveLength(3)
    expect(a.last).toEqual({ added: ['10.0.0.2'], dropped: [] })
  })

  test('has a peer in it as soon as it has said where it listens', () => {
    const a = join('10.0.0.1')
    const b = join('10.0.0.2')
    b.remote.listenEndpoint = undefined
    clock.runUntil(2 * MINUTE)
    expect(a.heard).toEqual([])
    b.remote.listenEndpoint = b.remote.endpoint
    exchange.onHandshake(b)
    clock.runUntil(2 * MINUTE + 3_000)
    expect(a.last!.added).toEqual(['10.0.0.2'])
  })

  test('does not name a peer to itself, also when it is connected twice', () => {
    const [first, second] = [join('10.0.0.1'), join('10.0.0.1')]
    clock.runUntil(2 * MINUTE)
    expect([...first.heard, ...second.heard]).toEqual([])
  })

  test('costs nothing while nobody comes or goes', () => {
    const crowd = hosts('10.1', 40).map(join)
    clock.runUntil(2 * MINUTE)
    let looks = 0
    for (const peer of crowd) peer.remote.speaks = () => ++looks > 0
    clock.runUntil(10 * MINUTE)
    expect(looks).toBe(0)
    join('10.0.0.1')
    clock.runUntil(11 * MINUTE)
    expect(looks).toBe(40)
    expect(crowd.every(({ last }) => last!.added.includes('10.0.0.1'))).toBe(true)
  })
})

describe('what we hear', () => {
  test('is a candidate, and an event says how many were new', () => {
    const a = join('10.0.0.1')
    exchange.onMessage(a, told('10.0.0.7', '10.0.0.8'))
    expect(learned).toEqual(['10.0.0.7:6881', '10.0.0.8:6881'])
    expect(events).toEqual([{ event: 'pex', peer: a.address, added: 2, dropped: 0, fresh: 2 }])
  })

  test('of a stranger is not believed when it lies in our own network', () => {
    exchange.onMessage(join('20.0.0.1'), told('10.0.0.7', '127.0.0.1', '30.0.0.1', '0.0.0.0', '224.0.0.1'))
    expect(learned).toEqual(['30.0.0.1:6881'])
  })

  test('has a limit', () => {
    exchange.onMessage(join('10.0.0.1'), told(...hosts('10.9', 5_000)))
    expect(learned).toHaveLength(MAX_PEX_PEERS)
  })

  test('too often is not heard, and who does it again and again is not heard any more', () => {
    const a = join('10.0.0.1')
    exchange.onMessage(a, told('10.0.0.7'))
    for (let i = 0; i <= MAX_EARLY_PEX; i++) exchange.onMessage(a, told(`10.0.1.${i}`))
    clock.runUntil(5 * MINUTE)
    exchange.onMessage(a, told('10.0.0.9'))
    expect(learned).toEqual(['10.0.0.7:6881'])
  })

  test('in a torrent that turns out to be private is nothing, and nothing is told', () => {
    const a = join('10.0.0.1')
    join('10.0.0.2')
    exchange.stop()
    exchange.onMessage(a, told('10.0.0.7'))
    clock.runUntil(2 * MINUTE)
    expect([learned, a.heard, events]).toEqual([[], [], []])
  })

  test.each([
    [encodeBencode({ added: 'short' }), 0],
    [encodeBencode({ added: 7, 'added.f': ['x'], dropped: {} }), 0],
    [encodeBencode({ added: Uint8Array.of(10, 0, 0, 7, 26, 225, 1, 2), 'added.f': '' }), 1],
    [encodeBencode({ added: Uint8Array.of(10, 0, 0, 7, 0, 0) }), 0],
  ])('may be odd without harm: %s', (payload, count) => {
    exchange.onMessage(join('10.0.0.1'), payload)
    expect(learned).toHaveLength(count)
  })

  test('must be bencode', () => {
    expect(() => exchange.onMessage(join('10.0.0.1'), Uint8Array.of(1))).toThrow(
      expect.objectContaining({ code: 'bencode.malformed' }) as Error,
    )
  })
})
