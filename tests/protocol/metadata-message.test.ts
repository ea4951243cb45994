/** The wire of the metadata exchange: vectors of BEP 9, and bytes of strangers. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { ProtocolError } from '../../src/protocol/errors.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import {
  decodeMetadataMessage,
  encodeMetadataData,
  encodeMetadataReject,
  encodeMetadataRequest,
  METADATA_BLOCK_LENGTH,
} from '../../src/protocol/metadata-message.ts'

const latin1 = new TextDecoder('latin1')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('the messages of BEP 9', () => {
  test('a request', () => {
    expect(latin1.decode(encodeMetadataRequest(0))).toBe('d8:msg_typei0e5:piecei0ee')
    expect(decodeMetadataMessage(bytes('d8:msg_typei0e5:piecei0ee'))).toEqual({ type: 'request', block: 0 })
  })

  test('a reject', () => {
    expect(latin1.decode(encodeMetadataReject(0))).toBe('d8:msg_typei2e5:piecei0ee')
    expect(decodeMetadataMessage(bytes('d8:msg_typei2e5:piecei0ee'))).toEqual({ type: 'reject', block: 0 })
  })

  test('a block: its bytes stand behind the dictionary, whatever they look like', () => {
    const head = 'd8:msg_typei1e5:piecei0e10:total_sizei34256ee'
    const info = new Uint8Array(34_256).fill(0x65)
    const message = encodeMetadataData(0, info)
    expect(latin1.decode(message.subarray(0, head.length))).toBe(head)
    expect(message).toHaveLength(head.length + METADATA_BLOCK_LENGTH)
    expect(decodeMetadataMessage(bytes(`${head}d1:xe`))).toEqual({
      type: 'data',
      block: 0,
      bytes: bytes('d1:xe'),
    })
  })

  test('keys may come in any order, and there may be others', () => {
    const message = bytes('d10:total_sizei3e5:piecei7e1:zle8:msg_typei1ee...')
    expect(decodeMetadataMessage(message)).toEqual({ type: 'data', block: 7, bytes: bytes('...') })
  })

  test('a kind that is not known is passed over, also when it has no block', () => {
    expect(decodeMetadataMessage(encodeBencode({ msg_type: 3, piece: 1 }))).toBeUndefined()
    expect(decodeMetadataMessage(encodeBencode({ msg_type: 3 }))).toBeUndefined()
    expect(decodeMetadataMessage(encodeBencode({ msg_type: -1, piece: 'x' }))).toBeUndefined()
  })
})

describe('of strangers', () => {
  test.each([
    ['nothing', new Uint8Array(0)],
    ['no dictionary', bytes('le')],
    ['no kind', encodeBencode({ piece: 0 })],
    ['a kind that is a text', encodeBencode({ msg_type: '0', piece: 0 })],
    ['no block', encodeBencode({ msg_type: 0 })],
    ['block -1', encodeBencode({ msg_type: 1, piece: -1 })],
    ['a block beyond every number', encodeBencode({ msg_type: 1, piece: 2n ** 63n })],
    ['a block that is a text', encodeBencode({ msg_type: 2, piece: '0' })],
    ['a dictionary that does not end', bytes('d8:msg_typei0e5:piecei0e')],
    [
      'a thousand values',
      encodeBencode({ msg_type: 0, piece: 0, x: Array.from({ length: 1_000 }, () => 0) }),
    ],
  ])('%s is refused', (_what, message) => {
    expect(() => decodeMetadataMessage(message)).toThrow(ProtocolError)
  })

  test('any bytes are a message, or passed over, or refused, and nothing else happens', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array(), damaged(encodeMetadataData(3, new Uint8Array(60_000)))),
        (any) => {
          try {
            const message = decodeMetadataMessage(any)
            if (message) expect(Number.isSafeInteger(message.block) && message.block >= 0).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
          }
        },
      ),
    )
  })
})

test('what is written is read again, and the blocks make up the whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 * METADATA_BLOCK_LENGTH }), (length) => {
      const info = Uint8Array.from({ length }, (_, at) => (at * 31) >> 3)
      const parts: Uint8Array[] = []
      for (let block = 0; block * METADATA_BLOCK_LENGTH < length; block++) {
        const message = decodeMetadataMessage(encodeMetadataData(block, info))
        expect(message).toMatchObject({ type: 'data', block })
        if (message?.type === 'data') parts.push(message.bytes)
      }
      expect(parts.slice(0, -1).every((part) => part.length === METADATA_BLOCK_LENGTH)).toBe(true)
      const whole = new Uint8Array(length)
      for (const [block, part] of parts.entries()) whole.set(part, block * METADATA_BLOCK_LENGTH)
      expect(bytesEqual(whole, info)).toBe(true)
    }),
    { numRuns: 20 },
  )
})

/** A real message with some bytes changed, or cut off. */
function damaged(message: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(60), fc.nat(255))
  return fc.tuple(fc.array(change, { maxLength: 3 }), fc.nat(message.length)).map(([changes, length]) => {
    const copy = message.slice(0, Math.max(60, length))
    for (const [at, byte] of changes) copy[at] = byte
    return copy
  })
}
