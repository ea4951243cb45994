import { expect, test } from 'vitest'
import { Troubles } from '../../cmd/troubles.ts'
import type { NodeEvent } from '../../src/app/event-level.ts'

function told(...events: readonly NodeEvent[]): string[] {
  const sentences: string[] = []
  const troubles = new Troubles(true, (sentence) => sentences.push(sentence))
  for (const event of events) troubles.onEvent(event)
  return sentences
}

const FULL = { event: 'disk_error', code: 'disk.full', message: 'a.bin: no space left' } as const
const GROWN = { event: 'disk_doubt', code: 'disk.wrong-size', message: 'a.bin has 9 bytes' } as const

test('a full disk is told once, and again when there is room', () => {
  const isFull = [1, 2, 4].map((retrySeconds) => ({ ...FULL, retrySeconds }))
  const hasRoom = { event: 'disk_recovered', stalledSeconds: 7 } as const
  const sentences = ['a.bin: no space left: the download waits, and tries again', 'writing works again']
  expect(told(...isFull, hasRoom, ...isFull, hasRoom)).toEqual([...sentences, ...sentences])
})

test('what ends the download anyway, or costs no more than time, is not told', () => {
  expect(told(FULL)).toEqual([])
})

test('a payload that changes while it is served is told, and what became of it', () => {
  const doubt = { ...GROWN, pieces: 3 }
  const bad = { event: 'disk_verdict', good: 0, bad: 3, have: 5, pieces: 8, retrySeconds: 1 } as const
  const part = { event: 'disk_verdict', good: 1, bad: 0, have: 6, pieces: 8, retrySeconds: 0 } as const
  const good = { event: 'disk_verdict', good: 3, bad: 0, have: 8, pieces: 8 } as const
  expect(told(doubt, { ...GROWN, pieces: 1 }, part, bad, doubt, good)).toEqual([
    'a.bin has 9 bytes: 3 pieces are not served until found good again',
    '3 pieces are not what the metainfo says: 5 of 8 are served',
    'a.bin has 9 bytes: 3 pieces are not served until found good again',
    'they are good: 8 of 8 are served',
  ])
})

test('a bootstrap node that does not answer is told, if the user has named it', () => {
  const silent = {
    event: 'dht_bootstrap_failed',
    family: 4,
    asked: 1,
    reason: 'no answer',
    retrySeconds: 1,
  } as const
  const joined = { event: 'dht_bootstrap', family: 4, contacts: 1, rpcs: 1, ms: 1 } as const
  expect(told(silent, silent, joined, joined)).toEqual([
    '-bootstrap: no answer; the node must run, with the same -swarm-key and -dht-net',
    '-bootstrap: the DHT is joined now',
  ])
  const sentences: string[] = []
  new Troubles(false, (sentence) => sentences.push(sentence)).onEvent(silent)
  expect(sentences).toEqual([])
})

test('a download that nobody serves is told once, and when somebody comes', () => {
  const sentences: string[] = []
  const troubles = new Troubles(false, (sentence) => sentences.push(sentence))
  const join = (): void =>
    troubles.onEvent({ event: 'joined_to_peer', peer: '10.0.0.5:1', direction: 'out', client: 'x' })
  troubles.onNobodyThere()
  troubles.onNobodyThere()
  join()
  join()
  troubles.onNobodyThere()
  join()
  expect(sentences).toEqual([
    'nobody found yet: does a seeder run? -peer host:port names one that is not on this network',
    '10.0.0.5:1 is there now',
    'all peers are gone: waiting for one to come back',
    '10.0.0.5:1 is there now',
  ])
})

test('what is no trouble is not told', () => {
  expect(told({ event: 'stopping', reason: 'SIGINT' })).toEqual([])
})
