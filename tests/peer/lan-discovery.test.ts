/** Multicast on one network: all hear who has what, and nobody heeds a flood. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import type { PeerEvent } from '../../src/peer/events.ts'
import { LanDiscovery, LAN_INTERVAL, MAX_LAN_RATE, MIN_LAN_INTERVAL } from '../../src/peer/lan-discovery.ts'
import { formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import { TransportError } from '../../src/protocol/errors.ts'
import { fromHex, idFrom, toHex, type InfoHash } from '../../src/protocol/ids.ts'
import { decodeLanMessage, encodeLanMessage, LAN_GROUPS } from '../../src/protocol/lan-message.ts'
import type { MulticastGroup } from '../../src/protocol/ports.ts'

const GROUP = LAN_GROUPS[0]!
const hashOf = (digit: string): InfoHash => idFrom<InfoHash>(fromHex(digit.repeat(40))!)

/** All hosts of one network hear what any of them says, themselves included. */
class Network {
  readonly said: string[] = []
  /** What is said now gets lost. */
  isDeaf = false
  readonly #members: { readonly host: string; readonly group: MulticastGroup }[] = []

  join(host: string): MulticastGroup {
    const group: MulticastGroup = {
      group: GROUP,
      onDatagram: () => {},
      onInterface: () => {},
      onFailed: () => {},
      send: (data) => this.say(host, data.slice()),
      close: () => {},
    }
    this.#members.push({ host, group })
    return group
  }

  say(host: string, data: Uint8Array): void {
    this.said.push(new TextDecoder().decode(data))
    if (this.isDeaf) return
    clock.after(1, () => {
      for (const { group } of this.#members) group.onDatagram(data, { host, port: 6771 })
    })
  }
}

interface Host {
  readonly lan: LanDiscovery
  readonly group: MulticastGroup
  readonly events: PeerEvent[]
  readonly met: string[]
  readonly peers: string[]
  has(infoHash: InfoHash, port?: number): ReturnType<LanDiscovery['add']>
}

let clock: SimClock
let network: Network
beforeEach(() => {
  clock = new SimClock()
  network = new Network()
})

function host(address: string, dht?: { net?: string; contacts?: number }): Host {
  const group = network.join(address)
  const events: PeerEvent[] = []
  const met: string[] = []
  const peers: string[] = []
  const lan = new LanDiscovery({
    groups: [group],
    clock,
    random: new SeededRandom(1).fork(address),
    emit: (event) => events.push(event),
    dht: dht && {
      port: 10_000,
      net: dht.net,
      contacts: () => dht.contacts ?? 0,
      meet: (endpoint) => met.push(formatEndpoint(endpoint)),
    },
  })
  const onPeers = (found: readonly Endpoint[]): unknown => peers.push(...found.map(formatEndpoint))
  return { lan, group, events, met, peers, has: (infoHash, port = 6881) => lan.add(infoHash, port, onPeers) }
}

describe('peers', () => {
  test('who begins with a torrent is heard by those who have it, once', () => {
    const [a, b, c] = [host('10.0.0.1'), host('10.0.0.2'), host('10.0.0.3')]
    a.has(hashOf('a'))
    c.has(hashOf('c'))
    clock.runUntil(1_000)
    b.has(hashOf('a'), 7000)
    clock.runUntil(2_000)
    expect([a.peers, b.peers, c.peers]).toEqual([['10.0.0.2:7000'], [], []])
    expect(a.events).toEqual([{ event: 'lan_peer', peer: '10.0.0.2:7000', infoHash: toHex(hashOf('a')) }])
    clock.runUntil(2 * LAN_INTERVAL)
    expect([a.events.length, a.peers.length > 1, b.peers[0]]).toEqual([1, true, '10.0.0.1:6881'])
  })

  test('who begins is heard a minute later where the first datagram is lost', () => {
    const [a, b] = [host('10.0.0.1'), host('10.0.0.2')]
    a.has(hashOf('a'))
    clock.runUntil(100_000)
    b.has(hashOf('a'), 7000)
    network.isDeaf = true
    clock.runUntil(110_000)
    network.isDeaf = false
    expect(a.peers).toEqual([])
    clock.runUntil(110_000 + 1.1 * MIN_LAN_INTERVAL)
    expect(a.peers).toEqual(['10.0.0.2:7000'])
  })

  test('a hundred torrents go out in five messages, again after a minute, and then each five', () => {
    const a = host('10.0.0.1')
    for (let i = 0; i < 100; i++)
      a.has(hashOf((i + 256).toString(16).repeat(20).slice(0, 40).padEnd(40, '0')[0]!))
    clock.runUntil(1_000)
    const first = network.said.length
    expect(first).toBe(1)
    clock.runUntil(1.2 * MIN_LAN_INTERVAL)
    expect(network.said.length).toBe(2 * first)
    clock.runUntil(LAN_INTERVAL)
    expect(network.said.length).toBe(2 * first)
    clock.runUntil(MIN_LAN_INTERVAL + 1.2 * LAN_INTERVAL)
    expect(network.said.length).toBe(3 * first)
  })

  test('the user may ask for it sooner, but not more than once a minute', () => {
    const a = host('10.0.0.1')
    const torrent = a.has(hashOf('a'))
    clock.runUntil(1_000)
    for (let i = 0; i < 10; i++) torrent.refresh()
    clock.runUntil(MIN_LAN_INTERVAL - 1_000)
    expect(network.said).toHaveLength(1)
    clock.runUntil(MIN_LAN_INTERVAL + 1_000)
    expect(network.said).toHaveLength(2)
  })

  test('a torrent that is closed is neither announced nor heard of', () => {
    const [a, b] = [host('10.0.0.1'), host('10.0.0.2')]
    a.has(hashOf('a')).remove()
    b.has(hashOf('a'))
    clock.runUntil(1_000)
    expect([network.said.length, a.peers]).toEqual([1, []])
  })

  test('a flood is not read, and costs no memory', () => {
    const a = host('10.0.0.1')
    a.has(hashOf('a'))
    clock.runUntil(1_500)
    for (let i = 0; i < 5_000; i++)
      network.say(
        `10.1.${i >> 8}.${i & 255}`,
        encodeLanMessage({ type: 'torrents', port: 1, infoHashes: [hashOf('a')] }, GROUP),
      )
    clock.runUntil(1_900)
    expect(a.peers).toHaveLength(MAX_LAN_RATE)
    clock.runUntil(5_000)
    host('10.0.0.9').has(hashOf('a'))
    clock.runUntil(6_000)
    expect(a.peers.at(-1)).toBe('10.0.0.9:6881')
  })
})

describe('nodes of the DHT', () => {
  test('hear of each other when they are of one network of the DHT', () => {
    const a = host('10.0.0.1', {})
    const other = host('10.0.0.2', { net: 'lab' })
    clock.runUntil(1_000)
    host('10.0.0.3', {})
    clock.runUntil(5_000)
    expect([a.met, other.met]).toEqual([['10.0.0.3:10000'], []])
    expect(a.events).toEqual([{ event: 'lan_node', node: '10.0.0.3:10000' }])
  })

  test('at a link-local address are of no use to others: the DHT does not speak to it', () => {
    const a = host('10.0.0.1', {})
    clock.runUntil(1_000)
    host('169.254.0.2', {})
    clock.runUntil(5_000)
    expect([a.met, a.events]).toEqual([[], []])
  })

  test('that know many leave a newcomer to others', () => {
    const hearers = Array.from({ length: 100 }, (_, i) => host(`10.0.1.${i}`, { contacts: 800 }))
    clock.runUntil(10_000)
    const before = hearers.flatMap(({ met }) => met).length
    host('10.0.0.9', {})
    clock.runUntil(20_000)
    const met = hearers.flatMap(({ met }) => met).length - before
    expect(met).toBeLessThan(10)
  })

  test('know nothing of torrents alone, and torrents nothing of nodes', () => {
    const a = host('10.0.0.1')
    a.has(hashOf('a'))
    host('10.0.0.2', {})
    clock.runUntil(5_000)
    expect([a.met, a.peers, a.events]).toEqual([[], [], []])
  })
})

test('a network that is joined later hears of us, too, yet none more than once a minute', () => {
  const a = host('10.0.0.1', {})
  a.has(hashOf('a'))
  clock.runUntil(130_000)
  network.said.length = 0
  a.group.onInterface()
  a.group.onInterface()
  clock.runUntil(131_000)
  expect(network.said.map((text) => text.slice(0, 5)).toSorted()).toEqual(['BITSW', 'BT-SE'])
  clock.runUntil(180_000)
  expect(network.said).toHaveLength(2)
})

test('where multicast does not work, that is said', () => {
  const a = host('10.0.0.1')
  a.group.onFailed(new TransportError('net.listen', 'cannot listen'))
  expect(a.events).toEqual([{ event: 'lan_failed', group: '239.192.152.143:6771', reason: 'cannot listen' }])
})

test('after closing nothing is said or heard', () => {
  const [a, b] = [host('10.0.0.1', {}), host('10.0.0.2')]
  a.has(hashOf('a'))
  a.lan.close()
  b.has(hashOf('a'))
  clock.runUntil(2 * LAN_INTERVAL)
  expect([a.peers, a.met]).toEqual([[], []])
  expect(network.said.every((text) => !text.includes('BITSWARM-DHT'))).toBe(true)
})

describe('messages', () => {
  const parse = (text: string): ReturnType<typeof decodeLanMessage> =>
    decodeLanMessage(new TextEncoder().encode(text))
  const HASH = 'a'.repeat(40)

  test('are those of BEP 14', () => {
    const message = {
      type: 'torrents',
      port: 6881,
      infoHashes: [hashOf('a'), hashOf('b')],
      cookie: 'x1',
    } as const
    const text = new TextDecoder().decode(encodeLanMessage(message, GROUP))
    expect(text).toBe(
      `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${HASH}\r\nInfohash: ${'b'.repeat(40)}\r\ncookie: x1\r\n\r\n\r\n`,
    )
    expect(parse(text)).toEqual(message)
  })

  test('are read as others write them', () => {
    expect(parse(`BT-SEARCH * HTTP/1.1\nport:  7 \nINFOHASH: ${HASH.toUpperCase()}\n\n`)).toEqual({
      type: 'torrents',
      port: 7,
      infoHashes: [hashOf('a')],
      cookie: undefined,
    })
  })

  test.each([
    '',
    'M-SEARCH * HTTP/1.1\r\nPort: 7\r\n',
    'BT-SEARCH * HTTP/1.1\r\nPort: 7\r\n\r\n',
    `BT-SEARCH * HTTP/1.1\r\nInfohash: ${HASH}\r\n`,
    `BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: ${HASH}\r\n`,
    `BT-SEARCH * HTTP/1.1\r\nPort: 70000\r\nInfohash: ${HASH}\r\n`,
    `BT-SEARCH * HTTP/1.1\r\nPort: 7.5\r\nInfohash: ${HASH}\r\n`,
    'BT-SEARCH * HTTP/1.1\r\nPort: 7\r\nInfohash: abc\r\n',
    `BT-SEARCH * HTTP/1.1\r\nPort: 7\r\nInfohash: ${HASH}\r\n${'x'.repeat(3_000)}`,
  ])('are nothing when they are not right: %.60s', (text) => {
    expect(parse(text)).toBeUndefined()
  })

  test('with a cookie that is too long have none', () => {
    const text = `BT-SEARCH * HTTP/1.1\r\nPort: 7\r\nInfohash: ${HASH}\r\ncookie: ${'x'.repeat(63)} y\r\n`
    expect(parse(text)).toMatchObject({ port: 7, cookie: undefined })
  })

  test('with a thousand torrents are read in part', () => {
    const text = `BT-SEARCH * HTTP/1.1\r\nPort: 7\r\n${`Infohash: ${HASH}\r\n`.repeat(35)}`
    expect(parse(text)).toMatchObject({ infoHashes: { length: 20 } })
  })
})
