/** Ids that follow from addresses: what a node does with those of others, and with its own. */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import type { DhtEvent } from '../../../src/dht/events.ts'
import { CHECKSUM_IDS, hashedIds, idsByScope } from '../../../src/dht/identity/id-rule.ts'
import type { FindPeersMessage, PeersMessage } from '../../../src/dht/wire/messages.ts'
import type { Endpoint } from '../../../src/protocol/endpoint.ts'
import { commonPrefixLength, fromHex, toHex, type NodeId } from '../../../src/protocol/ids.ts'
import { hashes } from '../../support/hashes.ts'
import { infoHash, LoneNode, packed } from '../lone-node.ts'

const idRule = idsByScope(hashedIds(hashes.sha256))

const publicHost = (at: number): Endpoint => ({ host: `${20 + (at % 100)}.${at}.7.1`, port: 20_000 })

function boundId(endpoint: Endpoint, seed: number): NodeId {
  const contact = packed(endpoint, new Uint8Array(20) as NodeId)
  idRule.bind(contact, new SeededRandom(seed))
  return contact.slice(0, 20) as NodeId
}

/** So near to the target that no bound one is nearer. */
function fabricatedId(at: number): NodeId {
  const id = infoHash.slice()
  id[19] = at
  return id as Uint8Array as NodeId
}

/** Lets `lone` know these nodes. */
function introduce(
  lone: LoneNode,
  nodes: readonly { readonly id: NodeId; readonly endpoint: Endpoint }[],
): void {
  for (const { id, endpoint } of nodes) {
    lone.node.bootstrap([endpoint])
    lone.answerAs(endpoint, id)
    lone.run(10)
    lone.answerAs(endpoint, id)
  }
}

const honest = Array.from({ length: 12 }, (_, at) => ({
  endpoint: publicHost(at),
  id: boundId(publicHost(at), at),
}))
const liars = Array.from({ length: 8 }, (_, at) => ({ endpoint: publicHost(50 + at), id: fabricatedId(at) }))
const ids = (nodes: readonly { readonly id: NodeId }[]): string[] => nodes.map(({ id }) => toHex(id))

function namedBy(lone: LoneNode, from = publicHost(99)): string[] {
  const question: FindPeersMessage = {
    type: 'findPeers',
    t: 'abcdefgh',
    id: boundId(publicHost(99), 1),
    infoHash,
  }
  const answer = lone.answerTo(question, from)!.message as PeersMessage
  const nodes = answer.nodes!
  return Array.from({ length: nodes.length / 26 }, (_, at) => toHex(nodes.subarray(26 * at, 26 * at + 20)))
}

describe('nodes with ids of their own choice', () => {
  test('are named to nobody while there are others, however near they claim to be', () => {
    const lone = new LoneNode({ idRule })
    introduce(lone, [...honest, ...liars])
    expect(lone.node.contacts).toBeGreaterThan(12)
    const named = namedBy(lone)
    expect(named).toHaveLength(8)
    for (const id of named) expect(ids(honest)).toContain(id)
  })

  test('fill up what is missing in a small network', () => {
    const lone = new LoneNode({ idRule })
    introduce(lone, [...honest.slice(0, 3), ...liars.slice(0, 2)])
    const named = namedBy(lone)
    expect(new Set(named.slice(0, 3))).toEqual(new Set(ids(honest.slice(0, 3))))
    expect(new Set(named.slice(3))).toEqual(new Set(ids(liars.slice(0, 2))))
  })

  test('are as good as all others where most nodes have such', () => {
    const lone = new LoneNode({ idRule })
    introduce(lone, [...honest.slice(0, 3), ...liars])
    lone.run(10_000)
    expect(namedBy(lone)).toEqual(expect.arrayContaining(ids(liars)))
  })

  test('are no more than one, however many of them live at one host', () => {
    const lone = new LoneNode({ idRule })
    const here = Array.from({ length: 3 }, (_, at) => ({ host: `10.0.0.${at + 1}`, port: 20_000 }))
    const bound = here.map((endpoint, at) => ({ endpoint, id: boundId(endpoint, at) }))
    const crowd = Array.from({ length: 8 }, (_, at) => ({
      endpoint: { host: '10.0.0.66', port: 20_000 + at },
      id: fabricatedId(at),
    }))
    introduce(lone, [...bound, ...crowd])
    lone.run(10_000)
    expect(new Set(namedBy(lone, { host: '10.0.0.99', port: 20_000 }).slice(0, 3))).toEqual(
      new Set(ids(bound)),
    )
  })

  test('get no announce while there are eight others', () => {
    const lone = new LoneNode({ idRule })
    introduce(lone, [...honest, ...liars])
    lone.sent = []
    lone.node.announce(infoHash, 7_000, { isSeed: true })
    const told: string[] = []
    for (let round = 0; round < 60; round++) {
      lone.run(20)
      for (const { message, to } of lone.sent) if (message.type === 'announce') told.push(to.host)
      for (const { id, endpoint } of [...honest, ...liars])
        lone.answerAs(endpoint, id, { token: 'aaaa', nodes: packed(liars[0]!.endpoint, liars[0]!.id) })
    }
    expect(told).toHaveLength(8)
    for (const host of told) expect(honest.map(({ endpoint }) => endpoint.host)).toContain(host)
  })
})

describe('our own id', () => {
  test('follows from the address that the socket is bound to', () => {
    const lone = new LoneNode({ idRule }, { host: '10.0.0.7', port: 4_000 })
    expect(idRule.fits(packed({ host: '10.0.0.7', port: 4_000 }, lone.node.id))).toBe(true)
  })

  test.each([
    [
      'of the one interface that others can reach',
      ['127.0.0.1', '10.0.0.7', 'fe80::1', '2001:4860::7'],
      true,
    ],
    ['of none, where there are several', ['127.0.0.1', '10.0.0.7', '172.17.0.1'], false],
  ])('with a socket on all interfaces follows from the address %s', (_name, addresses, isBound) => {
    const lone = new LoneNode({ idRule, addresses })
    expect(idRule.fits(packed({ host: '10.0.0.7', port: 10_000 }, lone.node.id))).toBe(isBound)
  })

  test('follows the address when others agree on it; nobody is forgotten, and each has the place that is due', () => {
    const events: DhtEvent[] = []
    const lone = new LoneNode({ idRule, emit: (event) => events.push(event) })
    const before = toHex(lone.node.id)
    introduce(lone, honest.slice(0, 4))
    const us = { host: '81.2.3.4', port: 10_000 }
    const contacts = lone.node.contacts
    for (const { endpoint, id } of honest.slice(4)) {
      lone.node.bootstrap([endpoint])
      lone.answerAs(endpoint, id, { ip: us })
      lone.run(10)
      lone.answerAs(endpoint, id, { ip: us })
    }
    expect(CHECKSUM_IDS.fits(packed(us, lone.node.id))).toBe(true)
    expect(toHex(lone.node.id)).not.toBe(before)
    expect(lone.node.contacts).toBe(contacts + 8)
    const agreed = events.filter(({ event }) => event === 'dht_address')
    expect(agreed).toEqual([
      { event: 'dht_address', family: 4, address: '81.2.3.4:10000', id: toHex(lone.node.id) },
    ])
    // What is asked from now on is asked under the new name.
    lone.sent = []
    lone.node.lookup(
      infoHash,
      () => undefined,
      () => undefined,
    )
    lone.run(1)
    for (const { message } of lone.sent) expect(toHex(message.id)).toBe(toHex(lone.node.id))
    expect(lone.sent.length).toBeGreaterThan(0)
    expect(commonPrefixLength(lone.node.id, fromHex(before)!)).toBeLessThan(40)
  })

  test('that had to change is announced again within half a minute, whatever was announced before', () => {
    const lone = new LoneNode({ idRule })
    const announced: number[] = []
    const answerAll = (ms: number, ip?: Endpoint): void => {
      for (const end = lone.clock.now() + ms; lone.clock.now() < end; lone.run(100)) {
        if (lone.sent.some(({ message }) => message.type === 'announce')) announced.push(lone.clock.now())
        for (const { endpoint, id } of honest)
          lone.answerAs(endpoint, id, { token: 'aaaa', ...(ip && { ip }) })
      }
    }
    introduce(lone, honest)
    lone.node.announce(infoHash, 7_000, { isSeed: true })
    answerAll(120_000)
    expect(announced).toHaveLength(1)
    // They agree on our address with the answers to a lookup.
    lone.node.lookup(
      infoHash,
      () => undefined,
      () => undefined,
    )
    answerAll(1_000, { host: '81.2.3.4', port: 10_000 })
    const agreedAt = lone.clock.now()
    answerAll(31_000)
    expect(announced).toHaveLength(2)
    expect(announced[1]! - agreedAt).toBeLessThanOrEqual(30_000)
  })

  test('stays when it fits already, or when each of them sees another port', () => {
    const lone = new LoneNode({ idRule }, { host: '81.2.3.4', port: 10_000 })
    const before = toHex(lone.node.id)
    honest.forEach(({ endpoint, id }, at) => {
      lone.node.bootstrap([endpoint])
      lone.answerAs(endpoint, id, { ip: { host: '99.9.9.9', port: 5_000 + at } })
    })
    expect(toHex(lone.node.id)).toBe(before)
  })
})
