import { BLOCK_STEP, WireDecoder } from '../../../src/protocol/decoder.ts'
import { ProtocolError } from '../../../src/protocol/errors.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodeInterested,
  encodeKeepAlive,
  encodeNotInterested,
  encodePieceHeader,
  encodeRequests,
  encodeUnchoke,
  type WireMessage,
} from '../../../src/protocol/message.ts'
import { chunksOf } from '../chunks.ts'
import { claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

/** What goes before the stream: how it is cut, and how many pieces there are; 0: nobody has said. */
const HEAD_BYTES = 2
const CODES: ReadonlySet<string> = new Set(['wire.oversize', 'wire.malformed', 'wire.bad-bitfield'])

type Decoded = readonly [messages: readonly WireMessage[], error: string | undefined]

export const target: FuzzTarget = {
  sources: ['protocol/decoder.ts', 'protocol/message.ts'],
  maxLength: 40_000,

  seeds: () => {
    const range = { piece: 1, begin: 16_384, length: 16_384 }
    const piece = Buffer.concat([encodePieceHeader(1, 0, 9), Buffer.from('ninebytes')])
    const messages = [
      encodeKeepAlive(),
      encodeChoke(),
      encodeUnchoke(),
      encodeInterested(),
      encodeNotInterested(),
      encodeHaves([3, 4]),
      encodeBitfield(new Uint8Array(2).fill(0xa0)),
      encodeRequests([range]),
      encodeCancels([range]),
      piece,
      port(6_881),
      encodeExtended(0, Buffer.from('d1:md6:ut_pexi1eee')),
      Uint8Array.of(0, 0, 0, 3, 99, 1, 2),
    ]
    const long = Buffer.concat([encodePieceHeader(0, 0, 16_384), new Uint8Array(16_384)])
    const longer = Buffer.concat([encodePieceHeader(1, 0, 16_400), new Uint8Array(16_400)])
    return [...messages, Buffer.concat(messages), Buffer.concat([long, piece]), longer].map((stream) =>
      Buffer.concat([Uint8Array.of(7, 12), stream]),
    )
  },

  run(data) {
    const [seed = 0, pieces = 0] = data
    const stream = data.subarray(HEAD_BYTES)
    const whole = decode([stream], pieces)
    claimSame(decode(chunksOf(stream, seed), pieces), whole, 'cut into chunks')
    const [messages] = whole
    const known = messages.filter(({ type }) => type !== 'unknown')
    const written = Buffer.concat(known.map(encode))
    claimSame(decode([written], pieces), [known, undefined], 'written, read')
    // What came as several blocks side by side may be written as one.
    const hasSteps = messages.some(
      (message) => message.type === 'piece' && message.block.length >= BLOCK_STEP,
    )
    if (known.length === messages.length && !hasSteps)
      claim(written.equals(stream.subarray(0, written.length)), 'messages are written in one way only')
  },
}

function decode(chunks: Iterable<Uint8Array>, pieces: number): Decoded {
  const decoder = new WireDecoder()
  if (pieces > 0) decoder.expectPieces(pieces)
  const messages: WireMessage[] = []
  try {
    for (const chunk of chunks) decoder.push(chunk, (message) => add(messages, kept(message)))
  } catch (error) {
    if (!(error instanceof ProtocolError) || !CODES.has(error.code)) throw error
    decoder.push(encodeChoke(), () => claim(false, 'a decoder that has refused says nothing more'))
    return [messages, `${error.code} ${error.message}`]
  }
  return [messages, undefined]
}

/** How many steps of a block come at once depends on how the stream is cut: they are put together again. */
function add(messages: WireMessage[], message: WireMessage): void {
  const last = messages.at(-1)
  const isNext =
    message.type === 'piece' &&
    last?.type === 'piece' &&
    last.block.length % BLOCK_STEP === 0 &&
    message.piece === last.piece &&
    message.begin === last.begin + last.block.length
  if (!isNext) messages.push(message)
  else
    messages[messages.length - 1] = {
      ...last,
      block: new Uint8Array(Buffer.concat([last.block, message.block])),
    }
}

/** Views end with the call. */
function kept(message: WireMessage): WireMessage {
  switch (message.type) {
    case 'piece':
      return { ...message, block: new Uint8Array(message.block) }
    case 'bitfield':
      return { ...message, bytes: new Uint8Array(message.bytes) }
    case 'extended':
      return { ...message, payload: new Uint8Array(message.payload) }
    default:
      return { ...message }
  }
}

/** Of BEP 5: understood, but never said. */
function port(number: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 3, 9, number >>> 8, number)
}

function encode(message: WireMessage): Uint8Array {
  switch (message.type) {
    case 'keepAlive':
      return encodeKeepAlive()
    case 'choke':
      return encodeChoke()
    case 'unchoke':
      return encodeUnchoke()
    case 'interested':
      return encodeInterested()
    case 'notInterested':
      return encodeNotInterested()
    case 'have':
      return encodeHaves([message.piece])
    case 'bitfield':
      return encodeBitfield(message.bytes)
    case 'request':
      return encodeRequests([message])
    case 'cancel':
      return encodeCancels([message])
    case 'piece': {
      const { piece, begin, block } = message
      return Buffer.concat([encodePieceHeader(piece, begin, block.length), block])
    }
    case 'port':
      return port(message.port)
    case 'extended':
      return encodeExtended(message.id, message.payload)
    case 'unknown':
      throw new Error('nobody writes what nobody knows')
  }
}
