/** One peer far away, under virtual time: the path is full, and little waits in it. */
import { expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { hashes } from '../support/hashes.ts'

const MINUTE = 60_000
const BYTES_PER_SECOND = 12_500_000
const BLOCK = 16_384

test('one peer over 200 ms round trip at 100 Mbit/s fills the link after 3 s, and at most half a second queues', async () => {
  const sim = new SimSwarm({ seed: 4, hashes, payloadBytes: 2 ** 27, pieceLength: 2 ** 20, latencyMs: 100 })
  const seeder = await sim.seeder({ up: BYTES_PER_SECOND })
  const leecher = await sim.leecher({ peers: [seeder] })
  const downloaded = (): number => leecher.session.snapshot().downloaded

  sim.runUntil(() => sim.clock.now() >= 3_000, { withinMs: MINUTE })
  const before = downloaded()
  sim.runUntil(() => sim.clock.now() >= 8_000, { withinMs: MINUTE })

  expect((downloaded() - before) / 5).toBeGreaterThan(0.95 * BYTES_PER_SECOND)
  const inFlight = leecher.session.snapshot().peers[0]!.inFlight * BLOCK
  expect(inFlight).toBeLessThan(0.7 * BYTES_PER_SECOND)
})

test('after a break of half a minute on the way, the link is full again within 5 s', async () => {
  const sim = new SimSwarm({ seed: 5, hashes, payloadBytes: 2 ** 27, pieceLength: 2 ** 20, latencyMs: 50 })
  const seeder = await sim.seeder({ up: BYTES_PER_SECOND })
  const leecher = await sim.leecher({ peers: [seeder] })
  const downloaded = (): number => leecher.session.snapshot().downloaded
  const passTo = (at: number): void => sim.runUntil(() => sim.clock.now() >= at, { withinMs: MINUTE })

  passTo(2_000)
  sim.streams.partition(seeder.host.address, leecher.host.address)
  passTo(32_000)
  sim.streams.heal(seeder.host.address, leecher.host.address)
  passTo(37_000)
  const before = downloaded()
  passTo(40_000)

  expect((downloaded() - before) / 3).toBeGreaterThan(0.95 * BYTES_PER_SECOND)
})
