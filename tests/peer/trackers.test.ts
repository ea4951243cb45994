/** Trackers: what is asked of them over HTTP and UDP, and how one announce list is kept informed. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { MAX_UDP_QUESTIONS, UdpTrackers } from '../../src/peer/tracker/udp-client.ts'
import { Tiers } from '../../src/peer/tracker/tiers.ts'
import { encodeBencode, type Encodable } from '../../src/protocol/bencode-writer.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'
import { fromHex, idFrom, toHex, type InfoHash, type PeerId } from '../../src/protocol/ids.ts'
import type { Datagrams } from '../../src/protocol/ports.ts'
import { shownFileUrl, shownTracker } from '../../src/protocol/shown-url.ts'
import { MAX_TRACKER_PEERS, type Announce } from '../../src/protocol/tracker/announce.ts'
import { announceUrl, decodeAnnounce, decodeScrape, scrapeUrl } from '../../src/protocol/tracker/http.ts'
import { decodeUdpAnswer, encodeConnect, encodeUdpAnnounce } from '../../src/protocol/tracker/udp.ts'

const HASH = idFrom<InfoHash>(fromHex('123456789abcdef123456789abcdef123456789a')!)
const ANNOUNCE: Announce = {
  infoHash: HASH,
  peerId: idFrom<PeerId>(new TextEncoder().encode('-BW0100-abcdefghijkl')),
  kind: 'started',
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 2 ** 40,
  numWant: 100,
  key: 0xabc,
}

describe('over HTTP', () => {
  test('the URL says it all, bytes escaped as BEP 3 has them; what the tracker had in its query stays', () => {
    const url = announceUrl(
      new URL('http://t.example/x/announce?passkey=a%20b#top'),
      ANNOUNCE,
      Uint8Array.of(0, 255),
    )
    expect(url.href).toBe(
      'http://t.example/x/announce?passkey=a%20b&info_hash=%124Vx%9a%bc%de%f1%23Eg%89%ab%cd%ef%124Vx%9a' +
        '&peer_id=-BW0100-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=1099511627776&compact=1&numwant=100' +
        '&key=00000abc&event=started&trackerid=%00%ff',
    )
    expect(announceUrl(new URL('http://t.example/'), { ...ANNOUNCE, kind: 'periodic' }).search).not.toContain(
      'event',
    )
  })

  test.each([
    ['http://t.example/announce', 'http://t.example/scrape'],
    ['http://t.example/x/announce.php?a=b', 'http://t.example/x/scrape.php?a=b'],
    ['http://t.example/a', undefined],
    ['http://t.example/announce/x', undefined],
    ['http://t.example/x%064announce', undefined],
  ])('the scrape of %s is %s (BEP 48)', (announce, scrape) => {
    expect(scrapeUrl(new URL(announce), HASH)?.href.replace(/[?&]info_hash=.*/, '')).toBe(scrape)
  })

  const answer = (dict: { [key: string]: Encodable }): ReturnType<typeof decodeAnnounce> =>
    decodeAnnounce(encodeBencode(dict))

  test('peers come compact, of both families, or as dictionaries; port 0 and names are nobody', () => {
    const compact = Uint8Array.of(10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0, 0, 10, 0, 0)
    const six = Uint8Array.of(0xfd, ...new Uint8Array(14), 9, 0, 80)
    expect(answer({ interval: 1_800, peers: compact, peers6: six })).toEqual({
      interval: 1_800,
      peers: [
        { host: '10.0.0.1', port: 6881 },
        { host: 'fd00::9', port: 80 },
      ],
    })
    const list = [
      { ip: '10.0.0.3', port: 7, 'peer id': 'x' },
      { ip: '::ffff:10.0.0.4', port: 8 },
      { ip: 'name.example', port: 7 },
      { ip: '10.0.0.5', port: 0 },
      { ip: '10.0.0.5', port: 70_000 },
      'nonsense',
    ]
    expect(answer({ interval: 1_800, peers: list }).peers.map(({ host }) => host)).toEqual([
      '10.0.0.3',
      '10.0.0.4',
    ])
  })

  test('everything else that it may say', () => {
    expect(
      answer({
        interval: 5,
        'min interval': 9_999_999,
        complete: 3,
        incomplete: -1,
        'warning message': 'old \u001b[31mclient',
        'tracker id': Uint8Array.of(1, 0),
      }),
    ).toEqual({
      peers: [],
      interval: 60,
      minInterval: 86_400,
      seeds: 3,
      warning: 'old \ufffd[31mclient',
      trackerId: Uint8Array.of(1, 0),
    })
  })

  test('a failure is an error with its words, harmless and of bearable length', () => {
    expect(() => answer({ 'failure reason': `no\u0007 ${'x'.repeat(5_000)}` })).toThrow(/^no\ufffd x{196}$/)
    expect(() => answer({ 'failure reason': 'no' })).toThrow(
      expect.objectContaining({ code: 'tracker.failure' }) as Error,
    )
  })

  test('a hundred thousand peers are read in part', () => {
    expect(answer({ peers: new Uint8Array(600_000).fill(7) }).peers).toHaveLength(MAX_TRACKER_PEERS)
  })

  test('whatever comes, it is an answer or an error of the protocol', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeAnnounce(bytes)
        } catch (error) {
          expect(error).toMatchObject({ family: 'ProtocolError' })
        }
      }),
    )
  })

  test('a scrape tells of this torrent, or of none', () => {
    const files = new Map([[String.fromCharCode(...HASH), { complete: 1, incomplete: 2, downloaded: 3 }]])
    expect(decodeScrape(encodeBencode({ files }), HASH)).toEqual({ seeds: 1, leechers: 2, downloads: 3 })
    expect(decodeScrape(encodeBencode({ files: {} }), HASH)).toBeUndefined()
  })
})

test('what is shown of a URL holds no passkey', () => {
  expect(shownTracker('https://user:pw@t.example:444/a1b2c3/announce.php?passkey=x')).toBe(
    'https://t.example:444/…/announce.php',
  )
  expect(shownTracker('udp://t.example:69')).toBe('udp://t.example:69')
  expect(shownTracker('nonsense')).toBe('not a URL')
  expect(shownFileUrl('http://u:p@w.example/f/a%20b?token=x')).toBe('http://w.example/f/a%20b')
})

describe('over UDP', () => {
  test('the datagrams of BEP 15 and the option of BEP 41', () => {
    expect(toHex(encodeConnect(0x01020304))).toBe('00000417271019800000000001020304')
    const head = { connection: 0x1122334455667788n, transaction: 0xaabbccdd }
    const bytes = encodeUdpAnnounce(head, ANNOUNCE, '/dir?a=b')
    const parts = [
      '112233445566778800000001aabbccdd',
      toHex(HASH),
      toHex(ANNOUNCE.peerId),
      '000000000000000200000100000000000000000000000001',
      '000000020000000000000abc00000064',
      '1ae1',
      '02082f6469723f613d62',
      '00',
    ]
    expect(toHex(bytes)).toBe(parts.join(''))
    expect(encodeUdpAnnounce(head, ANNOUNCE, '/')).toHaveLength(98)
    expect(encodeUdpAnnounce(head, ANNOUNCE, `/${'x'.repeat(300)}`)).toHaveLength(98 + 2 + 255 + 2 + 46 + 1)
  })

  test('answers are read by the family of the socket', () => {
    const six = new Uint8Array(20 + 18)
    six[3] = 1
    six[20] = 0xfd
    six[37] = 80
    expect(decodeUdpAnswer(six, 6)).toMatchObject({ answer: { peers: [{ host: 'fd00::', port: 80 }] } })
    for (let length = 0; length < 20; length++)
      expect(() => decodeUdpAnswer(six.subarray(0, length), 4)).toThrow(
        expect.objectContaining({ code: 'tracker.malformed' }) as Error,
      )
  })

  test.each([
    ['no such torrent', 'no such torrent'],
    ['no such torrent\0', 'no such torrent'],
    ['\0', 'the tracker gives no reason'],
    ['', 'the tracker gives no reason'],
  ])('why a tracker refuses is a text, or one that ends as in C: %j', (said, reason) => {
    const answer = Uint8Array.of(0, 0, 0, 3, 0, 0, 0, 9, ...new TextEncoder().encode(said))
    expect(decodeUdpAnswer(answer, 4)).toEqual({ action: 'error', transaction: 9, reason })
  })

  const TRACKER: Endpoint = { host: '10.0.0.7', port: 6969 }
  let clock: SimClock
  let sent: { readonly data: Uint8Array; readonly at: number }[]
  let socket: Datagrams
  let trackers: UdpTrackers
  let results: unknown[]
  /** What became of sockets. */
  let sockets: string[]

  beforeEach(() => {
    clock = new SimClock()
    sent = []
    results = []
    sockets = []
    socket = {
      local: { host: '0.0.0.0', port: 0 },
      onDatagram: () => {},
      send: (data) => sent.push({ data: data.slice(), at: clock.now() }),
      close: () => sockets.push('closed'),
    }
    const openUdp = (): Datagrams => {
      sockets.push('opened')
      return socket
    }
    trackers = new UdpTrackers({ clock, random: new SeededRandom(5), openUdp })
  })

  const ask = (to = TRACKER): (() => void) =>
    trackers.announce(to, { announce: ANNOUNCE, urlData: '/' }, (result) =>
      results.push(result instanceof Error ? (result as Error & { code: string }).code : result.peers),
    )
  const last = (): DataView => new DataView(sent.at(-1)!.data.buffer)
  const transaction = (): number => last().getUint32(12)
  const action = (): number => last().getUint32(8)

  function reply(kind: number, body: readonly number[], from = TRACKER, id = transaction()): void {
    const data = new Uint8Array(8 + body.length)
    new DataView(data.buffer).setUint32(0, kind)
    new DataView(data.buffer).setUint32(4, id)
    data.set(body, 8)
    socket.onDatagram(data, from)
  }
  const connect = (from = TRACKER): void => reply(0, [1, 2, 3, 4, 5, 6, 7, 8], from)
  const peers = (): void => reply(1, [0, 0, 7, 8, 0, 0, 0, 1, 0, 0, 0, 2, 10, 0, 0, 1, 0, 80])

  test('first comes a connection id, then the answer; the id serves for a minute', () => {
    ask()
    expect(action()).toBe(0)
    connect()
    expect([action(), last().getBigUint64(0)]).toEqual([1, 0x0102030405060708n])
    peers()
    expect(results).toEqual([[{ host: '10.0.0.1', port: 80 }]])
    clock.runUntil(59_000)
    ask()
    expect(action()).toBe(1)
    peers()
    clock.runUntil(61_000)
    ask()
    expect(action()).toBe(0)
    connect()
    peers()
    clock.runUntil(120_000)
    ask()
    expect(action()).toBe(1)
    expect(sockets).toEqual(['opened'])
  })

  test('a scrape is asked and answered like an announce, but by no announce', () => {
    const scrape = (): void => {
      trackers.scrape(TRACKER, HASH, (result) =>
        results.push(result instanceof Error ? (result as Error & { code: string }).code : result),
      )
    }
    scrape()
    connect()
    expect(action()).toBe(2)
    reply(2, [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])
    expect(results.splice(0)).toEqual([{ seeds: 1, downloads: 2, leechers: 3 }])
    scrape()
    peers()
    peers()
    expect(results.splice(0)).toEqual(['tracker.malformed'])
    ask()
    reply(2, [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])
    clock.runUntil(100_000)
    expect(results).toEqual(['tracker.malformed'])
  })

  test('only the tracker that was asked is believed, and only with the number that it was given', () => {
    ask()
    const id = transaction()
    reply(0, [1, 1, 1, 1, 1, 1, 1, 1], { host: '10.0.0.8', port: 6969 })
    reply(0, [1, 1, 1, 1, 1, 1, 1, 1], { host: '10.0.0.7', port: 6970 })
    reply(0, [1, 1, 1, 1, 1, 1, 1, 1], TRACKER, id ^ 1)
    reply(0, [1, 1])
    peers()
    expect([sent.length, results]).toEqual([1, []])
    connect()
    peers()
    peers()
    expect(results).toHaveLength(1)
  })

  test('silence is borne for 15 s, then 30 s', () => {
    ask()
    clock.runUntil(44_999)
    expect([sent.map(({ at }) => at), results]).toEqual([[0, 15_000], []])
    clock.runUntil(45_000)
    expect(results).toEqual(['net.timeout'])
    connect()
    clock.runUntil(200_000)
    expect([sent.length, results.length]).toEqual([2, 1])
  })

  test('a connection id that comes late leaves the question its two attempts', () => {
    ask()
    clock.runUntil(15_000)
    connect()
    clock.runUntil(200_000)
    expect(sent.map(({ at }) => at)).toEqual([0, 15_000, 15_000, 30_000])
    expect(results).toEqual(['net.timeout'])
  })

  test('of many trackers the latest connection ids are remembered', () => {
    const many = Array.from({ length: 300 }, (_, port) => ({ ...TRACKER, port: port + 1 }))
    const told = (tracker: Endpoint): boolean => {
      ask(tracker)()
      return action() === 1
    }
    for (const tracker of many) {
      const cancel = ask(tracker)
      connect(tracker)
      cancel()
    }
    expect(many.filter(told)).toEqual(many.slice(-256))
  })

  test('what is closed answers nobody, sends nothing more and leaves no socket open', () => {
    ask()
    const late = transaction()
    trackers.close()
    reply(0, [1, 2, 3, 4, 5, 6, 7, 8], TRACKER, late)
    clock.runUntil(100_000)
    expect([sent.length, results, sockets]).toEqual([1, [], ['opened', 'closed']])
  })

  test('a tracker that gives out connection ids and says no more is given up all the same', () => {
    ask()
    for (let second = 0; second < 200; second++) {
      if (sent.length > 0 && action() === 0) connect()
      clock.runUntil(1_000 * second)
    }
    expect(sent.map(({ at }) => at)).toEqual([0, 0, 15_000, 15_000])
    expect(results).toEqual(['net.timeout'])
  })

  test('an error has its words, and the connection id is asked for anew', () => {
    ask()
    connect()
    reply(3, [...new TextEncoder().encode('go away')])
    clock.runUntil(100_000)
    expect(results).toEqual(['tracker.failure'])
    ask()
    expect(action()).toBe(0)
  })

  test('what is cancelled is not answered any more', () => {
    ask()()
    connect()
    clock.runUntil(100_000)
    expect([sent.length, results]).toEqual([1, []])
  })

  test('questions have a limit', () => {
    for (let i = 0; i <= MAX_UDP_QUESTIONS; i++) ask()
    clock.runUntil(1)
    expect([sent.length, results]).toEqual([MAX_UDP_QUESTIONS, ['net.failed']])
  })
})

test('tiers keep their order; within one it is drawn once, and who answers moves to the front', () => {
  const tiers = new Tiers(
    [
      ['a', 'b', 'c', 'd', 'e'],
      ['x', 'y'],
    ],
    new SeededRandom(3),
  )
  const before = tiers.inOrder
  expect(before.slice(0, 5).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(before.slice(5).toSorted()).toEqual(['x', 'y'])
  expect(before.slice(0, 5)).not.toEqual(['a', 'b', 'c', 'd', 'e'])
  tiers.onAnswer(before[3]!)
  tiers.onAnswer(before[6]!)
  expect(tiers.inOrder).toEqual([before[3], before[0], before[1], before[2], before[4], before[6], before[5]])
})
