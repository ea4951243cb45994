import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Oracle } from '../../../src/app/sim/dht/oracle.ts'
import { commonPrefixLength, compareDistance } from '../../../src/protocol/ids.ts'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 })
/** Ids that share many leading bits as well. */
const ids = fc.uniqueArray(
  fc.oneof(
    id,
    id.map((bytes) => bytes.fill(0, 0, 18)),
  ),
  {
    maxLength: 60,
    selector: (bytes) => bytes.join(),
  },
)

test('the nearest are those of a search through all, whoever came or went', () => {
  fc.assert(
    fc.property(ids, id, fc.nat(12), (all, target, count) => {
      const nodes = all.map((bytes) => ({ id: bytes }))
      const oracle = new Oracle<{ readonly id: Uint8Array }>()
      const half = nodes.length >>> 1
      oracle.addAll(nodes.slice(0, half))
      for (const node of nodes.slice(half)) oracle.add(node)
      const gone = nodes.filter((_, at) => at % 3 === 0)
      for (const node of gone) oracle.remove(node)
      const living = nodes
        .filter((node) => !gone.includes(node))
        .sort((a, b) => compareDistance(a.id, b.id, target))
      expect(oracle.closest(target, count)).toEqual(living.slice(0, count))
      const even = (node: { readonly id: Uint8Array }): boolean => node.id[19]! % 2 === 0
      expect(oracle.closest(target, count, even)).toEqual(living.filter(even).slice(0, count))
      for (const node of nodes) expect(oracle.has(node.id)).toBe(living.includes(node))
    }),
  )
})

test('a range holds exactly those whose ids begin alike', () => {
  fc.assert(
    fc.property(ids, id, fc.integer({ min: 0, max: 160 }), (all, target, bits) => {
      const oracle = new Oracle<{ readonly id: Uint8Array }>()
      oracle.addAll(all.map((bytes) => ({ id: bytes })))
      const { from, to } = oracle.sharing(target, bits)
      const inside = Array.from({ length: to - from }, (_, at) => oracle.at(from + at).id)
      const expected = all.filter((bytes) => commonPrefixLength(bytes, target) >= bits)
      expect(new Set(inside.map(String))).toEqual(new Set(expected.map(String)))
    }),
  )
})
