/** What a seeder says of itself to whom it does not show everything. */
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

test.each([
  { title: 'who is shown less than everything is not told that we only upload: it may leave', pieces: 64 },
  { title: 'who is shown the only piece is told so', pieces: 1 },
])('$title', async ({ pieces }) => {
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
          if (message.type === 'bitfield') told.push('bitfield')
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

  expect(told[0]).toBe('bitfield')
  expect(told[1]!.includes('11:upload_onlyi1e')).toBe(pieces === 1)
})
