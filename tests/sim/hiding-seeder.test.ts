/** What a seeder says about itself to peers to which it does not show everything. */
import { expect, test } from 'vitest'
import { SimSwarm } from '../../src/app/sim/swarm.ts'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { encodeExtensionHandshake, EXTENSION_HANDSHAKE_ID } from '../../src/protocol/extension.ts'
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/protocol/handshake.ts'
import { idFrom, type PeerId } from '../../src/protocol/ids.ts'
import { encodeExtended } from '../../src/protocol/message.ts'
import { hashes } from '../support/hashes.ts'

const HOST = '10.9.9.9'
const SECONDS = 1_000
const PIECE_LENGTH = 16_384

/** A peer that takes nothing, and what it was told: `bitfield`, `have`, and extension handshakes. */
async function visitor(pieces: number): Promise<{ readonly sim: SimSwarm; readonly told: string[] }> {
  const sim = new SimSwarm({
    seed: 1,
    hashes,
    payloadBytes: pieces * PIECE_LENGTH,
    pieceLength: PIECE_LENGTH,
  })
  const told: string[] = []
  sim.streams.host(HOST).listen(6881).onStream = (stream) => {
    const decoder = new WireDecoder()
    let heard = 0
    stream.handler = {
      onData: (chunk) => {
        const skipped = Math.min(chunk.length, HANDSHAKE_LENGTH - heard)
        heard += skipped
        decoder.push(chunk.subarray(skipped), (message) => {
          if (message.type === 'bitfield' || message.type === 'have') told.push(message.type)
          if (message.type === 'extended' && message.id === EXTENSION_HANDSHAKE_ID)
            told.push(new TextDecoder('latin1').decode(message.payload))
        })
      },
      onDrain: () => {},
      onClose: () => {},
    }
    const peerId = idFrom<PeerId>(new Uint8Array(20).fill(7))
    stream.write(
      encodeHandshake({ infoHash: sim.metainfo.infoHash, peerId, hasExtensions: true, hasFast: false }),
    )
    stream.write(encodeExtended(EXTENSION_HANDSHAKE_ID, encodeExtensionHandshake({ ids: new Map() })))
  }
  await sim.seeder({ peers: [{ address: `${HOST}:6881` }] })

  sim.runUntil(() => told.length === 2, { withinMs: 30 * SECONDS })
  return { sim, told }
}

const UPLOAD_ONLY = '11:upload_onlyi1e'

test('who is shown the only piece is told at once that we only upload', async () => {
  const { told } = await visitor(1)
  expect(told[0]).toBe('bitfield')
  expect(told[1]).toContain(UPLOAD_ONLY)
})

test('who is shown less than everything is told so only when it is shown the rest: before, it might leave', async () => {
  const { sim, told } = await visitor(64)
  /** A sixteenth is in the bitfield. */
  const rest = 60
  expect(told[0]).toBe('bitfield')
  expect(told[1]).not.toContain(UPLOAD_ONLY)

  sim.runUntil(() => told.length > 2 + rest, { withinMs: 30 * SECONDS })

  expect(told.slice(2, -1)).toEqual(Array.from({ length: rest }, () => 'have'))
  expect(told.at(-1)).toContain(UPLOAD_ONLY)
  sim.clock.runUntil(sim.clock.now() + 30 * SECONDS)
  expect(told).toHaveLength(2 + rest + 1)
})
