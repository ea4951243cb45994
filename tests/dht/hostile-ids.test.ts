/** Ids as an attacker would choose them, and many of them: what they get out of it. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { ContactBook } from '../../src/dht/table/contact.ts'
import { isReply, type PeersMessage } from '../../src/dht/wire/messages.ts'
import { formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'
import { toHex, type NodeId } from '../../src/protocol/ids.ts'
import { idOf, infoHash, LAN, LoneNode, PUBLIC } from './lone-node.ts'

let lone: LoneNode
let random: SeededRandom

beforeEach(() => {
  lone = new LoneNode()
  random = new SeededRandom(2)
})

const anyId = (): NodeId => random.fill(new Uint8Array(20)) as NodeId

/** Makes a member of whoever is there: asks us, and answers when we ask back. */
function introduce(id: NodeId, endpoint: Endpoint): void {
  lone.say({ type: 'ping', t: 'abcdefgh', id }, endpoint)
  lone.answerAs(endpoint, id)
}

/** Ids that we name for peers or nodes near `target`. */
function named(target: NodeId, asker: Endpoint): string[] {
  const request = { type: 'findPeers', t: 'abcdefgh', id: anyId(), target, pad: 300 } as const
  const { nodes = new Uint8Array() } = lone.answerTo(request, asker)!.message as PeersMessage
  return Array.from({ length: nodes.length / 26 }, (_, at) =>
    toHex(nodes.slice(26 * at, 26 * at + 20) as NodeId),
  )
}

describe('the ends of the id space', () => {
  test.each([
    ['all zeros', 0x00],
    ['all ones', 0xff],
  ])('%s is an id like any other', (_name, byte) => {
    introduce(idOf(byte), LAN)
    expect(lone.node.contacts).toBe(1)
    expect(named(idOf(byte), { ...LAN, port: 21_000 })).toEqual([toHex(idOf(byte))])
  })
})

describe('one id at two endpoints', () => {
  const impostor = { ...LAN, host: '10.0.0.66' }

  test('the first keeps its place as long as it answers, whoever else says that he is it', () => {
    introduce(idOf(1), LAN)
    introduce(idOf(1), impostor)
    expect(lone.node.contacts).toBe(1)
    const { message } = lone.answerTo(
      { type: 'findPeers', t: 'abcdefgh', id: anyId(), target: idOf(1) },
      PUBLIC,
    )!
    // A private address is told to nobody on the Internet; whoever is private is told the first endpoint.
    expect((message as PeersMessage).nodes).toEqual(new Uint8Array())
    const told = lone.answerTo(
      { type: 'findPeers', t: 'abcdefgh', id: anyId(), target: idOf(1), pad: 100 },
      { ...LAN, host: '10.0.0.77' },
    )!
    expect([...(told.message as PeersMessage).nodes!.subarray(20, 24)]).toEqual([10, 0, 0, 9])
  })
})

describe('two ids at one endpoint', () => {
  test('the second takes the place of the first: there is one node at most', () => {
    introduce(idOf(1), LAN)
    lone.run(10_000)
    introduce(idOf(2), LAN)
    expect(lone.node.contacts).toBe(1)
  })

  test('a spoofed request under another id costs the true one nothing', () => {
    introduce(idOf(1), LAN)
    for (let i = 0; i < 100; i++) lone.say({ type: 'ping', t: 'abcdefgh', id: anyId() }, LAN)
    // Asked who they are, it is the true one that answers.
    lone.answerAs(LAN, idOf(1))
    lone.run(10_000)
    lone.answerAs(LAN, idOf(1))
    expect(named(idOf(1), { ...LAN, host: '10.0.0.77' })).toContain(toHex(idOf(1)))
  })
})

describe('ten thousand ids of one attacker', () => {
  let book: ContactBook

  beforeEach(() => {
    book = new ContactBook(4)
    lone = new LoneNode({ book })
  })

  const honest = Array.from({ length: 20 }, (_, at) => ({
    id: idOf(8 * at + 1),
    endpoint: { host: `20.${at + 1}.0.1`, port: 20_000 },
  }))

  /** All that he is is asked to answer does; all others, too. */
  function answerAll(identities: ReadonlyMap<string, NodeId>): void {
    const questions = lone.sent
    lone.sent = []
    for (const { message, to } of questions) {
      const id = identities.get(formatEndpoint(to))
      if (id === undefined || isReply(message)) continue
      const { t } = message
      lone.say(message.type === 'findPeers' ? { type: 'peers', t, id } : { type: 'pong', t, id }, to)
    }
  }

  function settle(identities: ReadonlyMap<string, NodeId>, seconds: number): void {
    for (let tenth = 0; tenth < 10 * seconds; tenth++) {
      answerAll(identities)
      lone.run(100)
    }
  }

  /** @returns how many of his, and how many of the others, are in the table at last */
  function flood(endpointOf: (at: number) => Endpoint): { readonly his: number; readonly others: number } {
    const identities = new Map<string, NodeId>(
      honest.map(({ id, endpoint }) => [formatEndpoint(endpoint), id]),
    )
    for (const { endpoint } of honest) lone.node.meet(endpoint)
    settle(identities, 10)
    const before = lone.node.contacts
    expect(before).toBe(20)
    for (let at = 0; at < 10_000; at++) {
      const endpoint = endpointOf(at)
      const id = anyId()
      identities.set(formatEndpoint(endpoint), id)
      lone.say({ type: 'findPeers', t: 'abcdefgh', id, infoHash }, endpoint)
      if (at % 20 === 0) {
        answerAll(identities)
        lone.run(100)
      }
    }
    // As long as it takes until all who wait were asked.
    settle(identities, 400)
    const ofOthers = new Set(honest.map(({ endpoint }) => formatEndpoint(endpoint)))
    const known = [...lone.node.knownContacts()].map((contact) => formatEndpoint(book.endpoint(contact)))
    const others = known.filter((endpoint) => ofOthers.has(endpoint)).length
    return { his: known.length - others, others }
  }

  test.each([
    ['at one public address', 1, (at: number) => ({ host: '40.0.0.1', port: 2_000 + at })],
    ['in one public /24', 8, (at: number) => ({ host: `40.0.0.${1 + (at % 254)}`, port: 2_000 + at })],
    ['at one private address', 256, (at: number) => ({ host: '10.0.0.66', port: 2_000 + at })],
  ])('%s: %i places at most, and nobody loses his', (_name, most, endpointOf) => {
    const { his, others } = flood(endpointOf)
    expect(his).toBeGreaterThan(0)
    expect(his).toBeLessThanOrEqual(most)
    expect(others).toBe(20)
  })
})
