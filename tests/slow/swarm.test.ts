/** Swarms that take their time, under virtual time. */
import { expect, test } from 'vitest'
import { SimSwarm, type SimMachine } from '../../src/app/sim/swarm.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const MINUTES = 60_000

test.each([1, 2, 3])(
  'of one seeder and 20 leechers, all complete with at most one duplicate in a hundred blocks (seed %i)',
  async (seed) => {
    const sim = new SimSwarm({
      seed,
      hashes,
      payloadBytes: 64 * 2 ** 20,
      pieceLength: 2 ** 18,
      latencyMs: 20,
    })
    const seeder = await sim.seeder({ up: 2 ** 23 })
    const leechers: SimMachine[] = []
    for (let i = 0; i < 20; i++)
      leechers.push(await sim.leecher({ up: 2 ** 23, down: 2 ** 25, peers: [seeder, ...leechers] }))

    sim.runUntil(() => leechers.every(({ session }) => session.isComplete), { withinMs: 30 * MINUTES })

    let wasted = 0
    for (const leecher of leechers) {
      expect(bytesEqual(leecher.file()!, sim.payload)).toBe(true)
      wasted += leecher.session.snapshot().wasted
    }
    expect(wasted).toBeLessThanOrEqual(0.01 * leechers.length * sim.payload.length)
  },
)

test('one peer over 100 ms round trip at 1 Gbit/s fills the link after 5 s', async () => {
  const sim = new SimSwarm({ seed: 3, hashes, payloadBytes: 2 ** 30, pieceLength: 2 ** 20, latencyMs: 50 })
  const seeder = await sim.seeder({ up: 125_000_000 })
  const leecher = await sim.leecher({ peers: [seeder] })

  sim.runUntil(() => sim.clock.now() >= 5_000, { withinMs: MINUTES })
  const before = leecher.session.snapshot().downloaded
  sim.runUntil(() => sim.clock.now() >= 7_000, { withinMs: MINUTES })
  const perSecond = (leecher.session.snapshot().downloaded - before) / 2

  expect(perSecond).toBeGreaterThan(0.95 * 125_000_000)
})
