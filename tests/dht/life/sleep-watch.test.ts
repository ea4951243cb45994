import { beforeEach, expect, test } from 'vitest'
import { SleepWatch } from '../../../src/dht/life/sleep-watch.ts'

let now: number
let date: number
let watch: SleepWatch

beforeEach(() => {
  now = 1_000
  date = 1_790_000_000_000
  watch = new SleepWatch({ now: () => now, wallNow: () => date, after: () => () => undefined })
})

/** The monotonic clock and the date go on by so much. */
function pass(ms: number, dateMs = ms): void {
  now += ms
  date += dateMs
}

test('time that passes as it should is no sleep', () => {
  for (let i = 0; i < 10; i++) {
    pass(60_000)
    expect(watch.sleptFor(60_000)).toBe(0)
  }
})

test('where the clock stands still in sleep, the date gives it away', () => {
  pass(20_000, 20_000 + 3_600_000)
  expect(watch.sleptFor(60_000)).toBe(3_600_000)
  pass(60_000)
  expect(watch.sleptFor(60_000)).toBe(0)
})

test('where the clock goes on in sleep, a late timer gives it away', () => {
  pass(60_000 + 3_600_000)
  expect(watch.sleptFor(60_000)).toBe(3_600_000)
})

test('a busy machine and a date that is set right are no sleep', () => {
  pass(70_000)
  expect(watch.sleptFor(60_000)).toBe(0)
  pass(60_000, 74_000)
  expect(watch.sleptFor(60_000)).toBe(0)
  pass(60_000, -3_600_000)
  expect(watch.sleptFor(60_000)).toBe(0)
})
