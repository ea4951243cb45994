/** One seeder to many leechers, every upload limited: near the optimum, in which the seeder sends every byte once. */
import { expect, test } from 'vitest'
import { runFanOut, type FanOutOptions, type FanOutResult } from '../../src/app/sim/fan-out.ts'
import { hashes } from '../support/hashes.ts'

/** As many pieces, and as long, as 256 MiB in pieces of 256 KiB at 20 MiB/s: an eighth of each. */
function run(options: Partial<FanOutOptions>): Promise<FanOutResult> {
  return runFanOut({
    seed: 1,
    hashes,
    leechers: 8,
    payloadBytes: 16 * 2 ** 20,
    pieceLength: 16_384,
    up: 1.25 * 2 ** 20,
    ...options,
  })
}

test.each([1, 2])('to 8: within a fiftieth of the optimum (seed %i)', async (seed) => {
  const { lastRatio, copies } = await run({ seed })
  expect(lastRatio).toBeLessThan(1.02)
  expect(copies).toBeLessThan(1.02)
})

test('to 20: within a thirtieth of the optimum', async () => {
  const { lastRatio } = await run({ leechers: 20 })
  expect(lastRatio).toBeLessThan(1.03)
})

test('to 20 that are 50 ms away: within a tenth of the optimum', async () => {
  const { lastRatio } = await run({ leechers: 20, latencyMs: 50 })
  expect(lastRatio).toBeLessThan(1.1)
})

test('to 8 of which 2 have a quarter of the uplink: within a tenth of the optimum', async () => {
  const { lastRatio } = await run({ slowLeechers: 2 })
  expect(lastRatio).toBeLessThan(1.1)
})

test('one that comes at half time is done with the others', async () => {
  const { lastRatio } = await run({ lateAt: 0.5 })
  expect(lastRatio).toBeLessThan(1.1)
})

test('a seeder that leaves when it has sent as much as there is has sent every piece', async () => {
  const { lastRatio } = await run({ doesSeederLeave: true })
  expect(lastRatio).toBeLessThan(1.1)
})

test('to 8 beside 4 that send 16 KiB/s: the last blocks do not hang at those (optimum 1.33)', async () => {
  const { lastRatio, wasted } = await run({ freeRiders: 4 })
  expect(lastRatio).toBeLessThan(1.6)
  expect(wasted).toBeLessThan(0.01)
})
