import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import type { Alarm } from '../../src/protocol/ports.ts'
import { TimerAlarm } from '../../src/protocol/timer-alarm.ts'

const settings = fc.array(fc.record({ at: fc.nat(100), to: fc.option(fc.nat(100), { freq: 4 }) }), {
  maxLength: 20,
})

/** Sets or clears (`to` is null) an alarm at certain times. @returns when it rang */
function ringsOf(
  steps: readonly { at: number; to: number | null }[],
  makes: (clock: SimClock, fn: () => void) => Alarm,
): number[] {
  const clock = new SimClock()
  const rings: number[] = []
  const alarm = makes(clock, () => rings.push(clock.now()))
  for (const { at, to } of steps)
    clock.after(at, () => (to === null ? alarm.clear() : alarm.set(clock.now() + to)))
  clock.runUntil(1_000)
  return rings
}

test('an alarm rings when it was set to last, whether a clock has alarms or only timers', () => {
  fc.assert(
    fc.property(settings, (steps) => {
      const moved = ringsOf(steps, (clock, fn) => clock.alarm(fn))
      const timed = ringsOf(steps, (clock, fn) => new TimerAlarm(clock, fn))
      expect(timed).toEqual(moved)
    }),
  )
  expect(
    ringsOf(
      [
        { at: 0, to: 50 },
        { at: 10, to: 20 },
      ],
      (clock, fn) => new TimerAlarm(clock, fn),
    ),
  ).toEqual([30])
})

test('an alarm that is set to later again and again is one timer', () => {
  const clock = new SimClock()
  const alarm = new TimerAlarm(clock, () => undefined)
  for (let at = 1; at <= 100; at++) alarm.set(at)
  expect(clock.pending).toBe(1)
})

test('an alarm that was cleared wakes nobody', () => {
  const clock = new SimClock()
  for (const alarm of [clock.alarm(() => undefined), new TimerAlarm(clock, () => undefined)]) {
    alarm.set(10)
    alarm.clear()
  }
  expect(clock.step()).toBe(false)
})
