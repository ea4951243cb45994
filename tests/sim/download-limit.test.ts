/** `maxDown` of a whole node, where time is exact. */
import { expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { hashes } from '../support/hashes.ts'

const RATE = 32 * 1024
const SEEDERS = 40
const SECONDS = 120
const BYTES = SECONDS * RATE

test('a limit that many peers share is used for what is missing: nothing is asked for again because we read it late', async () => {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: BYTES, pieceLength: 2 ** 16 })
  const peers = await Promise.all(Array.from({ length: SEEDERS }, () => sim.seeder()))
  const leecher = await sim.leecher({ peers, node: { maxDown: RATE } })
  sim.runUntil(() => leecher.session.isComplete, { withinMs: 3_600_000 })
  expect(leecher.node.snapshot().downloaded / BYTES).toBeLessThan(1.05)
  expect(sim.clock.now() / SECONDS / 1_000).toBeLessThan(1.1)
})
