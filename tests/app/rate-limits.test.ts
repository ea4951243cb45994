/** Whom `-max-up` and `-max-down` hold for. */
import { describe, expect, test } from 'vitest'
import { RateLimits } from '../../src/app/rate-limits.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import type { Bandwidth } from '../../src/protocol/ports.ts'

const MUCH = 10 ** 9
const LOCAL = [
  '127.0.0.1',
  '::1',
  '10.1.2.3',
  '192.168.0.9',
  '169.254.3.4',
  'fe80::1',
  'fd00::7',
  '100.64.0.1',
]
/** Some are of ranges that are not handed out, or lead through tunnels: who is reached there is not local. */
const REMOTE = ['93.184.216.34', '2606:2800:220:1::1', '192.0.2.1', '2002:c000:201::1', '240.0.0.1']

function isLimited(bandwidth: Bandwidth): boolean {
  return bandwidth.ask(MUCH, () => {}) < MUCH
}

describe('limits', () => {
  const options = { maxUp: 1_000, maxDown: 2_000 }

  test.each([...LOCAL, ...REMOTE])('hold for all, %s too, when nothing else is said', (host) => {
    const limits = new RateLimits(new SimClock(), options)
    expect([isLimited(limits.up(host)), isLimited(limits.down(host))]).toEqual([true, true])
  })

  test.each(LOCAL)('do not hold for %s when local peers are exempt', (host) => {
    const limits = new RateLimits(new SimClock(), { ...options, isLanLimited: false })
    expect([isLimited(limits.up(host)), isLimited(limits.down(host))]).toEqual([false, false])
  })

  test.each(REMOTE)('hold for %s even then', (host) => {
    const limits = new RateLimits(new SimClock(), { ...options, isLanLimited: false })
    expect([isLimited(limits.up(host)), isLimited(limits.down(host))]).toEqual([true, true])
  })

  test('are two, one for each direction, and each is one for all', () => {
    const limits = new RateLimits(new SimClock(), options)
    expect(limits.up('10.0.0.1').ask(MUCH, () => {})).toBe(50)
    expect(limits.up('10.0.0.2').ask(MUCH, () => {})).toBe(0)
    expect(limits.down('10.0.0.1').ask(MUCH, () => {})).toBe(100)
    expect(limits.all.ask(MUCH, () => {})).toBe(0)
  })

  test('that nobody set do not exist', () => {
    const limits = new RateLimits(new SimClock(), { maxUp: 1_000 })
    expect(isLimited(limits.up('10.0.0.1'))).toBe(true)
    expect(isLimited(limits.down('10.0.0.1'))).toBe(false)
  })
})

test('what has no limit has none: neither for sending, nor for receiving', () => {
  const limits = new RateLimits(new SimClock(), {})
  for (const host of [...LOCAL, ...REMOTE])
    expect([isLimited(limits.up(host)), isLimited(limits.down(host))]).toEqual([false, false])
  expect([limits.up('192.0.2.1').rate, isLimited(limits.all)]).toEqual([Infinity, false])
})
