import { SimClock } from '../../../src/app/sim/clock.ts'
import { Handshaker, type Shaken } from '../../../src/peer/handshaker.ts'
import type { ProtocolError, TransportError } from '../../../src/protocol/errors.ts'
import { decodeHandshake, encodeHandshake, HANDSHAKE_LENGTH } from '../../../src/protocol/handshake.ts'
import { bytesEqual, toHex, type InfoHash, type PeerId } from '../../../src/protocol/ids.ts'
import type { ByteStream, StreamHandler } from '../../../src/protocol/ports.ts'
import { chunksOf } from '../chunks.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const infoHash = new Uint8Array(20).fill(0xab) as InfoHash
const peerId = Uint8Array.from('-BW0100-abcdefghijkl', (character) => character.charCodeAt(0)) as PeerId
const ours = encodeHandshake({ infoHash, peerId, hasExtensions: true, hasFast: false })

export const target: FuzzTarget = {
  sources: ['protocol/handshake.ts', 'peer/handshaker.ts'],
  maxLength: 128,
  // In front of the stream: how it is cut, and whether we dialled.
  seeds: () => [
    Buffer.concat([Uint8Array.of(1, 0), ours]),
    Buffer.concat([Uint8Array.of(2, 1), ours, Uint8Array.of(0, 0, 0, 1, 1)]),
    Buffer.concat([Uint8Array.of(3, 1), ours.with(30, 1)]),
    Buffer.concat([Uint8Array.of(4, 0), ours.with(30, 1)]),
    Buffer.concat([Uint8Array.of(5, 0), Buffer.from('GET / HTTP/1.1\r\n\r\n')]),
  ],

  run(data) {
    const [seed = 0, hasDialled = 0] = data
    const stream = data.slice(2)
    const read = accepted(() => decodeHandshake(stream), ['wire.not-bittorrent'])
    if (read !== undefined) claimSame(decodeHandshake(encodeHandshake(read)), read, 'written, read')
    const result = shake(chunksOf(stream, seed), hasDialled % 2 === 1)
    if (result === undefined) claim(read === undefined, 'a whole handshake has a result')
    else if ('code' in result)
      claim(
        read === undefined
          ? result.code === 'wire.not-bittorrent' || result.code === 'wire.wrong-info-hash'
          : result.code === 'wire.wrong-info-hash' && !bytesEqual(read.infoHash, infoHash),
        'only another torrent is refused',
      )
    else {
      claimSame(result.handshake, read, 'cut into chunks')
      claimSame(toHex(result.rest), toHex(stream.subarray(HANDSHAKE_LENGTH)), 'what is behind it')
    }
  },
}

function shake(
  chunks: Iterable<Uint8Array>,
  hasDialled: boolean,
): Shaken | ProtocolError | TransportError | undefined {
  const results: (Shaken | ProtocolError | TransportError)[] = []
  const rest: Uint8Array[] = []
  let isDestroyed = false
  let writes = 0
  const stream: ByteStream = {
    remote: { host: '10.0.0.1', port: 1 },
    handler: undefined as unknown as StreamHandler,
    write: () => void writes++,
    queuedBytes: 0,
    pause: () => undefined,
    resume: () => undefined,
    destroy: () => void (isDestroyed = true),
  }
  const shaker = new Handshaker(stream, {
    clock: new SimClock(),
    ...(hasDialled && { expected: infoHash }),
    answer: (wanted) => (bytesEqual(wanted, infoHash) ? ours : undefined),
    onDone: (result) => results.push(result),
  })
  for (const chunk of chunks) {
    const isOver = results.length > 0
    if (isOver) rest.push(chunk.slice())
    if (!isDestroyed && !isOver) shaker.onData(chunk)
  }
  claim(results.length <= 1, 'one result')
  claim(writes <= 1, 'one answer')
  const [result] = results
  if (result === undefined) return undefined
  if (result instanceof Error) {
    claim(isDestroyed, 'an error closes the stream')
    return result
  }
  return { ...result, rest: Buffer.concat([result.rest, ...rest]) }
}
