import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LazyMap } from '../../src/protocol/lazy-map.ts'

test('it is a map', () => {
  const key = fc.integer({ min: 0, max: 4 })
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, value: fc.nat() }),
    fc.record({ do: fc.constant('delete' as const), key }),
    fc.record({ do: fc.constant('clear' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const map = new LazyMap<number, number>()
      const model = new Map<number, number>()
      for (const one of steps) {
        if (one.do === 'set') {
          map.set(one.key, one.value)
          model.set(one.key, one.value)
        } else if (one.do === 'delete') expect(map.delete(one.key)).toBe(model.delete(one.key))
        else {
          map.clear()
          model.clear()
        }
        expect(map.size).toBe(model.size)
        expect([...map]).toEqual([...model])
        expect([...map.keys()]).toEqual([...model.keys()])
        expect([...map.values()]).toEqual([...model.values()])
        for (let k = 0; k < 5; k++) expect([map.has(k), map.get(k)]).toEqual([model.has(k), model.get(k)])
      }
    }),
  )
})
