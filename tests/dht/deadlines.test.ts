import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { Deadlines } from '../../src/dht/deadlines.ts'
import type { Cancel } from '../../src/protocol/ports.ts'

test('many deadlines arm one timer', () => {
  const clock = new SimClock()
  const deadlines = new Deadlines(clock)
  for (let i = 0; i < 100; i++) deadlines.after(1_000 + i, () => undefined)
  expect(clock.pending).toBe(1)
})

test('deadlines that are taken back leave nothing behind: the wake of a later one stays as it was', () => {
  const clock = new SimClock()
  const deadlines = new Deadlines(clock)
  const fired: number[] = []
  deadlines.after(60_000, () => fired.push(clock.now()))
  for (let i = 0; i < 50; i++) {
    deadlines.after(100, () => fired.push(-1))()
    clock.runUntil(clock.now() + 100)
    expect(clock.pending).toBe(1)
  }
  clock.runUntil(100_000)
  expect(fired).toEqual([60_000])
})

test('a deadline that is taken back wakes nobody', () => {
  const clock = new SimClock()
  const deadlines = new Deadlines(clock)
  deadlines.after(60_000, () => undefined)
  deadlines.after(100, () => undefined)()
  clock.step()
  expect(clock.now()).toBe(60_000)
})

test('they behave as timers of the clock itself do, cancelled and nested ones too', () => {
  const plan = fc.array(
    fc.record({
      delay: fc.nat(50),
      nested: fc.nat(20),
      cancels: fc.option(fc.nat(30)),
      isNested: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(plan, (steps) => {
      const run = (isBehindOne: boolean): string[] => {
        const clock = new SimClock()
        const timers = isBehindOne ? new Deadlines(clock) : clock
        const log: string[] = []
        const cancels: Cancel[] = []
        steps.forEach(({ delay, nested, cancels: other, isNested }, i) => {
          cancels[i] = timers.after(delay, () => {
            log.push(`${i} at ${timers.now()}`)
            if (other !== null) cancels[other]?.()
            if (isNested) timers.after(nested, () => log.push(`inside ${i} at ${timers.now()}`))
          })
        })
        clock.runUntil(1_000)
        return log
      }
      expect(run(true)).toEqual(run(false))
    }),
  )
})

test('nothing comes after the end', () => {
  const clock = new SimClock()
  const deadlines = new Deadlines(clock)
  let fired = 0
  deadlines.after(10, () => fired++)
  deadlines.close()
  deadlines.after(10, () => fired++)
  clock.runUntil(100)
  expect(fired).toBe(0)
})
