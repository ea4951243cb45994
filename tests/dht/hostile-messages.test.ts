/** Messages that are well formed and mean harm: lies, replays, floods, reflections. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { FindPeersMessage, Message, PeersMessage, PongMessage } from '../../src/dht/wire/messages.ts'
import type { LookupSummary } from '../../src/dht/service.ts'
import { formatEndpoint, packHost, type Endpoint } from '../../src/protocol/endpoint.ts'
import { toHex, type InfoHash, type NodeId } from '../../src/protocol/ids.ts'
import { idOf, infoHash, join, LAN, LoneNode, packed, PUBLIC } from './lone-node.ts'

let lone: LoneNode

beforeEach(() => {
  lone = new LoneNode()
})

describe('what a reply tells', () => {
  /** Where the node sends after `teller` named these contacts. */
  function told(teller: Endpoint, nodes: readonly Uint8Array[]): string[] {
    const remote = (fields?: Partial<PeersMessage>): void => lone.answerAs(teller, idOf(0xee), fields)
    lone.node.bootstrap([teller])
    remote({ nodes: join(nodes) })
    for (let i = 0; i < 20; i++) {
      lone.run(1_000)
      remote({ nodes: join(nodes) })
    }
    return [...new Set(lone.sent.map(({ to }) => formatEndpoint(to)))].filter(
      (to) => to !== formatEndpoint(teller),
    )
  }

  test('good contacts are asked', () => {
    expect(told(LAN, [packed({ host: '10.0.0.7', port: 5_000 }, idOf(7))])).toEqual(['10.0.0.7:5000'])
  })

  test.each([
    ['ourselves', LAN, { host: '10.0.0.7', port: 5_000 }, 'own'],
    ['port 0', LAN, { host: '10.0.0.7', port: 0 }, 'other'],
    ['loopback, from a private teller', LAN, { host: '127.0.0.1', port: 5_000 }, 'other'],
    ['a private address, from a public teller', PUBLIC, { host: '192.168.1.1', port: 5_000 }, 'other'],
    ['port 25 of a public host', PUBLIC, { host: '20.0.7.1', port: 25 }, 'other'],
    ['0.0.0.0', LAN, { host: '0.0.0.0', port: 5_000 }, 'other'],
    ['multicast', LAN, { host: '224.0.0.251', port: 5_000 }, 'other'],
    ['broadcast', LAN, { host: '255.255.255.255', port: 5_000 }, 'other'],
    ['link-local', PUBLIC, { host: '169.254.0.1', port: 5_000 }, 'other'],
  ] as const)('%s: nothing is sent there', (_name, teller, endpoint, who) => {
    expect(told(teller, [packed(endpoint, who === 'own' ? lone.node.id : idOf(7))])).toEqual([])
  })

  test.each([
    ['port 1 of a public host', { host: '20.0.7.1', port: 1 }],
    ['another teller’s neighbour on loopback', { host: '127.0.0.2', port: 5_000 }],
    ['documentation', { host: '203.0.113.7', port: 5_000 }],
  ])('%s, from a public teller: nothing is sent there', (_name, endpoint) => {
    expect(told(PUBLIC, [packed(endpoint, idOf(7))])).toEqual([])
  })

  test('port 1 of a private host is as good as any', () => {
    expect(told(LAN, [packed({ host: '10.0.0.7', port: 1 }, idOf(7))])).toEqual(['10.0.0.7:1'])
  })

  test.each([
    ['a link-local address', 'fe80::7'],
    ['an IPv4 address in IPv6 clothes', '::ffff:20.0.7.1'],
    ['a private IPv4 address in IPv6 clothes', '::ffff:10.0.0.7'],
    ['loopback', '::1'],
    ['nowhere', '::'],
    ['multicast', 'ff02::1'],
    ['documentation', '2001:db8::7'],
  ])('over IPv6, %s: nothing is sent there', (_name, host) => {
    const teller = { host: '2a00:1::9', port: 20_000 }
    lone = new LoneNode({ family: 6 }, { host: '::', port: 10_000 })
    const contact = (address: Uint8Array): Uint8Array => join([idOf(7), address, Uint8Array.of(0x13, 0x88)])
    lone.node.bootstrap([teller])
    const nodes6 = join([contact(ipv6(host)), contact(ipv6('2a00:2::7'))])
    for (let i = 0; i < 20; i++) {
      lone.answerAs(teller, idOf(0xee), { nodes6 })
      lone.run(1_000)
    }
    const others = lone.sent.filter(({ to }) => to.host !== teller.host).map(({ to }) => to.host)
    expect([...new Set(others)]).toEqual(['2a00:2::7'])
  })

  test('our own endpoint under another name: nothing is sent there', () => {
    lone = new LoneNode({}, { host: '10.0.0.7', port: 5_000 })
    expect(told(LAN, [packed({ host: '10.0.0.7', port: 5_000 }, idOf(7))])).toEqual([])
  })

  test('a victim named sixteen times over gets a few packets, not sixteen', () => {
    const victim = { host: '20.0.7.1', port: 5_000 }
    const remote = (fields?: Partial<PeersMessage>): void => lone.answerAs(PUBLIC, idOf(0xee), fields)
    lone.node.bootstrap([PUBLIC])
    remote()
    lone.run(3_000)
    remote()
    lone.sent = []
    lone.node.lookup(
      infoHash,
      () => undefined,
      () => undefined,
    )
    lone.run(1)
    remote({ nodes: join(Array.from({ length: 16 }, (_, i) => packed(victim, idOf(i + 1)))) })
    lone.run(12_000)
    const sent = lone.sent.filter(({ to }) => to.host === victim.host)
    // For the peers, and for our own neighbourhood.
    const walks = Map.groupBy(sent, ({ message }) =>
      toHex((message as FindPeersMessage).infoHash ?? lone.node.id),
    )
    expect(walks.size).toBe(2)
    for (const packets of walks.values()) expect(packets.length).toBeLessThanOrEqual(2)
  })

  test('a victim that a seed names under sixteen ids, or that others pretend to be, gets one ping', () => {
    const victim = { host: '10.0.0.66', port: 5_000 }
    const ids = Array.from({ length: 16 }, (_, i) => idOf(i + 1))
    lone.node.bootstrap([LAN])
    lone.answerAs(LAN, idOf(0xee), { nodes: join(ids.map((id) => packed(victim, id))) })
    for (const id of ids) lone.say({ type: 'ping', t: 'abcdefgh', id }, victim)
    lone.run(4_000)
    const pings = lone.sent.filter(({ to, message }) => to.host === victim.host && message.type === 'ping')
    expect(pings).toHaveLength(1)
  })

  test('peers on our own machine, named by a public node, are not passed on', () => {
    const found: Endpoint[] = []
    const remote = (fields?: Partial<PeersMessage>): void => lone.answerAs(PUBLIC, idOf(0xee), fields)
    lone.node.bootstrap([PUBLIC])
    remote()
    lone.node.lookup(
      infoHash,
      (peers) => found.push(...peers),
      () => undefined,
    )
    lone.run(1)
    const [inside, outside] = [packed({ host: '127.0.0.1', port: 22 }), packed({ host: '20.9.9.9', port: 7 })]
    remote({ peers: join([inside, outside, outside]) })
    expect(found).toEqual([{ host: '20.9.9.9', port: 7 }])
  })
})

describe('transactions', () => {
  const remote = idOf(0xee)
  function question(): Message {
    lone.node.bootstrap([LAN])
    const [asked] = lone.sent
    lone.sent = []
    return asked!.message
  }
  const peers = (t: string, id = remote): PeersMessage => ({ type: 'peers', t, id })

  test('an answer that nobody waits for', () => {
    lone.say(peers('abcdefgh'))
    expect(lone.node.snapshot()).toMatchObject({ contacts: 0, dropped: { transaction: 1 } })
  })

  test('the right t from another port, and from another address', () => {
    const { t } = question()
    lone.say(peers(t), { ...LAN, port: 1 })
    lone.say(peers(t), { ...LAN, host: '10.0.0.8' })
    expect(lone.node.snapshot()).toMatchObject({ contacts: 0, dropped: { 'wrong-source': 2 } })
    lone.say(peers(t))
    expect(lone.node.contacts).toBe(1)
  })

  test('peers for an announce', () => {
    lone.node.announce(infoHash, 7, { isSeed: false })
    lone.node.bootstrap([LAN])
    const nobody = new Uint8Array()
    for (let i = 0; i < 5; i++) {
      lone.answerAs(LAN, remote, { token: 'abcd', nodes: nobody })
      if (lone.sent.some(({ message }) => message.type === 'announce')) break
      lone.run(100)
    }
    const { message } = lone.sent.find((one) => one.message.type === 'announce')!
    const { inFlight, dropped } = lone.node.snapshot()
    lone.say(peers(message.t))
    expect(lone.node.snapshot()).toMatchObject({ inFlight, dropped: { ...dropped, 'wrong-answer': 1 } })
    lone.say({ type: 'pong', t: message.t, id: remote, ttl: 60 })
    expect(lone.node.snapshot()).toMatchObject({
      inFlight: inFlight - 1,
      dropped: { ...dropped, 'wrong-answer': 1 },
    })
  })

  test('a pong for findPeers', () => {
    const { t } = question()
    lone.say({ type: 'pong', t, id: remote })
    expect(lone.node.snapshot()).toMatchObject({ contacts: 0, dropped: { 'wrong-answer': 1 } })
  })

  test('the second of two answers', () => {
    const { t } = question()
    lone.say(peers(t))
    lone.say(peers(t))
    expect(lone.node.snapshot()).toMatchObject({ contacts: 1, dropped: { transaction: 1 } })
  })

  test('an answer after the hard timeout', () => {
    const { t } = question()
    lone.run(2_000)
    lone.say(peers(t))
    expect(lone.node.snapshot()).toMatchObject({ contacts: 0, dropped: { transaction: 1 } })
  })

  test('another id than the one that was asked for costs the old one its place', () => {
    lone.say(peers(question().t))
    expect(lone.node.contacts).toBe(1)
    lone.run(1)
    const again = lone.sent.find(({ message }) => message.type === 'findPeers')
    lone.say(peers(again!.message.t, idOf(0x11)))
    expect(lone.node.snapshot()).toMatchObject({ contacts: 0, dropped: { 'wrong-id': 1 } })
  })

  test('pongs answer nothing, so that no two nodes can be made to echo for ever', () => {
    lone.say({ type: 'pong', t: 'abcdefgh', id: remote, e: [201, 'loop'] })
    expect(lone.node.snapshot()).toMatchObject({ contacts: 0, dropped: { transaction: 1 } })
  })
})

describe('tokens', () => {
  const id = idOf(1)
  const tokenFor = (from: Endpoint, asker = id, hash = infoHash): string => {
    const answer = lone.answerTo({ type: 'findPeers', t: 'abcdefgh', id: asker, infoHash: hash }, from)
    return (answer!.message as PeersMessage).token!
  }
  const announce = (token: string, from = LAN, announcer = id, hash = infoHash): PongMessage | undefined =>
    lone.answerTo({ type: 'announce', t: 'abcdefgh', id: announcer, infoHash: hash, token, port: 7 }, from)
      ?.message as PongMessage | undefined

  test('the one we gave is good from any port of its address', () => {
    expect(announce(tokenFor(LAN), { ...LAN, port: 21_000 })).toMatchObject({ ttl: 2_700 })
    expect(lone.node.snapshot().storedPeers).toBe(1)
  })

  test.each([
    ['another address', { ...LAN, host: '10.0.0.8' }, id, infoHash],
    ['another node', LAN, idOf(2), infoHash],
    ['another info hash', LAN, id, idOf(3) as Uint8Array as InfoHash],
  ] as const)('is refused from %s', (_name, from, announcer, hash) => {
    expect(announce(tokenFor(LAN), from, announcer, hash)).toMatchObject({ e: [205, 'bad token'] })
    expect(lone.node.snapshot().storedPeers).toBe(0)
  })

  test('is refused over the other family, although both nodes have the same secret', () => {
    const token = tokenFor(LAN)
    lone = new LoneNode({ family: 6 }, { host: '::', port: 10_000 })
    const six = { host: 'fd00::9', port: LAN.port }
    expect(tokenFor(six)).not.toBe(token)
    expect(announce(token, six)).toMatchObject({ e: [205, 'bad token'] })
    expect(announce(tokenFor(six), six)).toMatchObject({ ttl: 2_700 })
  })

  test('is refused after ten minutes, and a second refusal within a second is silence', () => {
    const token = tokenFor(LAN)
    lone.run(10 * 60_000)
    expect(announce(token)).toMatchObject({ e: [205, 'bad token'] })
    expect(announce(token)).toBeUndefined()
  })

  test.each([
    ['empty', ''],
    ['4 KiB cut to a datagram', 'a'.repeat(1_100)],
  ])('%s', (_name, token) => {
    lone.receive(
      `{"v":1,"type":"announce","t":"abcdefgh","id":"${toHex(idOf(0xc1))}","infoHash":"${toHex(idOf(0xc1))}","token":"${token}","port":7}`,
    )
    expect(lone.node.snapshot()).toMatchObject({ storedPeers: 0, dropped: { field: 1 } })
  })
})

test('a node that answers as read-only is heard, and not kept', () => {
  lone.node.bootstrap([LAN])
  lone.answerAs(LAN, idOf(0xee), { ro: 1, nodes: packed({ host: '10.0.0.7', port: 5_000 }, idOf(7)) })
  lone.run(1)
  expect(lone.node.contacts).toBe(0)
  expect(lone.sent.map(({ to }) => to.host)).toContain('10.0.0.7')
})

describe('behaviour', () => {
  test('a node that names nearer and nearer false ones cannot keep a lookup going', () => {
    let summary: LookupSummary | undefined
    const liar = (fields?: Partial<PeersMessage>): void => lone.answerAs(LAN, idOf(0xee), fields)
    lone.node.bootstrap([LAN])
    liar()
    lone.node.lookup(
      infoHash,
      () => undefined,
      (result) => (summary = result),
    )
    let next = 0
    const begin = lone.clock.now()
    while (summary === undefined && lone.clock.now() < begin + 20_000) {
      lone.run(10)
      const questions = lone.sent
      lone.sent = []
      for (const { message, to } of questions) {
        if (message.type !== 'findPeers') continue
        const asked = to.port === LAN.port ? idOf(0xee) : fake(to.port - 30_000)
        const nodes = join(
          Array.from({ length: 8 }, () => packed({ host: LAN.host, port: 30_000 + ++next }, fake(next))),
        )
        lone.say({ type: 'peers', t: message.t, id: asked, nodes }, to)
      }
    }
    expect(summary!.rpcs).toBeLessThanOrEqual(80)
    expect(summary!.ms).toBeLessThanOrEqual(10_000)
  })

  /** The nth false id: nearer to the info hash the larger n is. */
  function fake(n: number): NodeId {
    const id = infoHash.slice()
    id[2]! ^= 255 - (n >>> 8)
    id[3]! ^= 255 - (n & 255)
    id[19] = 1
    return id as Uint8Array as NodeId
  }

  test('answers at the last moment before the hard timeout end a lookup in time too', () => {
    let summary: LookupSummary | undefined
    const slow = (fields?: Partial<PeersMessage>): void => lone.answerAs(LAN, idOf(0xee), fields)
    lone.node.bootstrap([LAN])
    slow()
    lone.node.lookup(
      infoHash,
      () => undefined,
      (result) => (summary = result),
    )
    lone.run(990)
    slow()
    lone.run(10_000)
    expect(summary).toMatchObject({ answered: 1 })
  })
})

/** Sixteen bytes, mapped addresses as they stand. */
function ipv6(host: string): Uint8Array {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(host)
  if (mapped === null) return packHost(host)
  const bytes = new Uint8Array(16).fill(0xff, 10, 12)
  bytes.set(packHost(mapped[1]!), 12)
  return bytes
}
