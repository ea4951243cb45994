/** One connection over a stream that the test holds both ends of. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { PeerConnection } from '../../src/peer/connection.ts'
import { IDLE_TALK } from '../../src/peer/conduct.ts'
import { IDLE_TIMEOUT_MS, KEEP_ALIVE_MS, UNREAD_TIMEOUT_MS } from '../../src/peer/liveness.ts'
import type { PeerObserver } from '../../src/peer/peer-observer.ts'
import { MAX_QUEUED_REQUESTS } from '../../src/peer/upload-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { makePeerId } from '../../src/protocol/client-name.ts'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { encodeExtensionHandshake, ExtensionRegistry } from '../../src/protocol/extension.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodeInterested,
  encodeNotInterested,
  encodePieceHeader,
  encodeRequests,
  encodeUnchoke,
} from '../../src/protocol/message.ts'
import type { ByteStream, StreamHandler } from '../../src/protocol/ports.ts'

const BLOCK = 16_384

class FakeStream implements ByteStream {
  readonly remote = { host: '10.0.0.2', port: 6881 }
  queuedBytes = 0
  /** The remote does not read. */
  isStuck = false
  handler!: StreamHandler
  /** What the connection has sent, as messages. */
  readonly sent: string[] = []
  isPaused = false
  isDestroyed = false
  readonly #decoder = new WireDecoder()

  write(data: Uint8Array, done?: () => void): void {
    if (this.isStuck) this.queuedBytes += data.length
    this.#decoder.push(data, (message) => {
      this.sent.push('piece' in message ? `${message.type} ${message.piece}` : message.type)
    })
    done?.()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  destroy(): void {
    this.isDestroyed = true
  }
}

let clock: SimClock
let stream: FakeStream
let told: string[]
let peer: PeerConnection
/** What the swarm closes the connection at. */
let lastWord: string | undefined

function tell(what: string): void {
  told.push(what)
  if (what === lastWord) peer.close('enough')
}

/** Four pieces of two blocks; the connection is up and our pieces are said. */
beforeEach(() => {
  clock = new SimClock()
  stream = new FakeStream()
  told = []
  lastWord = undefined
  const observer: PeerObserver = {
    onPieces: () => tell('pieces'),
    onHave: (_peer, piece) => tell(`have ${piece}`),
    onChoke: () => tell('choke'),
    onUnchoke: () => tell('unchoke'),
    onInterest: () => tell('interest'),
    onBlocks: (_peer, { piece, begin }, bytes) => tell(`block ${piece}+${begin} ${bytes[0]}`),
    onSupplyEnd: () => tell('end'),
    onRequest: () => tell('request'),
    onRequestsEnd: () => tell('requests end'),
    onExtensions: () => tell('extensions'),
    onClosed: (_peer, reason) => tell(`closed: ${reason}`),
  }
  peer = new PeerConnection({
    id: 1,
    stream,
    direction: 'in',
    peerId: makePeerId(new SeededRandom(1), '1.2.3'),
    client: 'test',
    clock,
    observer,
    extensions: { registry: new ExtensionRegistry(), fields: () => ({ client: 'us' }) },
    download: { ask: (bytes) => bytes },
  })
  const geometry = new PieceGeometry(2 * BLOCK, [{ path: [], length: 8 * BLOCK }])
  const have = new Bitfield(4)
  have.set(2)
  peer.onMetainfo(geometry, have)
  peer.start(new Uint8Array(0))
})

const receive = (...messages: Uint8Array[]): void => messages.forEach((bytes) => stream.handler.onData(bytes))

test('it begins with its bitfield, then says what it speaks', () => {
  expect(stream.sent).toEqual(['bitfield', 'extended'])
})

test('what the remote says of pieces, choke and interest is told once each', () => {
  receive(encodeBitfield(Uint8Array.of(0b1000_0000)), encodeHaves([3]), encodeHaves([3]))
  receive(encodeUnchoke(), encodeUnchoke(), encodeInterested(), encodeInterested(), encodeChoke())
  expect(told).toEqual(['pieces', 'end', 'have 3', 'end', 'end', 'unchoke', 'interest', 'choke'])
  expect([0, 1, 3].map((piece) => peer.remote.has(piece))).toEqual([true, false, true])
})

test('blocks of one chunk are told one by one, and then that it was all', () => {
  const message = (begin: number): number[] => [
    ...encodePieceHeader(1, begin, BLOCK),
    ...new Uint8Array(BLOCK).fill(7),
  ]
  receive(Uint8Array.from([...message(0), ...message(BLOCK)]))
  expect(told).toEqual([`block 1+0 7`, `block 1+${BLOCK} 7`, 'end'])
  expect(peer.downlink.received.total).toBe(2 * BLOCK)
})

test.each([
  ['pieces', encodeHaves([3]), []],
  ['have 3', encodeHaves([3, 2]), ['pieces']],
  [
    'end',
    Uint8Array.from([
      ...encodePieceHeader(1, 0, BLOCK),
      ...new Uint8Array(BLOCK),
      ...encodeRequests([{ piece: 2, begin: 0, length: BLOCK }]),
    ]),
    [`block 1+0 0`, 'request'],
  ],
])('a connection that is closed at %s tells nothing more', (word, bytes, before) => {
  peer.uplink.unchoke()
  lastWord = word
  receive(bytes, encodeUnchoke())
  expect(told).toEqual([...before, word, 'closed: enough'])
})

describe('requests of the remote', () => {
  const request = { piece: 2, begin: 0, length: BLOCK }

  test('wait in its queue once it is unchoked, and can be cancelled', () => {
    receive(encodeRequests([request]))
    expect(told).toEqual([])
    peer.uplink.unchoke()
    const next = { ...request, begin: BLOCK }
    receive(encodeRequests([request, next]), encodeCancels([request]))
    expect(told).toEqual(['request', 'request', 'requests end'])
    expect(peer.uplink.queue!.peekRun(Infinity)).toMatchObject([next])
  })

  test('are forgotten when it is choked', () => {
    peer.uplink.unchoke()
    receive(encodeRequests([request]))
    peer.uplink.choke()
    expect(peer.uplink.queue!.size).toBe(0)
    expect(stream.sent.slice(2)).toEqual(['unchoke', 'choke'])
  })

  test.each([
    ['a piece that does not exist', { ...request, piece: 4 }],
    ['bytes behind the end of the piece', { ...request, begin: 2 * BLOCK - 1 }],
    ['nothing', { ...request, length: 0 }],
    ['more than a client ever asks for at once', { ...request, length: 131_073 }],
    ['a length near 2^32', { ...request, length: 0xffff_ffff }],
  ])('for %s close it', (_what, bad) => {
    peer.uplink.unchoke()
    receive(encodeRequests([bad]))
    expect(told).toEqual(['closed: wire.bad-piece'])
    expect(stream.isDestroyed).toBe(true)
  })

  test('more than we said we take close it', () => {
    peer.uplink.unchoke()
    const all = Array.from({ length: MAX_QUEUED_REQUESTS + 1 }, (_, i) => ({ piece: 2, begin: i, length: 1 }))
    receive(encodeRequests(all))
    expect(told.at(-1)).toBe('closed: wire.flood')
  })
})

test.each([
  ['a block of a piece that does not exist', encodePieceHeader(9, 0, 1), 'wire.bad-piece'],
  ['a have of a piece that does not exist', encodeHaves([4]), 'wire.bad-piece'],
  ['a bitfield with spare bits set', encodeBitfield(Uint8Array.of(0xff)), 'wire.bad-bitfield'],
  ['a bitfield of another size', encodeBitfield(new Uint8Array(2)), 'wire.bad-bitfield'],
  ['an extension handshake that is no bencode', encodeExtended(0, Uint8Array.of(1)), 'bencode.malformed'],
])('%s closes it, and nothing after that is heard', (_what, bad, code) => {
  const block = bad[4] === 7 ? Uint8Array.of(...bad, 1) : bad
  receive(Uint8Array.of(...block, ...encodeUnchoke()), encodeUnchoke())
  expect(told).toEqual([`closed: ${code}`])
})

test('some blocks that nobody asked for are borne, many are not', () => {
  for (let i = 0; i < 64; i++) peer.downlink.strike()
  expect(peer.isClosed).toBe(false)
  peer.downlink.strike()
  expect(told).toEqual(['closed: wire.unrequested'])
})

describe('talk that moves nothing', () => {
  const { burst, perSecond } = IDLE_TALK
  const range = { piece: 2, begin: 0, length: BLOCK }
  const extensionHandshake = encodeExtended(0, encodeExtensionHandshake({ ids: new Map() }))

  test.each([
    ['keep-alives', 1, [new Uint8Array(4)]],
    ['interest that comes and goes', 2, [encodeInterested(), encodeNotInterested()]],
    ['haves of one piece', 1, [encodeHaves([3])]],
    ['one request and its cancel', 2, [encodeRequests([range]), encodeCancels([range])]],
    ['messages of a kind that we do not know', 1, [Uint8Array.of(0, 0, 0, 1, 99)]],
    ['extended messages with a number that nobody gave', 1, [encodeExtended(99, Uint8Array.of(1))]],
    ['a bitfield said again', 64, [encodeBitfield(Uint8Array.of(0b1000_0000))]],
    ['chokes that are taken back', 128, [encodeUnchoke(), encodeChoke()]],
    ['extension handshakes', 65, [extensionHandshake]],
  ])('is borne for a while: %s', (_what, cost, messages) => {
    peer.uplink.unchoke()
    const turns = Math.floor(burst / cost)
    for (let i = 0; i < turns - 1; i++) receive(...messages)
    expect(peer.isClosed).toBe(false)
    for (let i = 0; i < 3; i++) receive(...messages)
    expect(told.at(-1)).toBe('closed: wire.flood')
  })

  test('may go on for ever when it is slow', () => {
    for (let second = 0; second < 100; second++) {
      clock.runUntil(1_000 * second)
      for (let i = 0; i < perSecond; i++) receive(encodeHaves([3]))
    }
    expect(peer.isClosed).toBe(false)
  })

  test('is forgiven to who is served: as many requests as it likes, each with a change of mind', () => {
    peer.uplink.unchoke()
    for (let i = 0; i < burst; i++) {
      receive(encodeRequests([range]), encodeNotInterested(), encodeInterested())
      peer.uplink.queue!.take([range])
      peer.uplink.sendBlocks([range], new Uint8Array(BLOCK), () => {})
    }
    expect(peer.isClosed).toBe(false)
  })

  test('moves nobody to look at interest more than once for all that came together', () => {
    const flips = Array.from({ length: 101 }, (_, at) =>
      at % 2 ? encodeNotInterested() : encodeInterested(),
    )
    receive(Uint8Array.from(flips.flatMap((bytes) => [...bytes])))
    expect(told).toEqual(['interest'])
  })
})

test('the extension handshake tells its name, its port and how much it queues', () => {
  receive(
    encodeExtended(
      0,
      encodeExtensionHandshake({ ids: new Map(), client: 'Swarmer 9', port: 7000, requestQueue: 6 }),
    ),
  )
  expect(peer.remote.client).toBe('Swarmer 9')
  expect(peer.remote.listenEndpoint).toEqual({ host: '10.0.0.2', port: 7000 })
  expect(peer.downlink.window.size).toBe(6)
})

describe('as time passes', () => {
  test('it says something before the remote takes us for dead', () => {
    peer.onTick(KEEP_ALIVE_MS)
    expect(stream.sent).not.toContain('keepAlive')
    peer.onTick(KEEP_ALIVE_MS + 1)
    expect(stream.sent.at(-1)).toBe('keepAlive')
  })

  test('three minutes of silence end it', () => {
    clock.runUntil(1_000)
    receive(new Uint8Array(4))
    peer.onTick(1_000 + IDLE_TIMEOUT_MS)
    expect(told).toEqual([])
    peer.onTick(1_001 + IDLE_TIMEOUT_MS)
    expect(told).toEqual(['closed: idle'])
  })

  test('so do two minutes in which it takes nothing of what waits for it, however much it says', () => {
    const tick = (at: number): void => {
      clock.runUntil(at)
      receive(new Uint8Array(4))
      peer.onTick(at)
    }
    stream.isStuck = true
    peer.uplink.sendHaves([0, 1, 2])
    tick(1_000)
    stream.queuedBytes -= 1 // slow, but alive
    tick(2_000)
    tick(2_000 + UNREAD_TIMEOUT_MS)
    expect(told).toEqual([])
    tick(2_001 + UNREAD_TIMEOUT_MS)
    expect(told).toEqual(['closed: it does not read'])
  })

  test('silence that is our own doing does not', () => {
    peer.downlink.hold('disk')
    peer.onTick(IDLE_TIMEOUT_MS + 1)
    expect(peer.isClosed).toBe(false)
    expect(stream.isPaused).toBe(true)
    peer.downlink.unhold('disk')
    expect(stream.isPaused).toBe(false)
  })
})

test('it closes once', () => {
  peer.close('enough')
  peer.close('again')
  stream.handler.onClose()
  expect(told).toEqual(['closed: enough'])
})
