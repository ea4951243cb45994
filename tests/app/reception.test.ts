/** Callers before their torrent is known. */
import { beforeEach, expect, test } from 'vitest'
import {
  maxAcceptedOf,
  MAX_PENDING_HANDSHAKES,
  maxPeersOf,
  maxPendingOf,
  Reception,
} from '../../src/app/reception.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { HANDSHAKE_TIMEOUT_MS } from '../../src/peer/handshaker.ts'
import { encodeHandshake } from '../../src/protocol/handshake.ts'
import { idFrom, type InfoHash, type PeerId } from '../../src/protocol/ids.ts'
import type { ByteStream, StreamHandler } from '../../src/protocol/ports.ts'

const HANDSHAKE = encodeHandshake({
  infoHash: idFrom<InfoHash>(new Uint8Array(20).fill(1)),
  peerId: idFrom<PeerId>(new Uint8Array(20).fill(2)),
  hasExtensions: true,
  hasFast: false,
})

let clock: SimClock
let reception: Reception
let refused: string[]
let shaken: string[]
let ports = 0
beforeEach(() => {
  clock = new SimClock()
  refused = []
  shaken = []
  reception = new Reception({
    clock,
    filter: undefined,
    maxPending: MAX_PENDING_HANDSHAKES,
    emit: (event) => {
      if (event.event === 'peer_refused') refused.push(`${event.peer.replace(/:.*/, '')} ${event.reason}`)
    },
    answer: () => HANDSHAKE,
    onShaken: ({ stream }) => {
      shaken.push(stream.remote.host)
      return true
    },
  })
})

/** Somebody connects. @returns what lets it speak */
function call(host: string): (bytes: Uint8Array) => void {
  let isOpen = true
  const stream: ByteStream = {
    remote: { host, port: ++ports },
    handler: undefined as unknown as StreamHandler,
    queuedBytes: 0,
    write: () => {},
    pause: () => {},
    resume: () => {},
    destroy: () => (isOpen = false),
  }
  reception.onStream(stream)
  return (bytes) => {
    if (isOpen) stream.handler.onData(bytes)
  }
}

test('a thousand silent callers of one address keep nobody else out', () => {
  for (let i = 0; i < 1_000; i++) call('203.0.113.9')
  expect(refused).toEqual(new Array(1_000 - MAX_PENDING_HANDSHAKES).fill('203.0.113.9 too many handshakes'))
  const speak = call('192.0.2.1')
  call('203.0.113.9')
  speak(HANDSHAKE)
  expect(shaken).toEqual(['192.0.2.1'])
})

test('of silent callers from everywhere those who have taken longest go', () => {
  const first = call('192.0.2.0')
  for (let i = 1; i < MAX_PENDING_HANDSHAKES; i++) call(`192.0.2.${i}`)
  const last = call('198.51.100.1')
  first(HANDSHAKE)
  last(HANDSHAKE)
  expect(refused).toEqual(['192.0.2.0 too many handshakes'])
  expect(shaken).toEqual(['198.51.100.1'])
})

test('who drips its handshake is not waited for, and its place is free again', () => {
  for (let i = 0; i < MAX_PENDING_HANDSHAKES; i++) call('203.0.113.9')(HANDSHAKE.subarray(0, 1))
  clock.runUntil(HANDSHAKE_TIMEOUT_MS + 1)
  expect(refused).toEqual(new Array(MAX_PENDING_HANDSHAKES).fill('203.0.113.9 net.timeout'))
  call('203.0.113.9')(HANDSHAKE)
  expect(shaken).toEqual(['203.0.113.9'])
})

test('all are let go when the node closes', () => {
  call('192.0.2.1')
  call('192.0.2.2')
  reception.close()
  expect(refused).toEqual(['192.0.2.1 net.reset', '192.0.2.2 net.reset'])
})

test('where few connections can be had, callers who say nothing get an eighth of them', () => {
  expect([96, 512, 1_024, Infinity].map(maxPendingOf)).toEqual([12, 64, 128, 128])
})

test('with all peers connected, and all that may be silent, the next caller is let in: one of those goes for him', () => {
  for (const maxConnections of [96, 2_048, 10_000, Infinity])
    for (const maxPeers of [1, 50, 2_000, 8_000].filter((each) => each <= maxPeersOf(maxConnections))) {
      const strangers = maxAcceptedOf(maxPeers, maxConnections) - maxPeers
      expect(strangers).toBeGreaterThanOrEqual(2 * maxPendingOf(maxConnections))
    }
  expect(maxAcceptedOf(maxPeersOf(2_048), 2_048)).toBe(2_048)
})
