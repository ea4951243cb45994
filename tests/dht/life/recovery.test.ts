/** One node and what a bootstrap node tells it while all seems to be well. */
import { beforeEach, expect, test } from 'vitest'
import { toHex, type NodeId } from '../../../src/protocol/ids.ts'
import type { Endpoint } from '../../../src/protocol/endpoint.ts'
import { idOf, join, LoneNode, packed } from '../lone-node.ts'

const seed: Endpoint = { host: '10.0.0.1', port: 20_000 }
const friends = Array.from({ length: 8 }, (_, n) => ({
  id: idOf(2 + 27 * n),
  endpoint: { host: `10.0.1.${n + 1}`, port: 20_000 },
}))
const strangers = Array.from({ length: 8 }, (_, n) => ({
  id: idOf(16 + 29 * n),
  endpoint: { host: `10.0.2.${n + 1}`, port: 20_000 },
}))
type Named = (typeof friends)[number]

let lone: LoneNode

/** Those who are there, and whom each of them names. */
function live(others: readonly Named[], namedBySeed: readonly Named[]): void {
  const list = join(namedBySeed.map(({ endpoint, id }) => packed(endpoint, id)))
  lone.answerAs(seed, idOf(1), { nodes: list })
  for (const { id, endpoint } of others) lone.answerAs(endpoint, id)
}

/** The questions for our own place that were sent to these. */
function walksHome(to: readonly Named[]): number {
  const isTo = (host: string): boolean => to.some(({ endpoint }) => endpoint.host === host)
  return lone.sent.filter(
    ({ message, to: { host } }) =>
      message.type === 'findPeers' && message.target !== undefined && isOwn(message.target) && isTo(host),
  ).length
}
const isOwn = (target: NodeId): boolean => toHex(target) === toHex(lone.node.id)

beforeEach(() => {
  lone = new LoneNode()
  lone.node.bootstrap([seed])
  for (let round = 0; round < 50; round++) {
    live(friends, friends)
    lone.run(20)
  }
  // The walk to our own place is over: the eight nearest and the bootstrap node.
  expect(lone.node.contacts).toBe(9)
})

/** Lets time pass with everybody answering. @returns how often one of `others` was asked for our place */
function pass(minutes: number, others: readonly Named[], namedBySeed: readonly Named[]): number {
  let walks = 0
  for (let step = 0; step < minutes * 600; step++) {
    lone.run(100)
    walks += walksHome(strangers)
    live(others, namedBySeed)
    lone.sent = []
  }
  return walks
}

test('while a bootstrap node names those whom we know there is nothing to do', () => {
  expect(pass(12, friends, friends)).toBe(0)
  expect(lone.node.contacts).toBe(9)
})

test('when it names others, a walk through those finds out whether they are our neighbours, too', () => {
  expect(pass(6, [...friends, ...strangers], strangers)).toBeGreaterThanOrEqual(3)
  expect(lone.node.contacts).toBe(17)
})

test('names of nobody cost a few questions every few minutes, not more', () => {
  // Each is asked twice in a walk, and a walk through a bootstrap node comes each five minutes at most.
  expect(pass(12, friends, strangers)).toBeLessThanOrEqual(3 * 2 * strangers.length)
  expect(lone.node.contacts).toBe(9)
})
