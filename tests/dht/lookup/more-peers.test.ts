/** A node that has more peers than it could tell is asked once more. */
import { beforeEach, expect, test } from 'vitest'
import { compactEndpoint, type Endpoint } from '../../../src/protocol/endpoint.ts'
import type { FindPeersMessage, PeersMessage } from '../../../src/dht/wire/messages.ts'
import type { LookupSummary } from '../../../src/dht/service.ts'
import { idOf, infoHash, join, LAN, LoneNode } from '../lone-node.ts'

let lone: LoneNode
let found: Endpoint[]
let summary: LookupSummary | undefined

/** Knows one node, and looks for peers. */
beforeEach(() => {
  lone = new LoneNode()
  lone.node.bootstrap([LAN])
  lone.answerAs(LAN, idOf(1))
  lone.run(1)
  for (let i = 0; i < 5; i++) {
    lone.answerAs(LAN, idOf(1))
    lone.run(100)
  }
  found = []
  summary = undefined
  lone.node.lookup(
    infoHash,
    (peers) => found.push(...peers),
    (result) => (summary = result),
  )
  lone.run(1)
})

const questions = (): FindPeersMessage[] =>
  lone.sent.flatMap(({ message }) =>
    message.type === 'findPeers' && message.infoHash !== undefined ? [message] : [],
  )
const peers = (from: number, count: number): Uint8Array =>
  join(
    Array.from({ length: count }, (_, at) => compactEndpoint({ host: `10.7.0.${from + at}`, port: 7_000 })),
  )
const answer = (fields: Partial<PeersMessage>): void => {
  lone.answerAs(LAN, idOf(1), fields)
  lone.run(1)
}

test('once, with its token and without padding, and the lookup waits for it', () => {
  expect(questions()).toMatchObject([{ token: undefined }])
  answer({ token: 'abcd', peers: peers(1, 2), n: 9, more: 1 })
  expect(questions()).toMatchObject([{ token: 'abcd', pad: undefined }])
  expect(summary).toBeUndefined()
  answer({ token: 'abcd', peers: peers(2, 3), n: 9, more: 1 })
  expect(found.map(({ host }) => host)).toEqual(['10.7.0.1', '10.7.0.2', '10.7.0.3', '10.7.0.4'])
  expect(questions()).toEqual([])
  expect(summary).toMatchObject({ rpcs: 2, peers: 4, answered: 1 })
})

test('but it is not waited for when it is late', () => {
  answer({ token: 'abcd', peers: peers(1, 1), more: 1 })
  lone.run(1_000)
  expect(summary).toMatchObject({ rpcs: 2, peers: 1 })
})

test('not without a token, and not when there is no more', () => {
  answer({ peers: peers(1, 2), more: 1 })
  expect(questions()).toEqual([])
  expect(summary).toMatchObject({ rpcs: 1, peers: 2 })
})

test('not when a hundred are found', () => {
  answer({ token: 'abcd', peers: peers(1, 100), more: 1 })
  expect(questions()).toEqual([])
  expect(summary).toMatchObject({ rpcs: 1, peers: 100 })
})

test('not by a walk that wants no peers', () => {
  answer({})
  lone.node.announce(infoHash, 7_000, { isSeed: false })
  lone.run(1)
  expect(questions()).toHaveLength(1)
  answer({ token: 'abcd', peers: peers(1, 1), more: 1 })
  expect(questions()).toEqual([])
})
