/** A machine that sleeps does not count the time, one that is frozen does, and both are late. */
import { expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { MachineClock } from '../../../src/app/sim/faults/machine-clock.ts'

function scene() {
  const world = new SimClock()
  const clock = new MachineClock(world)
  const rings: number[] = []
  const cancels = [100, 200, 300].map((delay) => clock.after(delay, () => rings.push(world.now())))
  return { world, clock, rings, cancels }
}

test('timers of a machine that is awake come when they are due, unless they are taken back', () => {
  const { world, rings, cancels } = scene()
  cancels[1]!()
  world.runUntil(1_000)
  expect(rings).toEqual([100, 300])
})

test('while it sleeps its clock stands still, and what is due waits as long as was left', () => {
  const { world, clock, rings } = scene()
  world.runUntil(150)
  clock.standStill('sleep')
  world.runUntil(1_150)
  expect([clock.now(), rings]).toEqual([150, [100]])
  clock.goOn()
  world.runUntil(2_000)
  expect(rings).toEqual([100, 1_200, 1_300])
  expect(clock.now()).toBe(1_000)
})

test('while it is frozen its clock goes on, and what was due comes at once afterwards, in its order', () => {
  const { world, clock, rings } = scene()
  world.runUntil(150)
  clock.standStill('freeze')
  world.runUntil(250)
  expect(clock.now()).toBe(250)
  clock.goOn()
  world.runUntil(1_000)
  expect(rings).toEqual([100, 250, 300])
})

test('what comes from outside meanwhile waits in its order, in front of what comes just then', () => {
  const { world, clock } = scene()
  const heard: string[] = []
  clock.standStill('freeze')
  for (const word of ['one', 'two']) clock.whenAwake(() => heard.push(word))
  clock.goOn()
  clock.whenAwake(() => heard.push('three'))
  expect(heard).toEqual([])
  world.runUntil(1)
  expect(heard).toEqual(['one', 'two', 'three'])
})

test('a timer that is taken back while the machine stands still never comes', () => {
  const { world, clock, rings, cancels } = scene()
  clock.standStill('freeze')
  world.runUntil(400)
  cancels[0]!()
  clock.goOn()
  world.runUntil(1_000)
  expect(rings).toEqual([400, 400])
})

test('setting the date moves the date alone', () => {
  const { world, clock } = scene()
  const [date, now] = [clock.wallNow(), clock.now()]
  clock.shiftDate(-5_000)
  expect([clock.wallNow(), clock.now(), world.now()]).toEqual([date - 5_000, now, 0])
})
