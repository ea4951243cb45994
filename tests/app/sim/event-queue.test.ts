import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventQueue } from '../../../src/app/sim/event-queue.ts'

test('events come in the order of their time, and at equal times in the order in which they were planned', () => {
  const step = fc.oneof(fc.record({ at: fc.integer({ min: 0, max: 20 }) }), fc.constant('take' as const))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3_000 }), (steps) => {
      const queue = new EventQueue<number>()
      const model: { at: number; event: number }[] = []
      let event = 0
      for (const one of steps)
        if (one !== 'take') {
          queue.add(one.at, event)
          model.push({ at: one.at, event: event++ })
          model.sort((a, b) => a.at - b.at || a.event - b.event)
        } else {
          expect(queue.nextAt).toBe(model[0]?.at ?? Number.POSITIVE_INFINITY)
          expect(queue.take()).toBe(model.shift()?.event)
        }
      expect(queue.size).toBe(model.length)
      while (model.length > 0) expect(queue.take()).toBe(model.shift()!.event)
    }),
    { numRuns: 50 },
  )
})

test('one that is moved comes as if it had been planned only then, one that is removed not at all', () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant('add' as const), at: fc.nat(20) }),
    fc.record({ does: fc.constant('move' as const), at: fc.nat(20), which: fc.nat() }),
    fc.record({ does: fc.constant('remove' as const), which: fc.nat() }),
    fc.record({ does: fc.constant('take' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new EventQueue<number>()
      // What it should hold, in the order in which it was planned.
      let planned: { readonly at: number; readonly event: number; readonly handle: number }[] = []
      const next = () => planned.toSorted((a, b) => a.at - b.at)[0]
      steps.forEach((step, event) => {
        if (step.does === 'add') planned.push({ at: step.at, event, handle: queue.add(step.at, event) })
        else if (step.does === 'take') {
          const expected = next()
          expect(queue.nextAt).toBe(expected?.at ?? Number.POSITIVE_INFINITY)
          expect(queue.take()).toBe(expected?.event)
          planned = planned.filter((other) => other !== expected)
        } else if (planned.length > 0) {
          const chosen = planned[step.which % planned.length]!
          planned = planned.filter((other) => other !== chosen)
          if (step.does === 'remove') queue.remove(chosen.handle)
          else {
            queue.move(chosen.handle, step.at)
            planned.push({ ...chosen, at: step.at })
          }
        }
        expect(queue.size).toBe(planned.length)
      })
    }),
    { numRuns: 500 },
  )
})

test('it grows beyond what it began with', () => {
  const queue = new EventQueue<number>()
  for (let i = 0; i < 5_000; i++) queue.add((i * 7_919) % 5_000, (i * 7_919) % 5_000)
  for (let i = 0; i < 5_000; i++) expect(queue.take()).toBe(i)
  expect(queue.take()).toBeUndefined()
})
