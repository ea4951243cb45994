/** A lookup that would end without peers asks those once more whose answers may have been lost. */
import { describe, expect, test } from 'vitest'
import type { LookupSummary } from '../../../src/dht/service.ts'
import type { LookupEntry } from '../../../src/dht/lookup/lookup-entry.ts'
import { MAX_RPCS } from '../../../src/dht/lookup/lookup-room.ts'
import type { Endpoint } from '../../../src/protocol/endpoint.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'
import { idOf, infoHash, LoneNode, packed } from '../lone-node.ts'
import { lookup, type LookupTraits } from './numbered-nodes.ts'

/** The four nearest stay silent, the next four answer: what ends a fast walk. */
function walkPastSilent(traits: LookupTraits = { seeksPeers: true }) {
  const made = lookup(traits)
  const { walk, hear, ask, distances } = made
  hear([1, 2, 3, 4, 5, 6, 7, 8, 9])
  const silent = ask()
  for (const entry of silent) walk.onSoftTimeout(entry)
  const answering = ask().filter((entry) => distances([entry])[0]! < 9)
  for (const entry of answering) walk.onReply(entry, undefined)
  expect(distances(silent)).toEqual([1, 2, 3, 4])
  expect(distances(answering)).toEqual([5, 6, 7, 8])
  expect(walk.isFinished).toBe(true)
  return { ...made, silent }
}

describe('at the end of a lookup that has found no peers', () => {
  test('those of the nearest who are late are sent the question again, and waited for', () => {
    const { walk, silent } = walkPastSilent()
    expect(walk.insist()).toEqual(silent)
    expect(walk.rpcs).toBe(8 + 4)
    expect(walk.isFinished).toBe(false)
    for (const entry of silent) walk.onReply(entry, undefined)
    expect(walk.isFinished).toBe(true)
  })

  test('as often as by a careful walk, and then the next is asked in place of who has failed', () => {
    const { walk, silent, ask, distances } = walkPastSilent()
    walk.insist()
    const [nearest, ...others] = silent
    expect(Array.from({ length: 3 }, () => walk.onSoftTimeout(nearest!))).toEqual([true, true, false])
    for (const entry of others) walk.onReply(entry, undefined)
    expect(walk.isFinished).toBe(false)
    walk.onFail(nearest!)
    expect(distances(ask())).toEqual([9])
  })

  test('once', () => {
    const { walk } = walkPastSilent()
    expect(walk.insist()).toHaveLength(4)
    expect(walk.insist()).toEqual([])
  })

  test('until somebody names a peer: then it ends as if it had never insisted', () => {
    const { walk, silent } = walkPastSilent()
    walk.insist()
    walk.onReply(silent[0]!, undefined)
    walk.onPeers()
    expect(walk.isFinished).toBe(false)
    for (const entry of silent.slice(1)) expect(walk.onSoftTimeout(entry)).toBe(false)
    expect(walk.isFinished).toBe(true)
  })

  test('but whom a single node named is asked twice in all', () => {
    const { walk, hear, ask } = lookup({ seeksPeers: true })
    hear([100, 101, 102, 103])
    const known = ask()
    for (const entry of known) walk.onReply(entry, undefined)
    hear([1, 2], known[0])
    hear([2], known[1])
    const [named, confirmed] = ask()
    const time = (entry: LookupEntry): boolean => walk.onSoftTimeout(entry)
    time(named!)
    time(confirmed!)
    expect(walk.insist()).toEqual([named, confirmed])
    expect([time(named!), time(confirmed!), time(confirmed!), time(confirmed!)]).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('not when it has found some, not by a walk that stores, and not by one that wants no peers', () => {
    const { walk } = walkPastSilent()
    walk.onPeers()
    expect(walk.insist()).toEqual([])
    expect(walkPastSilent({}).walk.insist()).toEqual([])
    expect(lookup({ isCareful: true }).walk.insist()).toEqual([])
  })

  test('not beyond its budget', () => {
    const { walk } = walkPastSilent()
    while (walk.rpcs < MAX_RPCS - 1) walk.onAskedAgain()
    expect(walk.insist()).toHaveLength(1)
    expect(walk.rpcs).toBe(MAX_RPCS)
  })
})

test('a peer is found although the first question to everybody who knows it was lost', () => {
  const lone = new LoneNode()
  const near = [0xaf, 0xae, 0xad, 0xac].map(idOf)
  const far = [0x0b, 0x0a, 0x09, 0x08].map(idOf)
  const endpointOf = (id: NodeId): Endpoint => ({ host: `10.0.0.${id[0]!}`, port: 20_000 })
  const isFar = ({ host }: Endpoint): boolean => far.some((id) => endpointOf(id).host === host)
  lone.node.bootstrap([...near, ...far].map(endpointOf))
  for (let i = 0; i < 100; i++) {
    for (const id of [...near, ...far]) lone.answerAs(endpointOf(id), id)
    lone.run(50)
  }
  expect(lone.node.contacts).toBe(8)

  const found: Endpoint[] = []
  let summary: LookupSummary | undefined
  lone.node.lookup(
    infoHash,
    (peers) => found.push(...peers),
    (result) => (summary = result),
  )
  const peers = packed({ host: '10.7.0.1', port: 7_000 })
  const lost = new Set<string>()
  for (let ms = 0; ms < 1_000 && summary === undefined; ms++) {
    lone.run(1)
    for (const id of far) lone.answerAs(endpointOf(id), id)
    const again = lone.sent.filter(({ message, to }) => lost.has(message.t) || isFar(to))
    for (const { message } of lone.sent) lost.add(message.t)
    lone.sent = again
    for (const id of near) lone.answerAs(endpointOf(id), id, { peers })
  }
  expect(found).toEqual([{ host: '10.7.0.1', port: 7_000 }])
  expect(summary).toMatchObject({ peers: 1, rpcs: 12, answered: 8 })
})
