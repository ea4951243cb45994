import { expect, test } from 'vitest'
import { RateMeter } from '../../src/peer/rate-meter.ts'

test('a rate is that of the last five seconds', () => {
  const meter = new RateMeter()
  for (let at = 0; at < 10_000; at += 100) meter.add(1_000, at)
  expect(meter.rate(10_000)).toBeCloseTo(10_000, -3)
  expect(meter.rate(12_500)).toBeCloseTo(5_000, -3)
  expect(meter.rate(16_000)).toBe(0)
  expect(meter.total).toBe(100_000)
})
