import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContactBook } from '../../../src/dht/table/contact.ts'
import { Density } from '../../../src/dht/lookup/density.ts'
import { estimateNetworkSize } from '../../../src/dht/table/network-size.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { compareDistance, type NodeId } from '../../../src/protocol/ids.ts'

test('of nodes placed by chance one is refused in one lookup of fifty at most, when we think there are half as many', () => {
  const nodes = 1_000
  const seed = 3
  const random = new SeededRandom(seed)
  const density = new Density(nodes / 2)
  let refused = 0
  for (let round = 0; round < 400; round++) {
    const fractions = Array.from({ length: nodes }, () => random.float()).sort((a, b) => a - b)
    if (fractions.slice(0, 8).some((fraction, at) => !density.isPlausible(at + 1, fraction))) refused++
  }
  expect(refused, `seed ${seed}`).toBeLessThanOrEqual(8)
})

test('beside a target there are two nodes at most; in a network that is too small to tell, any number', () => {
  expect([1, 2, 3].map((nodes) => new Density(10_000).isPlausible(nodes, 1e-12))).toEqual([true, true, false])
  expect(new Density(99).isPlausible(8, 0)).toBe(true)
})

describe('the size of the network', () => {
  const ownId = new Uint8Array(20) as NodeId

  function estimate(ids: readonly NodeId[]): number {
    const book = new ContactBook(4)
    const contacts = ids
      .toSorted((a, b) => compareDistance(a, b, ownId))
      .map((id, at) => book.intern(id, { host: `10.0.0.${at}`, port: 20_000 }))
    const neighbours = {
      size: ids.length,
      closest: (_: Uint8Array, count: number) => contacts.slice(0, count),
    }
    return estimateNetworkSize(neighbours, ownId, book)
  }

  test('is judged right within a factor of three', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 5_000 }), fc.nat(2 ** 31), (size, seed) => {
        const random = new SeededRandom(seed)
        const ids = Array.from({ length: size }, () => random.fill(new Uint8Array(20)) as NodeId)
        const ratio = estimate(ids) / size
        expect(ratio).toBeGreaterThan(1 / 3)
        expect(ratio).toBeLessThan(3)
      }),
      { numRuns: 50 },
    )
  })

  test('is not judged larger by fifteen ids that somebody put beside ours', () => {
    const random = new SeededRandom(1)
    const honest = Array.from({ length: 1_000 }, () => random.fill(new Uint8Array(20)) as NodeId)
    const beside = Array.from({ length: 15 }, (_, at) => new Uint8Array(20).fill(at + 1, 10) as NodeId)
    expect(estimate([...honest, ...beside])).toBeLessThan(5_000)
  })

  test('is judged by the eight nearest alone while the table has just been begun: it has gaps beyond them', () => {
    const near = Array.from({ length: 8 }, (_, at) => new Uint8Array(20).fill(at + 1, 2, 3) as NodeId)
    const scattered = Array.from({ length: 184 }, (_, at) => new Uint8Array(20).fill(at + 6, 0, 1) as NodeId)
    expect(estimate([...near, ...scattered.slice(1)])).toBeGreaterThan(60_000)
    expect(estimate([...near, ...scattered])).toBeLessThan(1_000)
  })

  test('is judged by all 24 in a network so small that the table holds half of it', () => {
    const even = Array.from({ length: 120 }, (_, at) => new Uint8Array(20).fill(2 * at + 2, 0, 1) as NodeId)
    const beside = new Uint8Array(20).fill(1, 1) as NodeId
    expect(estimate(even)).toBeCloseTo(128)
    expect(estimate([beside, ...even])).toBeLessThan(140)
  })
})
