/** The metadata exchange under siege: one honest peer among strangers who spend whole minutes on keeping it from us. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import {
  MAX_METADATA_LENGTH,
  MAX_METADATA_REQUESTS,
  MetadataExchange,
  type MetadataPeer,
} from '../../src/peer/metadata-exchange.ts'
import { bytesEqual, idFrom, type InfoHash } from '../../src/protocol/ids.ts'
import {
  decodeMetadataMessage,
  encodeMetadataData,
  encodeMetadataReject,
  encodeMetadataRequest,
  METADATA_BLOCK_LENGTH,
} from '../../src/protocol/metadata-message.ts'
import type { Millis } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'

const SECOND: Millis = 1_000
const MINUTE: Millis = 60 * SECOND

/** Ten blocks, the last one short. */
const INFO = new SeededRandom(1).fill(new Uint8Array(9 * METADATA_BLOCK_LENGTH + 77))

/** What a peer does when it is asked for a block. */
type Answer = (peer: ScriptedPeer, block: number) => void

const ZEROS = new Uint8Array(MAX_METADATA_LENGTH)

const honest: Answer = (peer, block) => peer.deliver(20, encodeMetadataData(block, info))
const silent: Answer = () => {}
const rejects: Answer = (peer, block) => peer.deliver(20, encodeMetadataReject(block))
/** Honest, a block in so long. */
const slow =
  (wait: Millis): Answer =>
  (peer, block) =>
    peer.deliverNext(wait, encodeMetadataData(block, info))
/** Zeros of the size that it named, a block in so long. */
const zerosEvery =
  (wait: Millis): Answer =>
  (peer, block) =>
    peer.deliverNext(wait, encodeMetadataData(block, ZEROS.subarray(0, peer.remote.metadataSize)))

class ScriptedPeer implements MetadataPeer {
  static count = 0
  readonly id = ++ScriptedPeer.count
  readonly address = `10.0.${this.id >> 8}.${this.id & 255}:6881`
  readonly queuedBytes = 0
  readonly remote: { metadataSize: number; speaks(): boolean }
  #busyUntil = 0
  asked = 0
  served = 0
  readonly #answer: Answer

  constructor(answer: Answer, metadataSize: number) {
    this.#answer = answer
    this.remote = { metadataSize, speaks: () => true }
  }

  sendExtended(_name: string, payload: Uint8Array): boolean {
    const message = decodeMetadataMessage(payload)
    if (message?.type === 'data') this.served++
    if (message?.type !== 'request') return true
    this.asked++
    this.#answer(this, message.block)
    return true
  }

  /** So long after what it delivers before. */
  deliverNext(wait: Millis, payload: Uint8Array): void {
    this.#busyUntil = Math.max(clock.now(), this.#busyUntil) + wait
    this.deliver(this.#busyUntil - clock.now(), payload)
  }

  deliver(wait: Millis, payload: Uint8Array): void {
    clock.after(wait, () => {
      if (connected.has(this)) exchange.onMessage(this, payload)
      // It lay in the buffer of a socket.
      payload.fill(0)
    })
  }
}

let info: Uint8Array
let clock: SimClock
let got: Uint8Array | undefined
let liars: ScriptedPeer[]
let connected: Set<ScriptedPeer>
let exchange: MetadataExchange<ScriptedPeer>

beforeEach(() => {
  info = INFO
  begin()
})

function begin(): void {
  clock = new SimClock()
  got = undefined
  liars = []
  connected = new Set()
  exchange = new MetadataExchange<ScriptedPeer>({
    infoHash: idFrom<InfoHash>(hashes.sha1(info)),
    clock,
    hashes,
    emit: () => {},
    onMetadata: (bytes) => (got = bytes),
    onLiar(peer) {
      liars.push(peer)
      leave(peer)
    },
  })
  every(2 * SECOND, () => exchange.round(clock.now()))
}

function every(wait: Millis, action: () => void): void {
  clock.after(wait, () => {
    action()
    every(wait, action)
  })
}

function join(answer: Answer, size = info.length): ScriptedPeer {
  const peer = new ScriptedPeer(answer, size)
  connected.add(peer)
  exchange.onHandshake(peer)
  return peer
}

function joinAll(count: number, answer: Answer, size?: number): ScriptedPeer[] {
  return Array.from({ length: count }, () => join(answer, size))
}

function leave(peer: ScriptedPeer): void {
  connected.delete(peer)
  exchange.onClosed(peer)
}

/** Two who send the right size and the wrong bytes: from then on one peer is asked at a time. */
function raiseSuspicion(): void {
  joinAll(2, zerosEvery(1))
  clock.runUntil(clock.now() + SECOND)
  expect(liars).toHaveLength(2)
}

function expectWithin(limit: Millis): void {
  const deadline = clock.now() + limit
  while (got === undefined && clock.now() < deadline) clock.step()
  expect(got !== undefined && bytesEqual(got, info)).toBe(true)
}

describe('who says hello again and again', () => {
  test('and nothing else is asked once a minute all the same', () => {
    const talker = join(silent)
    every(SECOND, () => exchange.onHandshake(talker))
    clock.runUntil(59 * SECOND)
    expect(talker.asked).toBe(MAX_METADATA_REQUESTS)
  })

  test('with another size each time is asked once a minute all the same', () => {
    const turncoat = join(silent, 20)
    every(SECOND, () => {
      turncoat.remote.metadataSize++
      exchange.onHandshake(turncoat)
    })
    clock.runUntil(59 * SECOND)
    expect(turncoat.asked).toBe(1)
  })

  test('does not get the turn of others', () => {
    raiseSuspicion()
    const talker = join(silent)
    every(SECOND, () => exchange.onHandshake(talker))
    join(honest)
    expectWithin(15 * SECOND)
  })
})

describe('when one is asked at a time, everyone has a turn', () => {
  test.each([
    ['silent', silent, 20],
    ['reject', rejects, 100],
  ] as const)('however many before it are %s', (_manner, answer, count) => {
    raiseSuspicion()
    joinAll(count, answer)
    join(honest)
    expectWithin(count * 10 * SECOND)
  })

  test('whatever size the majority names', () => {
    raiseSuspicion()
    joinAll(20, silent, 5 * METADATA_BLOCK_LENGTH)
    join(honest)
    expectWithin(20 * 10 * SECOND)
  })
})

test('who has failed once has its turn again, however many come after it', () => {
  raiseSuspicion()
  let isAwake = false
  join((peer, block) => {
    if (isAwake) honest(peer, block)
  })
  clock.runUntil(clock.now() + 10 * SECOND)
  isAwake = true
  every(5 * SECOND, () => join(silent))
  expectWithin(10 * MINUTE)
})

test('ever new majorities, who say nothing, do not take all the time', () => {
  join(slow(SECOND))
  let crowd = joinAll(3, silent, 20)
  every(5 * SECOND, () => {
    for (const peer of crowd) leave(peer)
    crowd = joinAll(3, silent, 20)
  })
  expectWithin(MINUTE)
})

test('the size that most of them name is tried first', () => {
  join(zerosEvery(300), MAX_METADATA_LENGTH)
  clock.runUntil(SECOND)
  join(honest)
  join(honest)
  expectWithin(SECOND)
})

test('one who names another size does not undo what has come', () => {
  join(slow(SECOND))
  clock.runUntil(9 * SECOND)
  join(silent, 20)
  expectWithin(2 * SECOND)
})

describe('the largest size that there may be, named by the majority,', () => {
  test('is given up when its blocks come one by one', () => {
    joinAll(2, zerosEvery(4 * SECOND), MAX_METADATA_LENGTH)
    join(honest)
    expectWithin(MINUTE)
  })

  test('is given up when its blocks come just fast enough', () => {
    joinAll(2, zerosEvery(300), MAX_METADATA_LENGTH)
    join(honest)
    expectWithin(2 * MINUTE)
  })
})

describe('slow', () => {
  test('and honest is fast enough when it has its turn again, also while others name another size', () => {
    raiseSuspicion()
    join(slow(1_900))
    joinAll(30, silent, 20)
    expectWithin(10 * MINUTE)
  })

  test.each([4, 12, 30])(
    'and alone has all the time that it needs, and is asked once: %i s a block',
    (seconds) => {
      const peer = join(slow(seconds * SECOND))
      expectWithin((10 * seconds + 1) * SECOND)
      expect(peer.asked).toBe(10)
    },
  )

  test.each([
    ['says nothing', silent],
    ['rejects', rejects],
    ['is slower still', slow(30 * SECOND)],
  ])('goes on where it was while another %s', (_manner, other) => {
    info = new SeededRandom(2).fill(new Uint8Array(60 * METADATA_BLOCK_LENGTH))
    begin()
    const peer = join(slow(5 * SECOND))
    join(other)
    expectWithin((60 * 5 + 30) * SECOND)
    expect(peer.asked).toBeLessThanOrEqual(60)
  })

  test('answers are taken although somebody else was asked meanwhile', () => {
    joinAll(3, slow(9 * SECOND))
    expectWithin(45 * SECOND)
  })

  test('is not what all have to wait for when they are asked one by one', () => {
    info = new SeededRandom(2).fill(new Uint8Array(200 * METADATA_BLOCK_LENGTH))
    begin()
    raiseSuspicion()
    join(slow(1_900))
    join(honest)
    expectWithin(40 * SECOND)
  })
})

describe('what nobody asked for', () => {
  test.each([
    ['rejects', encodeMetadataReject(3)],
    ['blocks', encodeMetadataData(3, INFO)],
    ['blocks beyond the end', encodeMetadataData(700, new Uint8Array(0))],
  ])('%s without end are a flood', (_what, payload) => {
    const peer = join(silent, 20)
    expect(() => {
      for (let i = 0; i < 1_000; i++) exchange.onMessage(peer, payload)
    }).toThrow(expect.objectContaining({ code: 'wire.flood' }) as Error)
  })

  test('is forgiven after a minute: answers may be late', () => {
    const peer = join(silent)
    for (let late = 0; late < 5; late++) {
      clock.runUntil(late * MINUTE)
      for (let i = 0; i < 40; i++) exchange.onMessage(peer, encodeMetadataReject(9))
    }
    expect(connected.has(peer)).toBe(true)
  })

  test('is no reason to ask others less', () => {
    const peer = join(silent)
    leave(peer)
    const other = join(honest)
    exchange.onMessage(other, encodeMetadataReject(700))
    expectWithin(SECOND)
  })
})

test.each([
  ['too long', new Uint8Array(METADATA_BLOCK_LENGTH * 2)],
  ['too short', new Uint8Array(METADATA_BLOCK_LENGTH - 1)],
  ['empty', new Uint8Array(0)],
])('a block that is %s is asked of others at once', (_how, bytes) => {
  join((peer, block) => {
    const message = encodeMetadataData(block, new Uint8Array(0))
    peer.deliver(20, Uint8Array.of(...message, ...bytes))
  })
  join(honest)
  expectWithin(SECOND)
})

test('who asks for the whole four times a minute is served for hours', () => {
  exchange.serve(info)
  const peer = join(silent)
  for (let minute = 0; minute < 120; minute++) {
    clock.runUntil(minute * MINUTE)
    for (let block = 0; block < 40; block++) exchange.onMessage(peer, encodeMetadataRequest(block % 10))
  }
  expect(peer.served).toBe(120 * 40)
})
