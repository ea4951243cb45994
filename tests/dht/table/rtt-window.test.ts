import { expect, test } from 'vitest'
import { RttSamples, RttWindow } from '../../../src/dht/table/rtt-window.ts'

/** What is waited for a stranger after such round trips, more of them than a window keeps. */
function after(window: RttWindow, from: number): number {
  for (let i = 0; i < 80; i++) window.onSample(from + i)
  return window.timeout(undefined)
}

test('a stranger is waited for as long as four of five of the last 64 took', () => {
  // Of 116 … 179.
  expect(after(new RttWindow('wan', new RttSamples()), 100)).toBe(166)
})

test('windows that share their samples do not disturb each other, also where another one was before', () => {
  const samples = new RttSamples()
  const [one, two] = [new RttWindow('wan', samples), new RttWindow('wan', samples)]
  for (let i = 0; i < 80; i++) {
    one.onSample(100 + i)
    two.onSample(300 + i)
  }
  expect([one.timeout(undefined), two.timeout(undefined)]).toEqual([166, 366])
  one.close()
  expect(after(new RttWindow('wan', samples), 500)).toBe(566)
  expect(two.timeout(undefined)).toBe(366)
})
