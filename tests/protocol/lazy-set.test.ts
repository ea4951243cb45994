import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LazySet } from '../../src/protocol/lazy-set.ts'

test('it is a set', () => {
  const step = fc.record({
    do: fc.constantFrom('add' as const, 'delete' as const, 'clear' as const),
    value: fc.integer({ min: 0, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const set = new LazySet<number>()
      const model = new Set<number>()
      for (const { do: what, value } of steps) {
        if (what === 'delete') expect(set.delete(value)).toBe(model.delete(value))
        else if (what === 'add') {
          set.add(value)
          model.add(value)
        } else {
          set.clear()
          model.clear()
        }
        expect(set.size).toBe(model.size)
        expect([...set]).toEqual([...model])
        for (let v = 0; v < 5; v++) expect(set.has(v)).toBe(model.has(v))
      }
    }),
  )
})
