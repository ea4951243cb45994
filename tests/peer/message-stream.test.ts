/** Bytes in, messages out, until the remote breaks a rule, falls silent or hangs up. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { Conduct } from '../../src/peer/conduct.ts'
import {
  IDLE_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  SERVING_KEEP_ALIVE_MS,
  UNREAD_TIMEOUT_MS,
  WAITING_TIMEOUT_MS,
} from '../../src/peer/liveness.ts'
import { MessageStream } from '../../src/peer/message-stream.ts'
import { InvariantError, TransportError } from '../../src/protocol/errors.ts'
import { encodeHaves, encodePieceHeader, encodeUnchoke } from '../../src/protocol/message.ts'
import { FakeStream, joined } from './connection-scene.ts'

const KEEP_ALIVE = new Uint8Array(4)

let clock: SimClock
let wire: FakeStream
let stream: MessageStream
/** What its owner is told. */
let told: string[]
/** Bytes that the download budget still grants, and who waits for more. */
let budget: number
let refill: () => void
/** What its owner does with a message. */
let onMessage: (type: string) => void

beforeEach(() => {
  clock = new SimClock()
  wire = new FakeStream()
  told = []
  budget = Infinity
  onMessage = () => {}
  stream = new MessageStream({
    stream: wire,
    clock,
    conduct: new Conduct(0),
    download: {
      ask(bytes, onRefill) {
        const granted = Math.min(bytes, budget)
        budget -= granted
        refill = onRefill
        return granted
      },
    },
    onMessage: ({ type }) => {
      told.push(type)
      onMessage(type)
    },
    onChunkEnd: () => told.push('end'),
    onEnd: (reason) => told.push(`over: ${reason}`),
  })
})

test('the messages of a chunk are told one by one, and then that it was all', () => {
  const [first, second] = [encodeHaves([7]), encodeUnchoke()]
  wire.handler.onData(joined(first, second))
  wire.handler.onData(first.subarray(0, 3))
  wire.handler.onData(first.subarray(3))
  expect(told).toEqual(['have', 'unchoke', 'end', 'end', 'have', 'end'])
})

describe('once it is closed', () => {
  test('nothing is told, not even the rest of the chunk', () => {
    onMessage = () => stream.close()
    wire.handler.onData(joined(encodeHaves([7]), encodeUnchoke()))
    wire.handler.onData(encodeUnchoke())
    expect(told).toEqual(['have'])
    expect([stream.isClosed, wire.isDestroyed]).toEqual([true, true])
  })

  test('nothing is sent, and nobody is missed', () => {
    stream.close()
    stream.send(encodeUnchoke())
    stream.onTick(IDLE_TIMEOUT_MS + 1)
    expect([wire.writes, told]).toEqual([[], []])
  })

  test('reading is not resumed', () => {
    stream.gate.hold('disk')
    stream.close()
    stream.gate.unhold('disk')
    expect(wire.isPaused).toBe(true)
  })
})

test('a breach of the protocol ends it, with its code', () => {
  wire.handler.onData(Uint8Array.of(0, 0, 0, 2, 4, 0))
  expect(told[0]).toBe('over: wire.malformed')
})

test('a bitfield of the wrong length ends it before its bytes have come', () => {
  stream.expectPieces(9)
  wire.handler.onData(Uint8Array.of(0, 0, 0, 2, 5))
  expect(told[0]).toBe('over: wire.bad-bitfield')
})

test('a bug of ours is no breach of the protocol: it is not caught', () => {
  onMessage = () => {
    throw new InvariantError('our fault')
  }
  expect(() => wire.handler.onData(encodeUnchoke())).toThrow('our fault')
})

test.each([
  [undefined, 'closed by the peer'],
  [new TransportError('net.reset', 'gone'), 'net.reset'],
])('it is over when the stream is', (error, reason) => {
  wire.handler.onClose(error)
  expect(told).toEqual([`over: ${reason}`])
})

test('while the download limit is overdrawn, it does not read', () => {
  budget = 6
  wire.handler.onData(encodeUnchoke())
  expect(wire.isPaused).toBe(false)
  wire.handler.onData(encodeUnchoke())
  expect(wire.isPaused).toBe(true)
  budget = Infinity
  refill()
  expect(wire.isPaused).toBe(false)
})

describe('as time passes', () => {
  const tick = (now: number): void => {
    clock.runUntil(now)
    stream.onTick(now)
  }

  test('it says something before the remote takes us for dead', () => {
    tick(KEEP_ALIVE_MS)
    expect(wire.sent).toEqual([])
    tick(KEEP_ALIVE_MS + 1)
    expect(wire.sent).toEqual(['keepAlive'])
  })

  test.each([
    ['a message', () => stream.send(encodeUnchoke())],
    ['a block', () => stream.sendBlock(encodePieceHeader(0, 0, 1), Uint8Array.of(1), undefined)],
  ])('%s is as good as a keep-alive', (_what, send) => {
    clock.runUntil(1_000)
    send()
    tick(KEEP_ALIVE_MS + 1_000)
    expect(wire.sent).not.toContain('keepAlive')
    tick(KEEP_ALIVE_MS + 1_001)
    expect(wire.sent.at(-1)).toBe('keepAlive')
  })

  test('three minutes of silence end it', () => {
    clock.runUntil(1_000)
    wire.handler.onData(KEEP_ALIVE)
    tick(1_000 + IDLE_TIMEOUT_MS)
    expect(told).toEqual(['keepAlive', 'end'])
    tick(1_001 + IDLE_TIMEOUT_MS)
    expect(told.at(-1)).toBe('over: idle')
  })

  test('one minute is enough while we wait for blocks, and the minute begins when we ask', () => {
    const waiting = { areWe: true, isRemote: false }
    tick(WAITING_TIMEOUT_MS)
    stream.onTick(2 * WAITING_TIMEOUT_MS, waiting)
    expect(told).toEqual([])
    clock.runUntil(2 * WAITING_TIMEOUT_MS + 1_000)
    wire.handler.onData(KEEP_ALIVE)
    stream.onTick(3 * WAITING_TIMEOUT_MS + 1_000, waiting)
    expect(told.at(-1)).toBe('end')
    stream.onTick(3 * WAITING_TIMEOUT_MS + 1_001, waiting)
    expect(told.at(-1)).toBe('over: silent while we wait for blocks')
  })

  test('who waits for blocks from us hears from us every twenty seconds, whoever is served meanwhile', () => {
    const waiting = { areWe: false, isRemote: true }
    stream.onTick(SERVING_KEEP_ALIVE_MS, waiting)
    expect(wire.sent).toEqual([])
    stream.onTick(SERVING_KEEP_ALIVE_MS + 1, waiting)
    expect(wire.sent).toEqual(['keepAlive'])
  })

  test('so do two minutes in which the remote reads nothing of what waits for it, however much it says', () => {
    const speakAndTick = (now: number): void => {
      clock.runUntil(now)
      wire.handler.onData(KEEP_ALIVE)
      stream.onTick(now)
    }
    wire.isStuck = true
    stream.send(encodeHaves([0, 1, 2]))
    speakAndTick(1_000)
    wire.queuedBytes -= 1 // slow, but alive
    speakAndTick(2_000)
    speakAndTick(2_000 + UNREAD_TIMEOUT_MS)
    expect(told.at(-1)).toBe('end')
    speakAndTick(2_001 + UNREAD_TIMEOUT_MS)
    expect(told.at(-1)).toBe('over: it does not read')
  })

  test('silence does not count while we do not read', () => {
    stream.gate.hold('disk')
    tick(IDLE_TIMEOUT_MS + 1)
    stream.gate.unhold('disk')
    tick(2 * IDLE_TIMEOUT_MS + 1)
    expect(told).toEqual([])
    tick(2 * IDLE_TIMEOUT_MS + 2)
    expect(told).toEqual(['over: idle'])
  })
})
