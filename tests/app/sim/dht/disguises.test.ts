/** What attackers of the simulated DHT pretend to be: each kind as its description says. */
import { describe, expect, test } from 'vitest'
import { BesideTarget, Manifold, Spaced, type Disguise } from '../../../../src/app/sim/dht/disguises.ts'
import { SeededRandom } from '../../../../src/app/sim/random.ts'
import { compareDistance, toHex } from '../../../../src/protocol/ids.ts'

const PLACES = 50
const NODES = 1_000
const target = new SeededRandom(7).fill(new Uint8Array(20))
const distance = (id: Uint8Array): number => {
  let fraction = 0
  for (let at = 6; at >= 0; at--) fraction = (fraction + (id[at]! ^ target[at]!)) / 256
  return fraction * NODES
}

const KINDS: readonly (readonly [string, Disguise])[] = [
  ['beside the target', new BesideTarget(PLACES, new SeededRandom(1))],
  ['spaced', new Spaced(PLACES, NODES)],
  ['manifold', new Manifold(PLACES, new SeededRandom(1))],
]

test.each(KINDS)(
  '%s: eight are named, each at a place of its own, where it answers by that id',
  (_, disguise) => {
    const named = disguise.name(target)
    expect(named).toHaveLength(8)
    expect(new Set(named.map(({ place }) => place)).size).toBe(8)
    for (const { id, place } of named) expect(disguise.idAt(place, target)).toEqual(id)
  },
)

describe('distances', () => {
  test('beside the target nobody honest comes between', () => {
    const [, disguise] = KINDS[0]!
    for (const { id } of disguise.name(target)) expect(distance(id)).toBeLessThan(1e-10)
  })

  test('spaced: a third of the usual distance from one to the next, the same for whoever asks', () => {
    const [, disguise] = KINDS[1]!
    const named = disguise.name(target)
    const expected = named.map((_, rank) => (rank + 0.5) / 3)
    for (const [rank, { id }] of named.entries()) expect(distance(id)).toBeCloseTo(expected[rank]!, 6)
    expect(disguise.name(target)).toEqual(named)
    const places = new Set(named.map(({ place }) => place))
    const elsewhere = Array.from({ length: PLACES }, (_, place) => place).find((place) => !places.has(place))!
    expect(disguise.idAt(elsewhere, target)).toBeUndefined()
  })

  test('manifold: each place has eight ids, and the nearest eight places are named under the nearest', () => {
    const [, disguise] = KINDS[2]!
    const named = disguise.name(target).map(({ id }) => id)
    expect(named.toSorted((a, b) => compareDistance(a, b, target)).map(toHex)).toEqual(named.map(toHex))
    const all = Array.from({ length: PLACES }, (_, place) => disguise.idAt(place, target)!)
    const nearest = all.toSorted((a, b) => compareDistance(a, b, target)).slice(0, 8)
    expect(named).toEqual(nearest)
    const random = new SeededRandom(3)
    const ofOne = new Set(
      Array.from({ length: 500 }, () => toHex(disguise.idAt(0, random.fill(new Uint8Array(20)))!)),
    )
    expect(ofOne.size).toBe(8)
  })
})
