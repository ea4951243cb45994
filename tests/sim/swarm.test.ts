/** Whole swarms of real nodes under virtual time. */
import { describe, expect, test } from 'vitest'
import { runFanOut } from '../../src/app/sim/fan-out.ts'
import { SimSwarm, type SimMachine } from '../../src/app/sim/swarm.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'

const MINUTES = 60_000
const MIB = 2 ** 20

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

describe('one seeder and many leechers', () => {
  test('all complete, hardly a block comes twice, and the seeder sends a fraction of what they need', async () => {
    const { sim, seeder, leechers } = await run({ seed: 1, leechers: 12, payloadBytes: 8 * MIB })

    const wasted = leechers.reduce((sum, { session }) => sum + session.snapshot().wasted, 0)
    const needed = leechers.length * sim.payload.length
    expect(leechers.every((leecher) => isSame(leecher, sim))).toBe(true)
    expect(wasted).toBeLessThanOrEqual(0.01 * needed)
    expect(seeder.session.snapshot().uploaded).toBeLessThan(0.35 * needed)
  })

  test('the same seed gives the same run, another seed another', async () => {
    const few = { leechers: 5, payloadBytes: MIB }
    const [first, again, other] = [
      await run({ seed: 5, ...few }),
      await run({ seed: 5, ...few }),
      await run({ seed: 6, ...few }),
    ]

    expect(again.sim.log).toEqual(first.sim.log)
    expect(other.sim.log).not.toEqual(first.sim.log)
  })

  test.each([1, 2, 3])(
    'of equal uplinks the seeder’s is used for hardly more than one copy, and all are done with it (seed %i)',
    async (seed) => {
      const { copies, lastRatio, wasted } = await runFanOut({
        seed,
        hashes,
        leechers: 8,
        payloadBytes: 4 * MIB,
        pieceLength: 16_384,
        up: 1.25 * MIB,
      })
      expect(copies).toBeLessThan(1.1)
      expect(lastRatio).toBeLessThan(1.15)
      expect(wasted).toBeLessThan(0.01)
    },
  )

  async function run(plan: { seed: number; leechers: number; payloadBytes: number }): Promise<{
    sim: SimSwarm
    seeder: SimMachine
    leechers: SimMachine[]
  }> {
    const { seed, payloadBytes } = plan
    const sim = new SimSwarm({ seed, hashes, payloadBytes, latencyMs: 20 })
    const seeder = await sim.seeder({ up: 2 * MIB })
    const leechers: SimMachine[] = []
    while (leechers.length < plan.leechers)
      leechers.push(await sim.leecher({ up: 2 * MIB, down: 8 * MIB, peers: [seeder, ...leechers] }))
    sim.runUntil(() => leechers.every(({ session }) => session.isComplete), { withinMs: 30 * MINUTES })
    return { sim, seeder, leechers }
  }
})
