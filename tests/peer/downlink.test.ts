/** What we ask a peer for, and what its answers teach us. */
import { beforeEach, describe, expect, test } from 'vitest'
import { IDLE_TALK } from '../../src/peer/conduct.ts'
import { encodeExtensionHandshake } from '../../src/protocol/extension.ts'
import { encodeChoke, encodeExtended, encodeUnchoke } from '../../src/protocol/message.ts'
import { BLOCK, blockMessage, ConnectionScene } from './connection-scene.ts'

const KEEP_ALIVE = new Uint8Array(4)

let scene: ConnectionScene
beforeEach(() => {
  scene = new ConnectionScene().start()
})

const block = (piece: number, begin = 0) => blockMessage(piece, begin, new Uint8Array(BLOCK))
const range = (piece: number, begin = 0) => ({ piece, begin, length: BLOCK })

function receiveAt(now: number, ...messages: readonly Uint8Array[]): void {
  scene.clock.runUntil(now)
  scene.receive(...messages)
}

function requestAt(now: number, piece: number): void {
  scene.clock.runUntil(now)
  scene.peer.downlink.request([range(piece)])
}

test('a peer begins as one that chokes us, and that we do not want', () => {
  const { downlink } = scene.peer
  expect([downlink.isChokingUs, downlink.isWanted]).toEqual([true, false])
})

test('our interest is said when it changes, and only then', () => {
  const { downlink } = scene.peer
  for (const isWanted of [false, true, true, false, false]) downlink.setWanted(isWanted)
  expect(scene.stream.sent.slice(2)).toEqual(['interested', 'notInterested'])
})

test('runs that are requested together leave in one write, block by block; cancels, too', () => {
  const { downlink } = scene.peer
  const writes = scene.stream.writes.length
  downlink.request([{ ...range(0), length: 2 * BLOCK }, range(3)])
  downlink.cancel([range(0, BLOCK), range(3)])
  expect(scene.stream.writes).toHaveLength(writes + 2)
  expect(scene.stream.sent.slice(2)).toEqual([
    'request 0+0',
    `request 0+${BLOCK}`,
    'request 3+0',
    `cancel 0+${BLOCK}`,
    'cancel 3+0',
  ])
})

test('only a have, a bitfield or a block makes a piece known: what it has is what it said', () => {
  const { downlink, remote } = scene.peer
  expect([downlink.address, downlink.has(0), downlink.pieces]).toEqual([
    '10.0.0.2:6881',
    false,
    remote.pieces,
  ])
})

describe('the window', () => {
  test('times a request until its block comes', () => {
    requestAt(100, 0)
    receiveAt(140, block(0))
    expect(scene.peer.downlink.window.roundTrip).toBe(40)
  })

  test('does not wait for the answer to a request that was cancelled', () => {
    requestAt(100, 0)
    scene.peer.downlink.cancel([range(0)])
    requestAt(110, 1)
    receiveAt(130, block(1))
    expect(scene.peer.downlink.window.roundTrip).toBe(20)
  })

  test('does not wait for the answer to a request that a choke made void (BEP 3)', () => {
    receiveAt(0, encodeUnchoke())
    requestAt(100, 0)
    receiveAt(105, encodeChoke(), encodeUnchoke())
    requestAt(110, 1)
    receiveAt(130, block(1))
    expect(scene.peer.downlink.window.roundTrip).toBe(20)
  })

  test('starts anew when the peer lets us download again after a long time', () => {
    const { window } = scene.peer.downlink
    const start = window.size
    receiveAt(0, encodeUnchoke(), block(0), block(0, BLOCK), block(1))
    expect(window.size).toBe(start + 3)
    receiveAt(1_000, encodeChoke())
    receiveAt(100_000, encodeUnchoke())
    expect(window.size).toBe(start)
  })

  test('never exceeds what the peer says that it queues (BEP 10, `reqq`)', () => {
    scene.receive(encodeExtended(0, encodeExtensionHandshake({ ids: new Map(), requestQueue: 6 })))
    expect(scene.peer.downlink.window.size).toBe(6)
  })

  test('asks a fast peer for blocks as long as it says that it serves', () => {
    const longestBlock = 4 * BLOCK
    scene.receive(encodeExtended(0, encodeExtensionHandshake({ ids: new Map(), longestBlock })))
    requestAt(0, 0)
    for (let now = 1; now <= 20; now++) receiveAt(now, block(0), block(0, BLOCK), block(1))
    expect(scene.peer.downlink.window.requestLength).toBe(longestBlock)
  })
})

test('payload that comes is counted, and its rate with it', () => {
  receiveAt(1_000, block(0), block(1))
  expect(scene.peer.downlink.received.total).toBe(2 * BLOCK)
  expect(scene.peer.downlink.received.rate(1_000)).toBeGreaterThan(0)
})

test('whoever sends us blocks may talk much', () => {
  const oneByte = blockMessage(0, 0, Uint8Array.of(1))
  for (let blocks = 0; blocks < IDLE_TALK.burst; blocks++)
    scene.receive(oneByte, KEEP_ALIVE, KEEP_ALIVE, KEEP_ALIVE)
  expect(scene.peer.isClosed).toBe(false)
})

test('while it is held for any reason, nothing is read from it', () => {
  const { downlink } = scene.peer
  downlink.hold('disk')
  downlink.hold('bandwidth')
  downlink.unhold('disk')
  expect([downlink.isHeld, scene.stream.isPaused]).toEqual([true, true])
  downlink.unhold('bandwidth')
  expect([downlink.isHeld, scene.stream.isPaused]).toEqual([false, false])
})

test('some blocks that nobody asked for are borne, many are not', () => {
  for (let blocks = 0; blocks < 64; blocks++) scene.peer.downlink.strike()
  expect(scene.peer.isClosed).toBe(false)
  scene.peer.downlink.strike()
  expect(scene.told).toEqual(['closed: wire.unrequested'])
})
