/** Whose clock is right? */
import { describe, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { NetworkClock } from '../../../src/dht/frames/network-clock.ts'

const HOUR = 3_600_000
const teller = (at: number): { host: string; port: number } => ({ host: `10.0.0.${at}`, port: 20_000 })

describe('a node whose clock is an hour slow', () => {
  const told = (tellers: readonly (number | undefined)[]): number => {
    const clock = new SimClock()
    const time = new NetworkClock(clock)
    tellers.forEach((ahead, at) =>
      time.onTold(teller(at), ahead === undefined ? undefined : clock.wallNow() + ahead),
    )
    return time.now() - clock.wallNow()
  }

  test('believes five who agree, and not four', () => {
    expect(told([HOUR, HOUR, HOUR, HOUR])).toBe(0)
    expect(told([HOUR, HOUR, HOUR, HOUR, HOUR])).toBe(HOUR)
  })

  test('takes the middle of what they say: two liars change nothing', () => {
    expect(told([HOUR, 100 * HOUR, HOUR + 10, -100 * HOUR, HOUR + 20])).toBe(HOUR + 10)
  })

  test('is not sure of it while most of those who answer have no complaint', () => {
    expect(told([undefined, undefined, undefined, HOUR, HOUR, HOUR])).toBe(0)
  })

  test('does not count one teller twice', () => {
    const clock = new SimClock()
    const time = new NetworkClock(clock)
    for (let i = 0; i < 10; i++) time.onTold(teller(1), clock.wallNow() + HOUR)
    expect(time.now()).toBe(clock.wallNow())
  })

  test('leaves a few seconds as they are', () => {
    expect(told([5_000, 5_000, 5_000, 5_000, 5_000, 5_000])).toBe(0)
  })
})
