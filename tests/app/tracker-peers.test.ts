/** One torrent's trackers over hours of virtual time: who is asked, when, and what is said. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Wanted } from '../../src/app/discovery.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimHttp, type SimAnswer } from '../../src/app/sim/http.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { TrackerPeers } from '../../src/app/tracker-peers.ts'
import type { PeerEvent } from '../../src/peer/events.ts'
import { UdpTrackers } from '../../src/peer/tracker/udp-client.ts'
import { encodeBencode, type Encodable } from '../../src/protocol/bencode-writer.ts'
import { formatEndpoint } from '../../src/protocol/endpoint.ts'
import { idFrom, type InfoHash, type PeerId } from '../../src/protocol/ids.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

let clock: SimClock
let http: SimHttp
let events: PeerEvent[]
/** `second kind at tracker`, in the order of asking. */
let heard: string[]
let totals: { downloaded: number; uploaded: number; left: number | undefined }
let needsPeers: boolean
let found: string[]

beforeEach(() => {
  clock = new SimClock()
  http = new SimHttp(clock)
  events = []
  heard = []
  found = []
  totals = { downloaded: 0, uploaded: 0, left: 1_000 }
  needsPeers = true
})

const url = (digit: number): string => `http://20.0.0.${digit}/announce`

/** What a tracker says; a function may change its mind. */
function serve(digit: number, say: () => { [key: string]: Encodable } | SimAnswer | undefined): void {
  http.serve(`20.0.0.${digit}`, 80, ({ url: asked }) => {
    const what = asked.pathname === '/scrape' ? 'scrape' : (asked.searchParams.get('event') ?? 'periodic')
    heard.push(`${Math.round(clock.now() / SECOND)} ${what} at ${digit}`)
    queries.push(asked.searchParams)
    const answer = say()
    if (answer === undefined || 'status' in answer) return answer as SimAnswer | undefined
    return { status: 200, body: encodeBencode(answer as { [key: string]: Encodable }) }
  })
}
const queries: URLSearchParams[] = []

const well = (interval = 1_800): { [key: string]: Encodable } => ({
  interval,
  complete: 1,
  incomplete: 1,
  peers: '',
})

function start(...lists: readonly (readonly (readonly string[])[])[]): TrackerPeers {
  queries.length = 0
  const udpTrackers = new UdpTrackers({
    clock,
    random: new SeededRandom(2),
    openUdp: () => ({ local: { host: '0.0.0.0', port: 0 }, send() {}, onDatagram() {}, close() {} }),
  })
  const trackers = new TrackerPeers(lists, {
    http,
    clock,
    resolver: { resolve: (_host, _family, onResult) => onResult([]) },
    udpTrackers,
    random: new SeededRandom(1),
    peerId: idFrom<PeerId>(new Uint8Array(20)),
    emit: (event) => events.push(event),
  })
  const wanted: Wanted = {
    infoHash: idFrom<InfoHash>(new Uint8Array(20)),
    listening: [{ host: '0.0.0.0', port: 6881 }],
    isSeed: () => totals.left === 0,
    needsPeers: () => needsPeers,
    totals: () => totals,
  }
  trackers.start(wanted, (peers) => found.push(...peers.map(formatEndpoint)))
  return trackers
}

/** Seconds between what was heard, and what it was. */
const kinds = (): string[] => heard.map((line) => line.replace(/^\d+ /, ''))
const times = (): number[] => heard.map((line) => Number.parseInt(line, 10))

describe('one tracker', () => {
  test('hears started, then of us again at its interval, never sooner and at most a tenth later', () => {
    serve(1, () => well(600))
    start([[url(1)]])
    clock.runUntil(60 * MINUTE)
    expect(kinds().slice(0, 3)).toEqual(['started at 1', 'periodic at 1', 'periodic at 1'])
    const gaps = times().map((time, at) => time - (times()[at - 1] ?? time))
    for (const gap of gaps.slice(1)) expect(gap).toSatisfy((each: number) => each >= 600 && each <= 661)
  })

  test('is told true figures, and nothing that makes us a seed before it is known what is missing', () => {
    serve(1, () => well(60))
    totals = { downloaded: 0, uploaded: 0, left: undefined }
    start([[url(1)]])
    clock.runUntil(30 * SECOND)
    totals = { downloaded: 700, uploaded: 90, left: 300 }
    clock.runUntil(90 * SECOND)
    const told = queries.map((query) => ['uploaded', 'downloaded', 'left'].map((name) => query.get(name)))
    expect(told.slice(0, 2)).toEqual([
      ['0', '0', '16384'],
      ['90', '700', '300'],
    ])
    expect(new Set(queries.map((query) => query.get('key'))).size).toBe(1)
  })

  test('is told at once that the download is complete, once', () => {
    serve(1, () => well())
    const trackers = start([[url(1)]])
    clock.runUntil(10 * SECOND)
    totals = { ...totals, left: 0 }
    trackers.onComplete()
    clock.runUntil(70 * MINUTE)
    expect(kinds()).toEqual(['started at 1', 'completed at 1', 'periodic at 1', 'periodic at 1'])
  })

  test('is told so, too, when that happens while it is being asked', () => {
    serve(1, () => ({ status: 200, delayMs: 5 * SECOND, body: encodeBencode(well()) }))
    const trackers = start([[url(1)]])
    clock.runUntil(SECOND)
    totals = { ...totals, left: 0 }
    trackers.onComplete()
    clock.runUntil(20 * SECOND)
    expect(kinds()).toEqual(['started at 1', 'completed at 1'])
  })

  test('is not asked sooner than it allows, whoever wants it', () => {
    serve(1, () => ({ ...well(1_800), 'min interval': 300 }))
    const trackers = start([[url(1)]])
    clock.runUntil(10 * SECOND)
    for (let i = 0; i < 5; i++) trackers.refresh()
    clock.runUntil(20 * MINUTE)
    expect(heard).toEqual(['0 started at 1', '300 periodic at 1'])
  })

  test('that does not count for us is asked what it counts: once, and when the user wants it again', () => {
    const files = { ['\0'.repeat(20)]: { complete: 4, incomplete: 5, downloaded: 6 } }
    serve(1, () => ({ interval: 120, peers: '', files }))
    const trackers = start([[url(1)]])
    clock.runUntil(5 * MINUTE)
    expect(kinds()).toEqual(['started at 1', 'scrape at 1', 'periodic at 1', 'periodic at 1'])
    expect(events.filter(({ event }) => event === 'tracker_scrape')).toEqual([
      { event: 'tracker_scrape', tracker: url(1), seeds: 4, leechers: 5, downloads: 6 },
    ])
    trackers.refresh()
    clock.runUntil(7 * MINUTE)
    expect(kinds().slice(4)).toEqual(['periodic at 1', 'scrape at 1'])
  })

  test('that cannot tell what it counts is no worse for it', () => {
    serve(1, () => (kinds().at(-1) === 'scrape at 1' ? { status: 500 } : { interval: 120, peers: '' }))
    start([[url(1)]])
    clock.runUntil(3 * MINUTE)
    expect(kinds()).toEqual(['started at 1', 'scrape at 1', 'periodic at 1'])
    expect(events.find(({ event }) => event === 'tracker_error')).toEqual({
      event: 'tracker_error',
      tracker: url(1),
      kind: 'scrape',
      code: 'http.status',
      reason: 'the tracker answered with status 500',
    })
  })

  test('that counts for us is not', () => {
    serve(1, () => well())
    start([[url(1)]])
    clock.runUntil(10 * SECOND)
    expect(kinds()).toEqual(['started at 1'])
    expect(events).toMatchObject([
      {
        event: 'tracker_announce',
        tracker: url(1),
        kind: 'started',
        family: 4,
        peers: 0,
        seeds: 1,
        leechers: 1,
      },
    ])
    const next = events.flatMap((event) => ('nextSeconds' in event ? [event.nextSeconds!] : []))
    expect(next).toHaveLength(1)
    expect(next[0]).toSatisfy((seconds: number) => seconds >= 1_800 && seconds <= 1_980)
  })

  test('is told where we listen, and asked for peers while they are of use', () => {
    serve(1, () => well())
    start([[url(1)]])
    clock.runUntil(SECOND)
    expect(['port', 'numwant'].map((name) => queries[0]!.get(name))).toEqual(['6881', '100'])
  })

  test('is asked for nobody when nobody is of use', () => {
    serve(1, () => well())
    needsPeers = false
    start([[url(1)]])
    clock.runUntil(SECOND)
    expect(queries[0]!.get('numwant')).toBe('0')
  })

  test('on the internet is not believed when it names our own network', () => {
    serve(1, () => ({
      ...well(),
      peers: Uint8Array.of(10, 0, 0, 1, 1, 1, 127, 0, 0, 1, 1, 1, 30, 0, 0, 1, 1, 1),
    }))
    start([[url(1)]])
    clock.runUntil(SECOND)
    expect(found).toEqual(['30.0.0.1:257'])
  })
})

describe('a tracker that fails', () => {
  test('is asked again after 15 s, 30 s and so on, half an hour at most', () => {
    serve(1, () => ({ 'failure reason': 'closed\u001b[2J' }))
    start([[url(1)]])
    clock.runUntil(5 * 60 * MINUTE)
    const gaps = times().map((time, at) => time - (times()[at - 1] ?? time))
    const expected = [15, 30, 60, 120, 240, 480, 960, 1_800, 1_800]
    expected.forEach((gap, at) =>
      expect(gaps[at + 1]! / gap).toSatisfy((ratio: number) => ratio >= 0.99 && ratio <= 1.11),
    )
    expect(kinds().every((kind) => kind === 'started at 1')).toBe(true)
    expect(events[0]).toMatchObject({
      event: 'tracker_error',
      tracker: url(1),
      code: 'tracker.failure',
      reason: 'closed\ufffd[2J',
      kind: 'started',
    })
  })

  test('is asked at once when the user wants it, and after 15 s again once it has worked', () => {
    let isUp = false
    serve(1, () => (isUp ? well(120) : { status: 500 }))
    const trackers = start([[url(1)]])
    clock.runUntil(60 * SECOND)
    heard = []
    trackers.refresh()
    clock.runUntil(61 * SECOND)
    expect(kinds()).toEqual(['started at 1'])
    isUp = true
    clock.runUntil(5 * MINUTE)
    isUp = false
    heard = []
    clock.runUntil(9 * MINUTE)
    expect(times()[1]! - times()[0]!).toSatisfy((gap: number) => gap >= 15 && gap <= 17)
  })

  test('makes place for the next one; who answers is asked first from then on', () => {
    let isUp = false
    serve(1, () => (isUp ? well() : { status: 500 }))
    serve(2, () => well(600))
    start([[url(1)], [url(2)]])
    clock.runUntil(5 * SECOND)
    expect(kinds()).toEqual(['started at 1', 'started at 2'])
    isUp = true
    heard = []
    clock.runUntil(12 * MINUTE)
    // The first tier comes first again as soon as it works.
    expect(kinds()).toEqual(['started at 1'])
  })

  test('of one tier changes places with the one that answers', () => {
    serve(1, () => ({ status: 500 }))
    serve(2, () => well(600))
    serve(3, () => ({ status: 500 }))
    start([[url(1), url(2), url(3)]])
    clock.runUntil(70 * MINUTE)
    expect(
      kinds()
        .slice(3)
        .every((kind) => kind === 'periodic at 2'),
    ).toBe(true)
  })

  test('does not keep another list waiting', () => {
    serve(1, () => undefined)
    serve(2, () => well())
    start([[url(1)]], [[url(2)]])
    clock.runUntil(SECOND)
    expect(kinds()).toEqual(['started at 1', 'started at 2'])
  })

  test('is not a tracker that we cannot speak to: that is said once', () => {
    start([['wss://t.example/', 'udp://t.example', 'nonsense']])
    clock.runUntil(60 * MINUTE)
    expect(events.map((event) => event.event === 'tracker_error' && event.code)).toEqual([
      'http.bad-url',
      'http.bad-url',
      'http.bad-url',
    ])
    expect(events.every((event) => !('retrySeconds' in event))).toBe(true)
  })
})

describe('goodbye', () => {
  function secondsToStop(trackers: TrackerPeers): number {
    const before = clock.now()
    const stops: number[] = []
    trackers.stop(() => stops.push(clock.now()))
    clock.runUntil(before + 60 * SECOND)
    expect(stops).toHaveLength(1)
    return (stops[0]! - before) / SECOND
  }

  test('is said to whoever was told of us, and to nobody else', () => {
    serve(1, () => ({ status: 500 }))
    serve(2, () => well())
    const trackers = start([[url(1)], [url(2)]])
    clock.runUntil(5 * SECOND)
    heard = []
    expect(secondsToStop(trackers)).toBeLessThan(0.5)
    expect(kinds()).toEqual(['stopped at 2'])
  })

  test('is said to who may have heard of us, asking or not', () => {
    serve(1, () => ({ status: 200, delayMs: 5 * SECOND, body: encodeBencode(well()) }))
    const trackers = start([[url(1)]])
    clock.runUntil(SECOND)
    trackers.onComplete()
    secondsToStop(trackers)
    expect(kinds()).toEqual(['started at 1', 'stopped at 1'])
    expect(queries.at(-1)!.get('numwant')).toBe('0')
  })

  test('takes as long as the slowest of them, in one list or in several', () => {
    const slowly = (): SimAnswer => ({ status: 200, delayMs: 2 * SECOND, body: encodeBencode(well(60)) })
    let isUp = true
    serve(1, () => (isUp ? well(60) : { status: 500 }))
    serve(2, slowly)
    const trackers = start([[url(1)], [url(2)]])
    clock.runUntil(10 * SECOND)
    isUp = false
    clock.runUntil(2 * MINUTE)
    expect(kinds()).toContain('started at 2')
    heard = []
    expect(secondsToStop(trackers)).toBeCloseTo(2, 0)
    expect(kinds()).toEqual(['stopped at 1', 'stopped at 2'])

    isUp = true
    const both = start([[url(1)]], [[url(2)]])
    clock.runUntil(clock.now() + 10 * SECOND)
    expect(secondsToStop(both)).toBeCloseTo(2, 0)
  })

  test('takes three seconds at most', () => {
    let isUp = true
    serve(1, () => (isUp ? well() : undefined))
    const trackers = start([[url(1)]])
    clock.runUntil(5 * SECOND)
    isUp = false
    expect(secondsToStop(trackers)).toBe(3)
  })

  test('takes no time when there is nobody to say it to', () => {
    expect(secondsToStop(start([[url(1)]]))).toBeLessThan(3.001)
    expect(secondsToStop(start())).toBe(0)
  })

  test.each([200, 500])(
    'comes after completed, which was under way and is said once (answer: %i)',
    (status) => {
      serve(1, () => (heard.length === 1 ? well() : { status, body: encodeBencode(well()) }))
      const trackers = start([[url(1)]])
      clock.runUntil(5 * SECOND)
      totals = { ...totals, left: 0 }
      trackers.onComplete()
      expect(secondsToStop(trackers)).toBeLessThan(0.5)
      expect(kinds()).toEqual(['started at 1', 'completed at 1', 'stopped at 1'])
    },
  )

  test('comes after completed when we leave while something else is being said', () => {
    serve(1, () => ({ status: 200, delayMs: 2 * SECOND, body: encodeBencode(well(60)) }))
    const trackers = start([[url(1)]])
    clock.runUntil(10 * SECOND)
    while (kinds().at(-1) !== 'periodic at 1') clock.runUntil(clock.now() + 100)
    trackers.onComplete()
    secondsToStop(trackers)
    expect(kinds()).toEqual(['started at 1', 'periodic at 1', 'completed at 1', 'stopped at 1'])
  })
})

test('of many lists the first fifty are contacted', () => {
  const lists = Array.from({ length: 60 }, (_, at) => at + 1)
  for (const digit of lists) serve(digit, () => well())
  start(...lists.map((digit) => [[url(digit)]]))
  clock.runUntil(SECOND)
  expect(kinds()).toEqual(lists.slice(0, 50).map((digit) => `started at ${digit}`))
})
