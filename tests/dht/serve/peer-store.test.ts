import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { PEER_TTL, PeerStore, type StoreLimits } from '../../../src/dht/serve/peer-store.ts'
import {
  formatEndpoint,
  mayTell,
  sameEndpoint,
  scopeOf,
  unpackEndpoint,
} from '../../../src/protocol/endpoint.ts'
import type { InfoHash, NodeId } from '../../../src/protocol/ids.ts'

const ownId = new Uint8Array(20) as NodeId
const hash = (byte: number): InfoHash => new Uint8Array(20).fill(byte) as InfoHash

const LIMITS: StoreLimits = {
  hashes: 4,
  peersPerHash: 6,
  peers: 12,
  peersPerHashAndAddress: 2,
  hashesPerAddress: 3,
}

const store = (): PeerStore =>
  new PeerStore({ family: 4, ownId, random: new SeededRandom(3), limits: { lan: LIMITS, wan: LIMITS } })

function put(into: PeerStore, hashByte: number, host: string, { port = 1, now = 0 } = {}) {
  return into.put(hash(hashByte), { host, port }, { isSeed: false, profile: 'lan', now })
}

/** Somebody else, who may be told of everybody. */
const stranger = { from: { host: '127.9.9.9', port: 9 }, scope: 'loopback' } as const

const hosts = (from: PeerStore, hashByte: number, now = 0): string[] =>
  from.endpoints(hash(hashByte), now).map(formatEndpoint).sort()

describe('a peer', () => {
  test('is there until 45 minutes after its last announce, to the millisecond', () => {
    const peers = store()
    expect(put(peers, 1, '10.0.0.1')).toBe('new')
    expect(put(peers, 1, '10.0.0.1', { now: 1_000 })).toBe('renewed')
    expect(peers.swarm(hash(1), 1_000 + PEER_TTL - 1)?.peers).toHaveLength(1)
    expect(peers.swarm(hash(1), 1_000 + PEER_TTL)).toBeUndefined()
    expect(peers.hashes).toBe(0)
  })

  test('with one port too many loses its oldest', () => {
    const peers = store()
    for (const port of [1, 2, 3]) put(peers, 1, '10.0.0.1', { port })
    expect(hosts(peers, 1)).toEqual(['10.0.0.1:2', '10.0.0.1:3'])
  })

  test('stands under so many hashes and no more', () => {
    const peers = store()
    expect([1, 2, 3, 4].map((byte) => put(peers, byte, '10.0.0.1'))).toEqual(['new', 'new', 'new', 'full'])
    expect(put(peers, 4, '10.0.0.2')).toBe('new')
  })
})

test('a full swarm takes nobody more, but keeps whom it has', () => {
  const peers = store()
  for (let i = 0; i < 6; i++) put(peers, 1, `10.0.0.${i}`)
  expect(put(peers, 1, '10.0.0.9')).toBe('full')
  expect(put(peers, 1, '10.0.0.3')).toBe('renewed')
})

test('a full store gives up the smallest swarm, the farthest among equals, and never for one less useful', () => {
  const peers = store()
  for (const byte of [1, 2, 4]) put(peers, byte, `10.0.${byte}.1`)
  put(peers, 8, '10.0.8.1')
  put(peers, 8, '10.0.8.2')
  expect(put(peers, 16, '10.0.16.1')).toBe('full')
  expect(put(peers, 3, '10.0.3.1')).toBe('new')
  expect([1, 2, 3, 4, 8].map((byte) => hosts(peers, byte).length)).toEqual([1, 1, 1, 0, 2])
})

test('a sample is uniform, without repeats, and no larger than asked', () => {
  const peers = store()
  for (let i = 0; i < 6; i++) put(peers, 1, `10.0.0.${i}`)
  const seen = new Map<string, number>()
  for (let draw = 0; draw < 3_000; draw++) {
    const packed = peers.sample(peers.swarm(hash(1), 0)!, 2, stranger)
    expect(packed).toHaveLength(12)
    const both = [0, 6].map((at) => unpackEndpoint(packed, at, 4).host)
    expect(both[0]).not.toBe(both[1])
    for (const host of both) seen.set(host, (seen.get(host) ?? 0) + 1)
  }
  for (const count of seen.values()) expect(Math.abs(count - 1_000)).toBeLessThan(120)
  expect(seen.size).toBe(6)
})

test('a sample names as many as it may of those whom the asker may be told of, and never himself', () => {
  const host = fc.constantFrom('127.0.0.1', '10.0.0.1', '10.0.0.2', '1.2.3.4', '5.6.7.8', '9.9.9.9')
  const endpoint = fc.record({ host, port: fc.integer({ min: 1, max: 3 }) })
  const announce = fc.record({ endpoint, wait: fc.constantFrom(0, 0, 0, PEER_TTL / 2) })
  const many: StoreLimits = { ...LIMITS, peersPerHash: 60, peers: 60 }
  fc.assert(
    fc.property(fc.array(announce, { maxLength: 30 }), endpoint, fc.nat(20), (stream, from, count) => {
      const random = new SeededRandom(5)
      const peers = new PeerStore({ family: 4, ownId, random, limits: { lan: many, wan: many } })
      let now = 0
      for (const { endpoint: peer, wait } of stream) {
        now += wait
        peers.put(hash(1), peer, { isSeed: false, profile: 'lan', now })
      }
      const swarm = peers.swarm(hash(1), now)
      if (swarm === undefined) return
      const asker = { from, scope: scopeOf(from.host) }
      const mayHear = peers
        .endpoints(hash(1), now)
        .filter((peer) => mayTell(asker.scope, scopeOf(peer.host)) && !sameEndpoint(peer, from))
        .map(formatEndpoint)
      for (let draw = 0; draw < 3; draw++) {
        const packed = peers.sample(swarm, count, asker)
        const told = Array.from({ length: packed.length / 6 }, (_, at) =>
          formatEndpoint(unpackEndpoint(packed, 6 * at, 4)),
        )
        expect(new Set(told).size).toBe(Math.min(count, mayHear.length))
        expect(told.length).toBe(new Set(told).size)
        expect(mayHear).toEqual(expect.arrayContaining(told))
      }
    }),
    { numRuns: 300 },
  )
})

test('under any stream of announces the caps hold, and at the end nothing is left', () => {
  const announce = fc.record({
    byte: fc.integer({ min: 1, max: 9 }),
    host: fc.integer({ min: 1, max: 9 }),
    port: fc.integer({ min: 1, max: 4 }),
    wait: fc.constantFrom(0, 0, 0, 60_000, PEER_TTL / 2),
  })
  fc.assert(
    fc.property(fc.array(announce, { maxLength: 120 }), (stream) => {
      const peers = store()
      let now = 0
      for (const { byte, host, port, wait } of stream) {
        now += wait
        const outcome = put(peers, byte, `10.0.0.${host}`, { port, now })
        const stored = hosts(peers, byte, now)
        if (outcome !== 'full') expect(stored).toContain(`10.0.0.${host}:${port}`)
        const all = Array.from({ length: 9 }, (_, i) => hosts(peers, i + 1, now))
        expect(peers.peers).toBe(all.flat().length)
        expect(peers.peers).toBeLessThanOrEqual(LIMITS.peers)
        expect(peers.hashes).toBe(all.filter((list) => list.length > 0).length)
        expect(peers.hashes).toBeLessThanOrEqual(LIMITS.hashes)
        for (let one = 1; one <= 9; one++) {
          const perHash = all.map((list) => list.filter((peer) => peer.startsWith(`10.0.0.${one}:`)).length)
          expect(Math.max(...perHash)).toBeLessThanOrEqual(LIMITS.peersPerHashAndAddress)
          expect(perHash.filter((count) => count > 0).length).toBeLessThanOrEqual(LIMITS.hashesPerAddress)
        }
        expect(Math.max(...all.map((list) => list.length))).toBeLessThanOrEqual(LIMITS.peersPerHash)
      }
      peers.expire(now + PEER_TTL)
      expect({ hashes: peers.hashes, peers: peers.peers }).toEqual({ hashes: 0, peers: 0 })
    }),
    { numRuns: 60 },
  )
})
