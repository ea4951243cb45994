/** Attackers that would use us against somebody else: by forged senders, echoes and detours. */
import { beforeEach, describe, expect, test } from 'vitest'
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import type { Message, PeersMessage, Request } from '../../src/dht/wire/messages.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { toHex, type NodeId } from '../../src/protocol/ids.ts'
import { idOf, infoHash, join, LAN, LoneNode, packed, PUBLIC } from './lone-node.ts'

let lone: LoneNode

beforeEach(() => {
  lone = new LoneNode()
})

describe('reflection', () => {
  test('no reply is more than three times its question until its sender is proven, whatever the size', () => {
    // As much to tell as there can be: a full table and a large swarm.
    for (let i = 0; i < 60; i++) {
      const endpoint = { host: `10.0.1.${i}`, port: 20_000 }
      const id = Uint8Array.from({ length: 20 }, (_, at) => (at === 0 ? 4 * i : i)) as NodeId
      const remote = (fields?: Partial<PeersMessage>): void => lone.answerAs(endpoint, id, fields)
      lone.say({ type: 'ping', t: 'abcdefgh', id }, endpoint)
      remote()
      const { message } = lone.answerTo({ type: 'findPeers', t: 'abcdefgh', id, infoHash }, endpoint)!
      for (let port = 1; port <= 4; port++)
        lone.answerTo(
          { type: 'announce', t: 'abcdefgh', id, infoHash, token: (message as PeersMessage).token!, port },
          endpoint,
        )
    }
    expect(lone.node.contacts).toBeGreaterThan(20)
    expect(lone.node.snapshot().storedPeers).toBe(240)
    let most = 0
    for (const base of ['infoHash', 'target'] as const)
      for (const want of [undefined, ['n4', 'n6'] as ('n4' | 'n6')[]]) {
        const key = base === 'infoHash' ? { infoHash } : { target: idOf(0xab) }
        const question: Request = { type: 'findPeers', t: 'abcdefgh', id: idOf(0x5a), ...key, want }
        const size = encodeMessage(question).length
        for (let bytes = size; bytes <= 1_400; bytes += bytes === size ? 9 : 1) {
          const pad = bytes === size ? undefined : bytes - size - 9
          if (pad !== undefined && pad > 1_000) break
          // Each from an address of its own, so that no rate limit hides an answer.
          const from = { host: `10.1.${bytes >>> 8}.${bytes & 255}`, port: 20_000 }
          const answer = lone.answerTo({ ...question, pad }, from)!
          expect(answer.bytes).toBeLessThanOrEqual(Math.min(1_200, 3 * bytes))
          most = Math.max(most, answer.bytes / bytes)
        }
      }
    // The limit is used, or this test would show nothing.
    expect(most).toBeGreaterThan(2.8)
  })

  test('one public source gets a burst and then as much as the rate, not more', () => {
    let answers = 0
    for (let i = 0; i < 1_000; i++)
      if (lone.answerTo({ type: 'ping', t: 'abcdefgh', id: idOf(1) }, PUBLIC)) answers++
    expect(answers).toBe(100)
    expect(lone.node.snapshot().dropped).toEqual({ rate: 900 })
    lone.run(1_000)
    expect(lone.answerTo({ type: 'ping', t: 'abcdefgh', id: idOf(1) }, PUBLIC)).toBeDefined()
  })

  test('a pong goes to another port only for a proven source, and once a second', () => {
    const probe: Request = { type: 'ping', t: 'abcdefgh', id: idOf(0xee), rp: 3_333 }
    expect(lone.answerTo(probe)?.to).toEqual(LAN)
    lone.say(probe)
    lone.answerAs(LAN, idOf(0xee))
    expect(lone.node.contacts).toBe(1)
    expect(lone.answerTo(probe)?.to).toEqual({ ...LAN, port: 3_333 })
    expect(lone.answerTo(probe)?.to).toEqual(LAN)
  })

  test('who only asks is in nobody’s table, and a read-only one is not even pinged', () => {
    lone.say({ type: 'ping', t: 'abcdefgh', id: idOf(1), ro: 1 })
    expect(lone.sent.map(({ message }) => message.type)).toEqual(['pong'])
    lone.say({ type: 'ping', t: 'abcdefgh', id: idOf(2) })
    expect(lone.sent.map(({ message }) => message.type)).toEqual(['pong', 'pong', 'ping'])
    lone.run(10_000)
    expect(lone.node.contacts).toBe(0)
  })
})

describe('a false sender', () => {
  const VICTIM: Endpoint = { host: '20.0.7.1', port: 5_000 }
  const question: Request = { type: 'findPeers', t: 'abcdefgh', id: idOf(0xc1), infoHash }

  /** As much to tell as fits into a reply. */
  function fill(): void {
    for (let i = 0; i < 60; i++) {
      const endpoint = { host: `20.1.${i}.1`, port: 20_000 }
      const id = Uint8Array.from({ length: 20 }, (_, at) => (at === 0 ? 4 * i : i)) as NodeId
      lone.node.meet(endpoint)
      lone.answerAs(endpoint, id)
      lone.run(1_000)
    }
  }

  test('draws three bytes for each of his at the victim, and no more than the rate of one source', () => {
    fill()
    lone.sent = []
    let bytesIn = 0
    for (let i = 0; i < 10_000; i++) {
      bytesIn += encodeMessage(question).length
      lone.say(question, VICTIM)
      lone.run(1)
    }
    const atVictim = lone.sent.filter(({ to }) => to.host === VICTIM.host)
    const bytesOut = atVictim.reduce((sum, { bytes }) => sum + bytes, 0)
    // Ten seconds: a burst of 100 and 20 a second, and one ping, as we know hardly anybody.
    expect(atVictim.length).toBeLessThanOrEqual(301)
    expect(atVictim.length).toBeGreaterThan(250)
    expect(bytesOut).toBeLessThan(0.09 * bytesIn)
    expect(Math.max(...atVictim.map(({ bytes }) => bytes))).toBeLessThanOrEqual(
      3 * encodeMessage(question).length,
    )
    expect(lone.node.snapshot().dropped).toMatchObject({ rate: expect.any(Number) as number })
  })

  test('draws less than three bytes for each of his with ten thousand victims, too', () => {
    fill()
    lone.sent = []
    const size = encodeMessage(question).length
    for (let i = 0; i < 10_000; i++) lone.say(question, { ...VICTIM, host: `20.9.${i >> 8}.${i & 255}` })
    expect(lone.sent.length).toBeGreaterThan(1_000)
    expect(lone.sent.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(3 * 10_000 * size)
    // None of them is asked who he is while a hole in his NAT may still be open.
    expect(lone.sent.every(({ message }) => message.type === 'peers')).toBe(true)
  })

  test('is not proven by a pong that nobody asked for, nor by one with a guessed t', () => {
    fill()
    const id = idOf(0xc1)
    for (const t of ['abcdefgh', 'AAAAAAAA']) lone.say({ type: 'pong', t, id }, VICTIM)
    const answer = lone.answerTo({ ...question, id, want: ['n4', 'n6'] }, VICTIM)!
    expect(answer.bytes).toBeLessThanOrEqual(3 * encodeMessage({ ...question, want: ['n4', 'n6'] }).length)
    expect(lone.node.snapshot().dropped).toEqual({ transaction: 2 })
    expect(lone.answerTo({ type: 'ping', t: 'abcdefgh', id, rp: 3_333 }, VICTIM)?.to).toEqual(VICTIM)
  })

  test('hears of an error once a second, and none says more than was asked', () => {
    const bad: Request = { type: 'announce', t: 'abcdefgh', id: idOf(1), infoHash, token: 'a', port: 7 }
    for (let i = 0; i < 50; i++) lone.say(bad, VICTIM)
    expect(lone.sent.map(({ message }) => message)).toEqual([
      expect.objectContaining({ type: 'pong', e: [205, 'bad token'] }),
    ])
    expect(lone.sent[0]!.bytes).toBeLessThan(encodeMessage(bad).length)
    expect(lone.node.snapshot().dropped).toMatchObject({ 'announce-rate': 18, 'error-rate': 31 })
  })

  test('is not told to others: who asked once is named to nobody', () => {
    lone.say(question, VICTIM)
    const { message } = lone.answerTo({ ...question, id: idOf(2) }, PUBLIC)!
    expect((message as PeersMessage).nodes).toEqual(new Uint8Array())
  })
})

describe('two of us', () => {
  /** What comes of it when everything that either sends goes to the other, as a false sender might arrange. */
  const firsts: readonly (readonly [string, Message])[] = [
    ['a pong', { type: 'pong', t: 'abcdefgh', id: idOf(1) }],
    ['an error', { type: 'pong', t: 'abcdefgh', id: idOf(1), e: [201, 'loop'] }],
    ['peers', { type: 'peers', t: 'abcdefgh', id: idOf(1), nodes: packed(PUBLIC, idOf(9)) }],
    ['a ping', { type: 'ping', t: 'abcdefgh', id: idOf(1) }],
    ['a refused announce', { type: 'announce', t: 'abcdefgh', id: idOf(1), infoHash, token: 'a', port: 7 }],
  ]
  test.each(firsts)('do not go on and on about %s', (_name, first) => {
    const other = new LoneNode({ id: idOf(0x77) })
    const [a, b] = [
      { host: '10.0.0.1', port: 10_000 },
      { host: '10.0.0.2', port: 10_000 },
    ]
    lone.say(first, b)
    let exchanged = 0
    for (let turn = 0; turn < 1_000 && lone.sent.length + other.sent.length > 0; turn++) {
      const [fromLone, fromOther] = [lone.sent, other.sent]
      lone.sent = []
      other.sent = []
      exchanged += fromLone.length + fromOther.length
      for (const { message } of fromLone) other.say(message, a)
      for (const { message } of fromOther) lone.say(message, b)
    }
    expect(lone.sent).toEqual([])
    expect(other.sent).toEqual([])
    expect(exchanged).toBeLessThan(12)
    expect(toHex(lone.node.id)).not.toBe(toHex(other.node.id))
  })
})

describe('a list of nodes', () => {
  const nodesFor = (asker: Endpoint, id: NodeId): Uint8Array => {
    const answer = lone.answerTo({ type: 'findPeers', t: 'abcdefgh', id, target: id, pad: 300 }, asker)!
    return (answer.message as PeersMessage).nodes!
  }

  test('never holds who asks for it, whether he comes from his own port or another, nor ourselves', () => {
    lone.say({ type: 'ping', t: 'abcdefgh', id: idOf(5) })
    lone.answerAs(LAN, idOf(5))
    const other = { ...LAN, port: 21_000 }
    lone.say({ type: 'ping', t: 'abcdefgh', id: idOf(6) }, other)
    lone.answerAs(other, idOf(6))
    expect(lone.node.contacts).toBe(2)
    expect(nodesFor(LAN, idOf(5))).toEqual(packed(other, idOf(6)))
    expect(nodesFor({ ...LAN, port: 30_000 }, idOf(5))).toEqual(packed(other, idOf(6)))
    const all = [packed(LAN, idOf(5)), packed(other, idOf(6))]
    const target = lone.node.id
    const asked = lone.answerTo(
      { type: 'findPeers', t: 'abcdefgh', id: idOf(9), target, pad: 300 },
      { ...LAN, host: '10.0.0.77' },
    )!
    expect((asked.message as PeersMessage).nodes!.length).toBe(join(all).length)
  })

  test('that names one node sixteen times makes us ask it once', () => {
    const node = packed({ host: '10.0.0.7', port: 5_000 }, idOf(7))
    lone.node.bootstrap([LAN])
    lone.answerAs(LAN, idOf(0xee), { nodes: join(Array.from({ length: 16 }, () => node)) })
    lone.run(4)
    expect(lone.sent.filter(({ to }) => to.host === '10.0.0.7')).toHaveLength(1)
  })

  test('that names the seed itself, under its id and others, does not make us ask it in circles', () => {
    const ids = [idOf(0xee), idOf(1), idOf(2)]
    lone.node.bootstrap([LAN])
    lone.answerAs(LAN, idOf(0xee), { nodes: join(ids.map((id) => packed(LAN, id))) })
    for (let i = 0; i < 100; i++) {
      lone.run(100)
      lone.answerAs(LAN, idOf(0xee), { nodes: join(ids.map((id) => packed(LAN, id))) })
    }
    expect(lone.node.contacts).toBe(1)
    expect(lone.node.snapshot().received).toBeLessThan(30)
  })
})
