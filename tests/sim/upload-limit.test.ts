/** `maxUp` of a whole node, where time is exact. */
import { expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { hashes } from '../support/hashes.ts'

const RATE = 2 ** 19
const SECONDS = 20

test.each([1, 2, 3])(
  'a limit on sending is used up, and shared equally by three that start together (seed %i)',
  async (seed) => {
    const sim = new SimSwarm({ seed, hashes, payloadBytes: 4 * RATE * SECONDS, pieceLength: 2 ** 16 })
    const seeder = await sim.seeder({ node: { maxUp: RATE } })
    for (let i = 0; i < 3; i++) await sim.leecher({ peers: [seeder] })
    const end = sim.clock.now() + SECONDS * 1_000
    sim.clock.after(SECONDS * 1_000, () => {})
    sim.runUntil(() => sim.clock.now() >= end, { withinMs: SECONDS * 1_000 })

    const uploads = seeder.session
      .snapshot()
      .peers.flatMap(({ uploaded = 0 }) => (uploaded > 0 ? [uploaded] : []))
    const sent = uploads.reduce((sum, bytes) => sum + bytes, 0)
    expect(uploads).toHaveLength(3)
    for (const uploaded of uploads) expect(Math.abs(uploaded / (sent / 3) - 1)).toBeLessThan(0.1)
    expect(sent / (RATE * SECONDS)).toBeGreaterThan(0.99)
    expect(sent / (RATE * SECONDS)).toBeLessThan(1.02)
  },
)
