import { describe, expect, test } from 'vitest'
import { Troubles, type Named } from '../../cmd/troubles.ts'
import type { NodeEvent } from '../../src/app/event-level.ts'

const NOBODY: Named = { bootstrap: [], peer: [], tracker: [], stateDir: undefined }

function tellNamed(named: Partial<Named>, ...events: readonly NodeEvent[]): string[] {
  const sentences: string[] = []
  const troubles = new Troubles({ ...NOBODY, ...named }, (sentence) => sentences.push(sentence))
  for (const event of events) troubles.onEvent(event)
  return sentences
}

function told(...events: readonly NodeEvent[]): string[] {
  return tellNamed({}, ...events)
}

const FULL = { event: 'disk_error', code: 'disk.full', message: 'a.bin: no space left' } as const
const GROWN = { event: 'disk_doubt', code: 'disk.wrong-size', message: 'a.bin has 9 bytes' } as const

test('a full disk is told once, and again when there is room', () => {
  const isFull = [1, 2, 4].map((retrySeconds) => ({ ...FULL, retrySeconds }))
  const hasRoom = { event: 'disk_recovered', stalledSeconds: 7 } as const
  const sentences = ['a.bin: no space left: the download waits, and will try again', 'writing works again']
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
    tries: 1,
    retrySeconds: 1,
  } as const
  const joined = { event: 'dht_bootstrap', family: 4, contacts: 1, rpcs: 1, ms: 1 } as const
  expect(tellNamed({ bootstrap: ['10.0.0.5:10000'] }, silent, silent, joined, joined)).toEqual([
    '-bootstrap: no answer; the node must run, with the same -swarm-key and -dht-net',
    '-bootstrap: joined the DHT',
  ])
  expect(told(silent)).toEqual([])
})

test('a peer that the user has named and that does not answer is told once, and when it comes', () => {
  const failed = { event: 'peer_failed', peer: '10.0.0.5:1', reason: 'net.refused', retrySeconds: 2 } as const
  const unresolved = { event: 'peer_failed', peer: 'seed.example:1', reason: 'net.unresolved' } as const
  const joined = { event: 'joined_to_peer', peer: '10.0.0.5:1', direction: 'out', client: 'x' } as const
  expect(told(failed)).toEqual([])
  expect(
    tellNamed({ peer: ['10.0.0.5:1', 'seed.example:1'] }, failed, failed, unresolved, joined, joined),
  ).toEqual([
    '-peer 10.0.0.5:1: nobody listens there',
    '-peer seed.example:1: the name has no address',
    '-peer 10.0.0.5:1: is there now',
  ])
})

describe('a peer that the user has named by the name of its host', () => {
  const peer = 'seed.example:1'
  const [first, second] = ['10.0.0.5:1', '[2001:db8::5]:1']
  const resolved = { event: 'peer_resolved', peer, addresses: [first, second] } as const
  const failedAt = (address: string) =>
    ({ event: 'peer_failed', peer: address, reason: 'net.refused', retrySeconds: 2 }) as const
  const joinedAt = (address: string) =>
    ({ event: 'joined_to_peer', peer: address, direction: 'out', client: 'x' }) as const
  const leftFrom = (address: string) =>
    ({
      event: 'peer_left',
      peer: address,
      reason: 'bye',
      state: 'seeding',
      downloaded: 1,
      uploaded: 0,
    }) as const
  const tell = (...events: NodeEvent[]): string[] => tellNamed({ peer: [peer] }, resolved, ...events)

  test('is told by that name when nobody answers at any of its addresses', () => {
    expect(tell(failedAt(first), failedAt(first))).toEqual([])
    expect(tell(failedAt(first), failedAt(second), joinedAt(second))).toEqual([
      `-peer ${peer}: nobody listens there`,
      `-peer ${peer}: is there now`,
    ])
  })

  test('is there when one of them answers, as long as it stays', () => {
    const there = [failedAt(first), joinedAt(second), failedAt(first)]
    expect(tell(...there)).toEqual([])
    expect(tell(...there, leftFrom(second), failedAt(second))).toEqual([])
    expect(tell(...there, leftFrom(second), failedAt(second), failedAt(first))).toEqual([
      `-peer ${peer}: nobody listens there`,
    ])
  })

  test('is looked for where the name leads now', () => {
    const moved = { event: 'peer_resolved', peer, addresses: ['10.0.0.6:1'] } as const
    expect(tell(failedAt(first), failedAt(second), moved, joinedAt('10.0.0.6:1'))).toEqual([
      `-peer ${peer}: nobody listens there`,
      `-peer ${peer}: is there now`,
    ])
  })
})

test('a web seed that is of no use is told: nobody else knows that its server lacks ranges', () => {
  const url = 'http://10.0.0.5/a.bin'
  const reason = 'the server does not serve ranges of this file'
  const dropped = { event: 'webseed_dropped', url, peer: '10.0.0.5:80', reason, downloaded: 0 } as const
  expect(told(dropped, dropped)).toEqual([`web seed ${url}: ${reason}; it is no longer used`])
})

test('a tracker that the user has named and that fails is told once, without its passkey, and when it answers', () => {
  const tracker = 'http://10.0.0.5:6969/…/announce'
  const failed = { event: 'tracker_error', tracker, kind: 'started', code: 'tracker.failure' } as const
  const answered = {
    event: 'tracker_announce',
    tracker,
    kind: 'periodic',
    family: 4,
    peers: 0,
    ms: 1,
  } as const
  const refused = { ...failed, reason: 'not registered' }
  expect(told(refused, answered)).toEqual([])
  expect(
    tellNamed({ tracker: ['http://10.0.0.5:6969/s3cret/announce'] }, refused, refused, answered, answered),
  ).toEqual([`-tracker ${tracker}: not registered`, `-tracker ${tracker}: is there now`])
})

test('trackers of the torrent that fail are told when nobody is connected, each once, and when they answer', () => {
  const sentences: string[] = []
  const troubles = new Troubles(NOBODY, (sentence) => sentences.push(sentence))
  const fail = (tracker: string): void =>
    troubles.onEvent({
      event: 'tracker_error',
      tracker,
      kind: 'started',
      code: 'tracker.failure',
      reason: 'not registered',
    })
  const answer = (tracker: string): void =>
    troubles.onEvent({ event: 'tracker_announce', tracker, kind: 'started', family: 4, peers: 0, ms: 1 })
  fail('http://a.example/announce')
  fail('http://b.example/announce')
  answer('http://b.example/announce')
  expect(sentences).toEqual([])
  troubles.onSolitude()
  troubles.onSolitude()
  expect(sentences).toEqual(['tracker http://a.example/announce: not registered'])
  answer('http://a.example/announce')
  troubles.onSolitude()
  expect(sentences.slice(1)).toEqual(['tracker http://a.example/announce: is there now'])
  for (let i = 0; i < 1_000; i++) fail(`http://${i}.example/announce`)
  troubles.onSolitude()
  expect(sentences).toHaveLength(2 + 19)
})

test('of a tracker that fails again the latest reason is told, however many fail', () => {
  const sentences: string[] = []
  const troubles = new Troubles(NOBODY, (sentence) => sentences.push(sentence))
  const fail = (tracker: string, reason: string): void =>
    troubles.onEvent({ event: 'tracker_error', tracker, kind: 'started', code: 'tracker.failure', reason })
  for (let i = 0; i < 1_000; i++) fail(`http://${i}.example/announce`, 'not registered')
  fail('http://7.example/announce', 'banned')
  troubles.onSolitude()
  expect(sentences.filter((sentence) => !sentence.endsWith(': not registered'))).toEqual([
    'tracker http://7.example/announce: banned',
  ])
})

test('whom the blocklist keeps out is told when nobody is connected, one of them and once', () => {
  const sentences: string[] = []
  const troubles = new Troubles(NOBODY, (sentence) => sentences.push(sentence))
  const block = (peer: string): void =>
    troubles.onEvent({ event: 'peer_blocked', peer, direction: 'out', rule: '10.0.0.0/8' })
  block('10.0.0.5:1')
  block('10.0.0.6:1')
  expect(sentences).toEqual([])
  troubles.onSolitude()
  troubles.onSolitude()
  expect(sentences).toEqual(["-blocklist: 10.0.0.5:1 was not dialled because of '10.0.0.0/8'"])
})

test('of a thousand that the user has named twenty are told', () => {
  const peer = Array.from({ length: 1_000 }, (_, i) => `10.0.0.5:${i + 1}`)
  const events = peer.map((each) => ({ event: 'peer_failed', peer: each, reason: 'net.timeout' }) as const)
  expect(tellNamed({ peer }, ...events)).toHaveLength(20)
})

test('a folder for what the DHT remembers that cannot be used is told, if the user has named it', () => {
  const families = ([4, 6] as const).map(
    (family) =>
      ({
        event: 'dht_table_failed',
        family,
        operation: 'open',
        reason: '/ro: read-only file system',
      }) as const,
  )
  expect(told(...families)).toEqual([])
  expect(tellNamed({ stateDir: '/ro' }, ...families)).toEqual(['-state-dir: /ro: read-only file system'])
})

test('a download that nobody serves is told once, and when somebody comes', () => {
  const sentences: string[] = []
  const troubles = new Troubles(NOBODY, (sentence) => sentences.push(sentence))
  const join = (): void =>
    troubles.onEvent({ event: 'joined_to_peer', peer: '10.0.0.5:1', direction: 'out', client: 'x' })
  troubles.onNobodyThere(0)
  troubles.onNobodyThere(0)
  join()
  join()
  troubles.onNobodyThere(1)
  join()
  expect(sentences).toEqual([
    'nobody found yet: is a seeder running? -peer host:port names one that is not on this network',
    '10.0.0.5:1 is there now',
    'all peers are gone: waiting for one to come back',
    '10.0.0.5:1 is there now',
  ])
})

test('peers that were found and do not answer are not nobody', () => {
  const tell = (found: number): string[] => {
    const sentences: string[] = []
    new Troubles(NOBODY, (sentence) => sentences.push(sentence)).onNobodyThere(found)
    return sentences
  }
  expect(tell(1)).toEqual([
    '1 peer was found and does not answer: is a seeder still running, and does its firewall let you in?',
  ])
  expect(tell(2)).toEqual([
    '2 peers were found and do not answer: is a seeder still running, and does its firewall let you in?',
  ])
})

test('a download whose peers lack what it lacks is told so once, until something comes', () => {
  const sentences: string[] = []
  const troubles = new Troubles(NOBODY, (sentence) => sentences.push(sentence))
  const shortage = 'nobody offers more than 5 of the 8 pieces'
  troubles.onShortage(shortage)
  troubles.onShortage(shortage)
  troubles.onEvent({ event: 'have', piece: 1, peer: '10.0.0.5:1', bytes: 1, done: 6, pieces: 8 })
  troubles.onShortage(shortage)
  const told = `nothing arrives, because ${shortage}: waiting for somebody who offers the rest`
  expect(sentences).toEqual([told, told])
})

test('a clock that keeps a private DHT from listening to us is told once', () => {
  const clock = (aheadSeconds: number) =>
    ({ event: 'dht_clock', node: '10.0.0.5:10000', aheadSeconds }) as const
  const toldTwice = (seconds: number): string[] => told(clock(seconds), clock(seconds))
  const advice = 'ours: with a -swarm-key they must agree within two minutes'
  expect(toldTwice(-3_600)).toEqual([`the clock of 10.0.0.5:10000 is 1h00m behind ${advice}`])
  expect(toldTwice(150)).toEqual([`the clock of 10.0.0.5:10000 is 2m30s ahead of ${advice}`])
})

test('what is no trouble is not told', () => {
  expect(told({ event: 'stopping', reason: 'SIGINT' })).toEqual([])
})
