/** Peers that have nothing to exchange any more do not hold each other up. */
import { describe, expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { hashes } from '../support/hashes.ts'

const SECOND = 1_000

/** How often each machine said so, by its number. */
function times(sim: SimSwarm, event: string): number[] {
  const counts: number[] = []
  for (const line of sim.log) {
    const [, machine, name] = /^\S+ machine (\d+) {"event":"(\w+)"/.exec(line)!
    if (name === event) counts[Number(machine) - 1] = (counts[Number(machine) - 1] ?? 0) + 1
  }
  return counts
}

function pass(sim: SimSwarm, ms: number): void {
  const end = sim.clock.now() + ms
  sim.clock.after(ms, () => {})
  sim.runUntil(() => sim.clock.now() >= end, { withinMs: ms })
}

describe.each([1, 2, 3])('seed %i', (seed) => {
  test('a leecher that is complete does not dial its seeder again while it is busy with its disk', async () => {
    const sim = new SimSwarm({ seed, hashes })
    const seeder = await sim.seeder()
    const leecher = await sim.leecher({ peers: [seeder] })
    sim.runUntil(() => leecher.session.isComplete, { withinMs: 60 * SECOND })
    pass(sim, 60 * SECOND)
    expect(times(sim, 'joined_to_peer')).toEqual([1, 1])
    expect(times(sim, 'peer_left')).toEqual([1, 1])
  })

  test('a seed that the user named is called again minutes later: it may have lost something', async () => {
    const sim = new SimSwarm({ seed, hashes })
    const first = await sim.seeder()
    const second = await sim.seeder({ peers: [first] })
    pass(sim, 20 * SECOND)
    expect(second.session.snapshot().peers).toMatchObject([{ state: 'could-be-added' }])
    pass(sim, 240 * SECOND)
    expect(times(sim, 'joined_to_peer')[1]).toBeGreaterThan(1)
  })

  test('seeds that meet part, whoever else is there: none hides a piece from others that have it', async () => {
    const sim = new SimSwarm({ seed, hashes })
    const first = await sim.seeder({ up: 200_000 })
    const second = await sim.seeder({ up: 200_000, peers: [first] })
    const third = await sim.seeder({ up: 200_000, peers: [first, second] })
    await sim.leecher({ down: 100_000, peers: [first, second, third] })
    pass(sim, 10 * SECOND)
    for (const { session } of [first, second, third])
      expect(session.snapshot().peers.filter(({ have }) => have !== undefined)).toHaveLength(1)
  })

  test('each hears that the other has everything before they part, and none calls again and again', async () => {
    const sim = new SimSwarm({ seed, hashes })
    const first = await sim.seeder()
    const second = await sim.seeder({ peers: [first] })
    await sim.seeder({ peers: [first, second] })
    pass(sim, 600 * SECOND)
    // Each calls two others, each every minute and a half at most.
    for (const joins of times(sim, 'joined_to_peer')) expect(joins).toBeLessThanOrEqual(4 * (600 / 90) + 2)
  })
})
