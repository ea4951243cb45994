/** Many seeds in one process, of which nobody wants anything, must let it sleep. */
import { expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { IDLE_TIMEOUT_MS } from '../../src/peer/liveness.ts'
import { encodeHandshake } from '../../src/protocol/handshake.ts'
import { idFrom, type PeerId } from '../../src/protocol/ids.ts'
import { TransportError } from '../../src/protocol/errors.ts'
import { hashes } from '../support/hashes.ts'

const MINUTE = 60_000

/** The look at its files. */
const WATCH = 1

test('a seed that is alone waits for nothing but its next look at its files, looks after whoever comes, and sleeps again', async () => {
  const sim = new SimSwarm({ seed: 1, hashes, payloadBytes: 2 ** 20, pieceLength: 2 ** 18 })
  const seeder = await sim.seeder()
  sim.clock.runUntil(MINUTE)
  expect(sim.clock.pending).toBe(WATCH)

  // Only a round notices that somebody says nothing.
  let isDropped = false
  sim.streams.host('10.9.9.9').dial({ host: seeder.host.address, port: 6881 }, MINUTE, (stream) => {
    if (stream instanceof TransportError) throw stream
    const peerId = idFrom<PeerId>(new Uint8Array(20).fill(1))
    const { infoHash } = sim.metainfo
    stream.write(encodeHandshake({ infoHash, peerId, hasExtensions: false, hasFast: false }))
    stream.handler = { onData() {}, onDrain() {}, onClose: () => (isDropped = true) }
  })
  sim.runUntil(() => isDropped, { withinMs: 2 * IDLE_TIMEOUT_MS })
  sim.clock.runUntil(sim.clock.now() + MINUTE)
  expect(sim.clock.pending).toBe(WATCH)
})
