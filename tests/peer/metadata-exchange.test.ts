/** The metadata exchange: an info dictionary from strangers, some of whom lie, reject, stall or leave. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import type { PeerEvent } from '../../src/peer/events.ts'
import {
  MAX_METADATA_LENGTH,
  MAX_METADATA_REQUESTS,
  MetadataExchange,
  type MetadataPeer,
} from '../../src/peer/metadata-exchange.ts'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { bytesEqual, idFrom, type InfoHash } from '../../src/protocol/ids.ts'
import {
  decodeMetadataMessage,
  encodeMetadataData,
  encodeMetadataReject,
  encodeMetadataRequest,
  METADATA_BLOCK_LENGTH,
} from '../../src/protocol/metadata-message.ts'
import { hashes } from '../support/hashes.ts'

/** Ten blocks, the last one short. */
const INFO = new SeededRandom(1).fill(new Uint8Array(9 * METADATA_BLOCK_LENGTH + 77))
const WRONG = INFO.map((byte, at) => (at === 100_000 ? byte ^ 1 : byte))

/** How a peer answers a request. */
type Manner = 'honest' | 'liar' | 'rejects' | 'silent'

class FakePeer implements MetadataPeer {
  static count = 0
  readonly id = ++FakePeer.count
  readonly address = `10.0.0.${this.id}:6881`
  readonly remote: { metadataSize: number | undefined; speaks(extension: string): boolean }
  queuedBytes = 0
  readonly sent: ReturnType<typeof decodeMetadataMessage>[] = []
  mostInFlight = 0
  #inFlight = 0
  readonly manner: Manner

  constructor(manner: Manner, metadataSize = INFO.length) {
    this.manner = manner
    this.remote = { metadataSize, speaks: (extension) => extension === 'ut_metadata' }
  }

  sendExtended(_name: string, payload: Uint8Array): boolean {
    const message = decodeMetadataMessage(payload)
    this.sent.push(message)
    if (message?.type !== 'request' || this.manner === 'silent') return true
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight)
    clock.after(20, () => {
      this.#inFlight--
      if (!connected.has(this)) return
      const info = this.manner === 'liar' ? lieOf(this.remote.metadataSize!) : INFO
      exchange.onMessage(
        this,
        this.manner === 'rejects'
          ? encodeMetadataReject(message.block)
          : encodeMetadataData(message.block, info),
      )
    })
    return true
  }
}

const ZEROS = new Uint8Array(MAX_METADATA_LENGTH)

function lieOf(size: number): Uint8Array {
  return size === INFO.length ? WRONG : ZEROS.subarray(0, size)
}

let clock: SimClock
let events: PeerEvent[]
let got: Uint8Array | undefined
let liars: FakePeer[]
let connected: Set<FakePeer>
let exchange: MetadataExchange<FakePeer>

beforeEach(() => {
  clock = new SimClock()
  events = []
  got = undefined
  liars = []
  connected = new Set()
  exchange = new MetadataExchange<FakePeer>({
    infoHash: idFrom<InfoHash>(hashes.sha1(INFO)),
    clock,
    hashes,
    emit: (event) => events.push(event),
    onMetadata: (info) => (got = info),
    onLiar: (peer) => {
      liars.push(peer)
      leave(peer)
    },
  })
  const rounds = (): void => {
    exchange.round(clock.now())
    clock.after(2_000, rounds)
  }
  rounds()
})

function join(manner: Manner, size?: number): FakePeer {
  const peer = new FakePeer(manner, size)
  connected.add(peer)
  exchange.onHandshake(peer)
  return peer
}

function leave(peer: FakePeer): void {
  connected.delete(peer)
  exchange.onClosed(peer)
}

/** @returns seconds until the dictionary is there */
function secondsToFetch(limitSeconds: number): number {
  while (got === undefined && clock.now() < limitSeconds * 1_000) clock.step()
  expect(got !== undefined && bytesEqual(got, INFO)).toBe(true)
  return clock.now() / 1_000
}

describe('fetching', () => {
  test('several peers send parts of it at once', () => {
    const peers = [join('honest'), join('honest'), join('honest')]
    expect(secondsToFetch(60)).toBeLessThan(0.1)
    for (const peer of peers) {
      expect(peer.sent.length).toBeGreaterThan(0)
      expect(peer.mostInFlight).toBeLessThanOrEqual(MAX_METADATA_REQUESTS)
    }
  })

  test('it waits for the first who can help', () => {
    clock.runUntil(100_000)
    join('honest')
    secondsToFetch(101)
  })

  test.each(['rejects', 'silent'] as const)('one that %s holds nobody up for long', (manner) => {
    join(manner)
    join('honest')
    expect(secondsToFetch(60)).toBeLessThan(12)
  })

  test('one that leaves with blocks asked of it holds nobody up', () => {
    const peer = join('silent')
    join('honest')
    leave(peer)
    expect(secondsToFetch(60)).toBeLessThan(0.2)
  })

  test('a peer that rejected is asked again later: it may have learned it meanwhile', () => {
    const peer = join('rejects')
    clock.runUntil(1_000)
    const asked = peer.sent.length
    clock.runUntil(30_000)
    expect(peer.sent.length).toBe(asked)
    clock.runUntil(120_000)
    expect(peer.sent.length).toBeGreaterThan(asked)
  })

  test('nobody is believed who names a size beyond the limit', () => {
    const peer = join('honest', MAX_METADATA_LENGTH + 1)
    clock.runUntil(10_000)
    expect(peer.sent).toEqual([])
  })
})

describe('a liar', () => {
  test.each([0, 1, 2, 3])('among honest peers is found by asking one by one; it is at place %i', (place) => {
    const peers = Array.from({ length: 4 }, (_, at) => join(at === place ? 'liar' : 'honest'))
    expect(secondsToFetch(60)).toBeLessThan(30)
    expect(liars.every((peer) => peer === peers[place])).toBe(true)
    expect(events.filter(({ event }) => event === 'metadata_rejected').length).toBeLessThanOrEqual(2)
  })

  test('that is alone is known at once, and nobody who comes later pays for it', () => {
    const liar = join('liar')
    clock.runUntil(2_000)
    expect(liars).toEqual([liar])
    join('honest')
    expect(secondsToFetch(60)).toBeLessThan(3)
  })

  test('after ten liars comes an honest one', () => {
    for (let i = 0; i < 10; i++) join('liar')
    clock.runUntil(20_000)
    join('honest')
    secondsToFetch(300)
    expect(liars.length).toBeLessThanOrEqual(10)
  })

  test.each([10, MAX_METADATA_LENGTH])('that names a size of %i bytes gives way to the honest', (size) => {
    join('liar', size)
    join('honest')
    expect(secondsToFetch(60)).toBeLessThan(20)
  })

  test('with a silent friend and a small size costs some seconds', () => {
    join('silent', 20)
    join('silent', 20)
    join('honest')
    expect(secondsToFetch(60)).toBeLessThan(30)
  })

  test('that sends blocks of another length, or that nobody asked for, sends nothing', () => {
    const liar = join('silent')
    for (let block = -0; block < 20; block++)
      exchange.onMessage(liar, encodeMetadataData(block, INFO.subarray(0, 500)))
    exchange.onMessage(liar, encodeMetadataData(9, INFO))
    join('honest')
    expect(secondsToFetch(60)).toBeLessThan(12)
  })
})

describe('serving', () => {
  const requests = (peer: FakePeer, blocks: readonly number[]): void => {
    for (const block of blocks) exchange.onMessage(peer, encodeMetadataRequest(block))
  }

  test('every block is sent to whoever asks; one beyond the end is rejected', () => {
    exchange.serve(INFO)
    const peer = join('silent')
    requests(peer, [0, 9, 10])
    expect(peer.sent).toEqual([
      { type: 'data', block: 0, bytes: INFO.subarray(0, METADATA_BLOCK_LENGTH) },
      { type: 'data', block: 9, bytes: INFO.subarray(9 * METADATA_BLOCK_LENGTH) },
      { type: 'reject', block: 10 },
    ])
  })

  test('who does not know it yet says so', () => {
    const peer = join('silent', undefined)
    peer.remote.metadataSize = undefined
    requests(peer, [0])
    expect(peer.sent.at(-1)).toEqual({ type: 'reject', block: 0 })
  })

  test('a peer that does not read is sent nothing more', () => {
    exchange.serve(INFO)
    const peer = join('silent')
    peer.queuedBytes = 1_000_000
    requests(peer, [0, 1, 2])
    expect(peer.sent).toEqual([])
  })

  test('a flood of requests ends the connection', () => {
    exchange.serve(INFO)
    const peer = join('silent')
    expect(() =>
      requests(
        peer,
        Array.from({ length: 1_000 }, () => 0),
      ),
    ).toThrow(expect.objectContaining({ code: 'wire.flood' }) as Error)
    expect(peer.sent.length).toBeLessThanOrEqual(64)
  })

  test.each([
    encodeBencode({ msg_type: 0 }),
    encodeBencode({ msg_type: 0, piece: -1 }),
    encodeBencode(['x']),
    new Uint8Array(0),
  ])('nonsense is an error of the protocol: %s', (payload) => {
    expect(() => exchange.onMessage(join('silent'), payload)).toThrow(
      expect.objectContaining({ family: 'ProtocolError' }) as Error,
    )
  })

  test('an unknown kind of message is skipped, and the peer stays of use', () => {
    const peer = join('honest')
    const sent = peer.sent.length
    exchange.onMessage(peer, encodeBencode({ msg_type: 77, piece: 0 }))
    expect(peer.sent).toHaveLength(sent)
    expect(secondsToFetch(1)).toBeLessThan(0.1)
  })
})
