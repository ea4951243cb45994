import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BLOCK_STEP,
  MAX_BLOCK_LENGTH,
  MAX_EXTENDED_LENGTH,
  MAX_UNKNOWN_LENGTH,
  WireDecoder,
} from '../../src/protocol/decoder.ts'
import { ProtocolError } from '../../src/protocol/errors.ts'
import * as wire from '../../src/protocol/message.ts'
import type { WireMessage } from '../../src/protocol/message.ts'

function join(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Length prefix, id and so many zeros. `length` counts the id. */
function frame(length: number, id: number, payloadLength: number = length - 1): Uint8Array {
  return join(
    [length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255, id],
    new Uint8Array(payloadLength),
  )
}

/** A message that outlives the call that delivered it. */
function keep(message: WireMessage): WireMessage {
  if (message.type === 'piece') return { ...message, block: message.block.slice() }
  if (message.type === 'bitfield') return { ...message, bytes: message.bytes.slice() }
  if (message.type === 'extended') return { ...message, payload: message.payload.slice() }
  return message
}

function decode(chunks: readonly Uint8Array[], decoder: WireDecoder = new WireDecoder()): WireMessage[] {
  const messages: WireMessage[] = []
  for (const chunk of chunks) {
    // The buffer behind a chunk is reused: nothing may be read from it later.
    const borrowed = chunk.slice()
    decoder.push(borrowed, (message) => messages.push(keep(message)))
    borrowed.fill(0xee)
  }
  return messages
}

function codeOf(...chunks: Uint8Array[]): string {
  try {
    decode(chunks)
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
  return 'accepted'
}

function encode(message: WireMessage): Uint8Array {
  switch (message.type) {
    case 'keepAlive':
      return wire.encodeKeepAlive()
    case 'choke':
      return wire.encodeChoke()
    case 'unchoke':
      return wire.encodeUnchoke()
    case 'interested':
      return wire.encodeInterested()
    case 'notInterested':
      return wire.encodeNotInterested()
    case 'have':
      return wire.encodeHaves([message.piece])
    case 'bitfield':
      return wire.encodeBitfield(message.bytes)
    case 'request':
      return wire.encodeRequests([message])
    case 'cancel':
      return wire.encodeCancels([message])
    case 'piece':
      return join(wire.encodePieceHeader(message.piece, message.begin, message.block.length), message.block)
    case 'port':
      return join(frame(3, 9, 0), [message.port >>> 8, message.port & 255])
    case 'extended':
      return wire.encodeExtended(message.id, message.payload)
    case 'unknown':
      return frame(message.length, message.id)
  }
}

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const range = { piece: uint32, begin: uint32, length: uint32 }
const anyMessage: fc.Arbitrary<WireMessage> = fc.oneof(
  fc.record({ type: fc.constantFrom('keepAlive', 'choke', 'unchoke', 'interested', 'notInterested') }),
  fc.record({ type: fc.constant('have'), piece: uint32 }),
  fc.record({ type: fc.constant('bitfield'), bytes: fc.uint8Array({ maxLength: 200 }) }),
  fc.record({ type: fc.constantFrom('request', 'cancel'), ...range }),
  fc.record({
    type: fc.constant('piece'),
    piece: uint32,
    begin: uint32,
    block: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
      fc.nat(255).map((byte) => new Uint8Array(BLOCK_STEP).fill(byte)),
    ),
  }),
  fc.record({ type: fc.constant('port'), port: fc.integer({ min: 0, max: 65_535 }) }),
  fc.record({
    type: fc.constant('extended'),
    id: fc.nat(255),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.nat(MAX_EXTENDED_LENGTH - 2).map((n) => new Uint8Array(n)),
    ),
  }),
  fc.record({
    type: fc.constant('unknown'),
    id: fc.constantFrom(10, 13, 14, 15, 16, 17, 21, 255),
    length: fc.integer({ min: 1, max: 70_000 }),
  }),
) as fc.Arbitrary<WireMessage>

test('each message has the bytes that BEP 3 and BEP 10 give it', () => {
  expect(wire.encodeKeepAlive()).toEqual(Uint8Array.of(0, 0, 0, 0))
  expect(wire.encodeChoke()).toEqual(Uint8Array.of(0, 0, 0, 1, 0))
  expect(wire.encodeUnchoke()).toEqual(Uint8Array.of(0, 0, 0, 1, 1))
  expect(wire.encodeInterested()).toEqual(Uint8Array.of(0, 0, 0, 1, 2))
  expect(wire.encodeNotInterested()).toEqual(Uint8Array.of(0, 0, 0, 1, 3))
  expect(wire.encodeHaves([0x01020304])).toEqual(Uint8Array.of(0, 0, 0, 5, 4, 1, 2, 3, 4))
  expect(wire.encodeBitfield(Uint8Array.of(0xa0))).toEqual(Uint8Array.of(0, 0, 0, 2, 5, 0xa0))
  const blocks = [
    { piece: 1, begin: 0x4000, length: 0x4000 },
    { piece: 0xffffffff, begin: 0, length: 1 },
  ]
  expect(wire.encodeRequests(blocks)).toEqual(
    join(
      [0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x40, 0],
      [0, 0, 0, 13, 6, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1],
    ),
  )
  const run = [{ piece: 1, begin: 0x4000, length: 0x4001 }]
  expect(wire.encodeRequests(run, 0x4000)).toEqual(
    join(
      [0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x40, 0],
      [0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 0x80, 0, 0, 0, 0, 1],
    ),
  )
  // Cut where the longer length ends, not where it would end for this run.
  expect(wire.encodeRequests(run, 0x8000)).toEqual(wire.encodeRequests(run, 0x4000))
  expect(wire.encodeCancels(blocks.slice(0, 1))).toEqual(
    Uint8Array.of(0, 0, 0, 13, 8, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x40, 0),
  )
  expect(wire.encodePieceHeader(2, 0x8000, 0x4000)).toEqual(
    Uint8Array.of(0, 0, 0x40, 9, 7, 0, 0, 0, 2, 0, 0, 0x80, 0),
  )
  expect(wire.encodeExtended(3, Uint8Array.of(7, 8))).toEqual(Uint8Array.of(0, 0, 0, 4, 20, 3, 7, 8))
})

test('any chunking of any messages decodes alike', () => {
  fc.assert(
    fc.property(
      fc.array(anyMessage, { minLength: 1, maxLength: 8 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 40_000 })), {
        minLength: 1,
        maxLength: 20,
      }),
      (messages, sizes) => {
        const stream = new Uint8Array(Buffer.concat(messages.map(encode)))
        const chunks: Uint8Array[] = []
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length]!
          chunks.push(stream.subarray(at, at + size))
          at += size
        }
        expect(decode(chunks)).toEqual(messages)
      },
    ),
    { numRuns: 300 },
  )
})

test('messages come at their last byte, even when the stream comes byte by byte', () => {
  const messages: WireMessage[] = [
    { type: 'unknown', id: 99, length: 4 },
    { type: 'keepAlive' },
    { type: 'unknown', id: 99, length: 1 },
    { type: 'unchoke' },
    { type: 'have', piece: 7 },
    { type: 'piece', piece: 1, begin: 2, block: Uint8Array.of(3, 4) },
  ]
  const decoder = new WireDecoder()
  for (const message of messages) {
    const stream = encode(message)
    const seen = [...stream].map((byte) => decode([Uint8Array.of(byte)], decoder))
    // An unknown message is reported at its id and skipped from there on.
    const lastByte = message.type === 'unknown' ? 4 : stream.length - 1
    expect(seen.findIndex((messages) => messages.length > 0)).toBe(lastByte)
    expect(seen.flat()).toEqual([message])
  }
})

test('a block that lies whole in a chunk is a view on it; a cut one is not', () => {
  const stream = encode({ type: 'piece', piece: 0, begin: 0, block: new Uint8Array(100) })
  const views: boolean[] = []
  const decoder = new WireDecoder()
  const push = (chunk: Uint8Array): void =>
    decoder.push(chunk, (message) =>
      views.push(message.type === 'piece' && message.block.buffer === chunk.buffer),
    )
  push(stream.slice())
  push(stream.slice(0, 50))
  push(stream.slice(50))
  expect(views).toEqual([true, false])
})

describe('a long block comes in whole steps, as many as there are', () => {
  const STEP = BLOCK_STEP
  const length = 3 * STEP + 10
  const block = Uint8Array.from({ length }, (_, at) => at % 251)
  const stream = join(wire.encodePieceHeader(3, 7, length), block, wire.encodeChoke())

  test.each<{ arrived: number; before: number[]; after: number[] }>([
    { arrived: 0, before: [], after: [length] },
    { arrived: 1, before: [], after: [STEP, 2 * STEP + 10] },
    { arrived: STEP - 1, before: [], after: [STEP, 2 * STEP + 10] },
    { arrived: STEP, before: [STEP], after: [2 * STEP + 10] },
    { arrived: STEP + 1, before: [STEP], after: [STEP, STEP + 10] },
    { arrived: 2 * STEP + 1, before: [2 * STEP], after: [STEP, 10] },
    { arrived: 3 * STEP + 9, before: [3 * STEP], after: [10] },
    { arrived: length, before: [length], after: [] },
  ])('$arrived bytes of it: $before, then $after', ({ arrived, before, after }) => {
    const decoder = new WireDecoder()
    const cut = 13 + arrived
    const first = decode([stream.subarray(0, cut)], decoder)
    const rest = decode([stream.subarray(cut)], decoder)
    let at = 0
    const expected = [...before, ...after].map((size) => {
      const part = { type: 'piece', piece: 3, begin: 7 + at, block: block.subarray(at, at + size) }
      at += size
      return part
    })
    expect(first).toEqual(expected.slice(0, before.length))
    expect([...first, ...rest]).toEqual([...expected, { type: 'choke' }])
  })
})

test('a peer that claims much and sends little makes us hold little', () => {
  const before = process.memoryUsage().arrayBuffers
  const decoders = Array.from({ length: 1_000 }, () => new WireDecoder())
  for (const decoder of decoders) decoder.push(frame(MAX_EXTENDED_LENGTH, 20, 100), () => {})
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000 * 20_000)
  expect(decoders).toHaveLength(1_000)
})

test('the scratch of a long message is given back after it', () => {
  const decoder = new WireDecoder()
  const sizes: number[] = []
  for (const length of [MAX_EXTENDED_LENGTH, 100]) {
    const stream = frame(length, 20)
    for (const half of [stream.slice(0, 50), stream.slice(50)])
      decoder.push(half, (message) => {
        if (message.type === 'extended') sizes.push(message.payload.buffer.byteLength)
      })
  }
  expect(sizes[0]).toBeGreaterThan(MAX_EXTENDED_LENGTH)
  expect(sizes[1]).toBeLessThan(20_000)
})

describe('a message longer or shorter than its kind is refused at its id, before its bytes come', () => {
  test.each([
    ['a choke with a payload', frame(2, 0, 0), 'wire.malformed'],
    ['an unchoke with a payload', frame(2, 1, 0), 'wire.malformed'],
    ['an interested with a payload', frame(2, 2, 0), 'wire.malformed'],
    ['a not interested with a payload', frame(5, 3, 0), 'wire.malformed'],
    ['a short have', frame(4, 4, 0), 'wire.malformed'],
    ['a long have', frame(6, 4, 0), 'wire.malformed'],
    ['a short request', frame(12, 6, 0), 'wire.malformed'],
    ['a long request', frame(14, 6, 0), 'wire.malformed'],
    ['a request that claims 4 GiB', frame(0xffffffff, 6, 0), 'wire.malformed'],
    ['a short cancel', frame(12, 8, 0), 'wire.malformed'],
    ['a piece without a block', frame(9, 7, 0), 'wire.malformed'],
    ['a piece without an offset', frame(5, 7, 0), 'wire.malformed'],
    ['a piece beyond 128 KiB', frame(9 + MAX_BLOCK_LENGTH + 1, 7, 0), 'wire.oversize'],
    ['a piece that claims 4 GiB', frame(0xffffffff, 7, 0), 'wire.oversize'],
    ['a long port', frame(4, 9, 0), 'wire.malformed'],
    ['an extended message without a number', frame(1, 20, 0), 'wire.malformed'],
    ['an extended message that is too long', frame(MAX_EXTENDED_LENGTH + 1, 20, 0), 'wire.oversize'],
    ['an unknown message that is too long', frame(MAX_UNKNOWN_LENGTH + 1, 99, 0), 'wire.oversize'],
    ['a bitfield for more pieces than a torrent may have', frame(2 ** 19 + 2, 5, 0), 'wire.bad-bitfield'],
    ['the largest block', frame(9 + MAX_BLOCK_LENGTH, 7), 'accepted'],
    ['the longest extended message', frame(MAX_EXTENDED_LENGTH, 20), 'accepted'],
    ['the longest unknown message', frame(MAX_UNKNOWN_LENGTH, 99), 'accepted'],
    ['the longest bitfield', frame(2 ** 19 + 1, 5), 'accepted'],
    ['an HTTP request', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'), 'wire.oversize'],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code)
    expect(
      codeOf(...Array.from(bytes.subarray(0, 5), (byte) => Uint8Array.of(byte)), bytes.subarray(5)),
    ).toBe(code)
  })
})

test('once the geometry is known a bitfield has exactly its size', () => {
  const decoder = new WireDecoder()
  decoder.expectPieces(9)
  expect(decode([frame(3, 5)], decoder)).toEqual([{ type: 'bitfield', bytes: new Uint8Array(2) }])
  expect(() => decode([frame(4, 5)], decoder)).toThrow(ProtocolError)
  const other = new WireDecoder()
  other.expectPieces(9)
  expect(() => decode([frame(2, 5)], other)).toThrow(ProtocolError)
})

test('a handler that stops the decoder within a long block gets no more of it', () => {
  const decoder = new WireDecoder()
  const seen: string[] = []
  const bytes = frame(9 + 2 * BLOCK_STEP, 7)
  const middle = 13 + BLOCK_STEP
  for (const chunk of [bytes.subarray(0, middle), bytes.subarray(middle)])
    decoder.push(chunk, ({ type }) => {
      seen.push(type)
      decoder.stop()
    })
  expect(seen).toEqual(['piece'])
})

test('a handler that stops the decoder gets nothing more', () => {
  const decoder = new WireDecoder()
  const seen: string[] = []
  const push = (chunk: Uint8Array): void =>
    decoder.push(chunk, (message) => {
      seen.push(message.type)
      if (message.type === 'unchoke') decoder.stop()
    })
  push(join(wire.encodeChoke(), wire.encodeUnchoke(), wire.encodeInterested()))
  push(wire.encodeInterested())
  expect(seen).toEqual(['choke', 'unchoke'])
})

test('after an error the decoder is stopped', () => {
  const decoder = new WireDecoder()
  expect(() => decode([frame(6, 4)], decoder)).toThrow(ProtocolError)
  expect(decode([wire.encodeChoke()], decoder)).toEqual([])
})

test('random bytes in random chunks throw nothing but ProtocolError', () => {
  const nearlyRight = fc
    .tuple(fc.constantFrom(0, 1, 3, 5, 13, 14, 400), fc.nat(22), fc.uint8Array({ maxLength: 20 }))
    .map(([length, id, rest]) => join(frame(length, id, 0), rest))
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array(), nearlyRight)), (chunks) => {
      expect(codeOf(...chunks)).toMatch(/^(accepted|wire\.)/)
    }),
    { numRuns: 2_000 },
  )
})
