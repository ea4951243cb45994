/** Whole swarms of real nodes under virtual time. */
import { describe, expect, test } from 'vitest'
import { SimSwarm, type SimMachine } from '../../src/app/sim/swarm.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const MINUTES = 60_000

function isSame(machine: SimMachine, sim: SimSwarm): boolean {
  return bytesEqual(machine.file()!, sim.payload)
}

test('a leecher gets the payload from a seeder', async () => {
  const sim = new SimSwarm({ seed: 1, hashes })
  const seeder = await sim.seeder()
  const leecher = await sim.leecher({ peers: [seeder] })

  sim.runUntil(() => leecher.session.isComplete, { withinMs: 5 * MINUTES })

  expect(isSame(leecher, sim)).toBe(true)
  expect(leecher.session.snapshot().wasted).toBe(0)
})

test('two half-seeds feed a leecher, and no block is fetched twice', async () => {
  const sim = new SimSwarm({ seed: 7, hashes, payloadBytes: 8 * 65_536 })
  const left = await sim.machine({ has: '####....' })
  const right = await sim.machine({ has: '....####' })
  const leecher = await sim.leecher({ peers: [left, right] })

  sim.runUntil(() => leecher.session.isComplete, { withinMs: 5 * MINUTES })

  expect(isSame(leecher, sim)).toBe(true)
  expect(leecher.session.snapshot().wasted).toBe(0)
})

describe('one seeder and 20 leechers', () => {
  async function run(seed: number): Promise<{ sim: SimSwarm; seeder: SimMachine; leechers: SimMachine[] }> {
    const sim = new SimSwarm({ seed, hashes, payloadBytes: 8 * 2 ** 20, latencyMs: 20 })
    const seeder = await sim.seeder({ up: 2 ** 21 })
    const leechers: SimMachine[] = []
    for (let i = 0; i < 20; i++)
      leechers.push(await sim.leecher({ up: 2 ** 21, down: 2 ** 23, peers: [seeder, ...leechers] }))
    sim.runUntil(() => leechers.every(({ session }) => session.isComplete), { withinMs: 30 * MINUTES })
    return { sim, seeder, leechers }
  }

  test.each([1, 2])(
    'all complete, with at most one duplicate in a hundred blocks (seed %i)',
    async (seed) => {
      const { sim, leechers } = await run(seed)

      const wasted = leechers.reduce((sum, { session }) => sum + session.snapshot().wasted, 0)
      expect(leechers.every((leecher) => isSame(leecher, sim))).toBe(true)
      expect(wasted).toBeLessThanOrEqual(0.01 * leechers.length * sim.payload.length)
    },
  )

  test('the leechers serve each other: the seeder sends a fraction of what they need', async () => {
    const { sim, seeder } = await run(4)

    expect(seeder.session.snapshot().uploaded).toBeLessThan(0.35 * 20 * sim.payload.length)
  })

  test('the same seed gives the same run, another seed another', async () => {
    const [first, again, other] = [await run(5), await run(5), await run(6)]

    expect(again.sim.traceHash()).toBe(first.sim.traceHash())
    expect(other.sim.traceHash()).not.toBe(first.sim.traceHash())
  })
})
