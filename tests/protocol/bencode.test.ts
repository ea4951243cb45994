import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BencodeDict,
  decodeBencode,
  decodeBencodeDict,
  decodeBencodePrefix,
  MAX_DEPTH,
  type Bencode,
} from '../../src/protocol/bencode.ts'
import { encodeBencode, RawBencode, type Encodable } from '../../src/protocol/bencode-writer.ts'
import { InvariantError, ProtocolError } from '../../src/protocol/errors.ts'

const bytes = (latin1: string): Uint8Array => Uint8Array.from(latin1, (c) => c.charCodeAt(0))
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** Decoded values with plain Maps and latin1 strings, to be compared and read. */
function plain(value: Bencode): unknown {
  if (value instanceof Uint8Array) return text(value)
  if (value instanceof BencodeDict)
    return new Map([...value.entries()].map(([key, item]) => [key, plain(item)]))
  return Array.isArray(value) ? value.map(plain) : value
}

const read = (latin1: string): unknown => plain(decodeBencode(bytes(latin1)).value)

function faultOf(latin1: string): string {
  try {
    decodeBencode(bytes(latin1))
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect((error as ProtocolError).code).toBe('bencode.malformed')
    return (error as Error).message
  }
  return 'accepted'
}

test('the examples of BEP 3', () => {
  expect(read('4:spam')).toBe('spam')
  expect(read('0:')).toBe('')
  expect(read('i3e')).toBe(3)
  expect(read('i-3e')).toBe(-3)
  expect(read('i0e')).toBe(0)
  expect(read('l4:spam4:eggse')).toEqual(['spam', 'eggs'])
  expect(read('d3:cow3:moo4:spam4:eggse')).toEqual(
    new Map([
      ['cow', 'moo'],
      ['spam', 'eggs'],
    ]),
  )
  expect(read('d4:spaml1:a1:bee')).toEqual(new Map([['spam', ['a', 'b']]]))
  expect(read('le')).toEqual([])
  expect(read('de')).toEqual(new Map())
})

test('integers are exact: numbers up to 2^53 - 1, bigints beyond', () => {
  expect(read('i9007199254740991e')).toBe(9007199254740991)
  expect(read('i9007199254740992e')).toBe(9007199254740992n)
  expect(read('i9007199254740993e')).toBe(9007199254740993n)
  expect(read('i-9223372036854775808e')).toBe(-(2n ** 63n))
  expect(read('i18446744073709551615e')).toBe(2n ** 64n - 1n)
})

describe('what is not bencode is refused with its place', () => {
  test.each([
    ['', 'the end in the middle of a value (byte 0)'],
    ['i03e', 'a number with a leading zero (byte 0)'],
    ['i-0e', 'a negative zero (byte 0)'],
    ['i-03e', 'a number with a leading zero (byte 0)'],
    ['ie', 'no value begins here (byte 0)'],
    ['i-e', 'no value begins here (byte 0)'],
    ['i+3e', 'no value begins here (byte 0)'],
    ['i1.5e', 'an integer that does not end (byte 0)'],
    ['i12', 'an integer that does not end (byte 0)'],
    [`i${'9'.repeat(65)}e`, 'a number with too many digits (byte 0)'],
    ['01:a', 'a number with a leading zero (byte 0)'],
    ['-1:a', 'no value begins here (byte 0)'],
    ['5:spam', 'a string longer than the rest (byte 0)'],
    ['4spam', 'a string length without a colon (byte 0)'],
    ['99999999999:', 'a number with too many digits (byte 0)'],
    ['l4:spam', 'the end in the middle of a value (byte 7)'],
    ['d3:cow', 'the end in the middle of a value (byte 6)'],
    ['d3:cowe', 'no value begins here (byte 6)'],
    ['di1e1:ae', 'no value begins here (byte 1)'],
    ['i1ei2e', 'more bytes behind the value (byte 3)'],
    ['x', 'no value begins here (byte 0)'],
    ['d1:a1:x1:a1:ye', 'a key that occurs twice (byte 7)'],
    ['d1:b1:x1:a1:y1:b1:ze', 'a dictionary with a key that occurs twice (byte 0)'],
  ])('%s', (input, fault) => expect(faultOf(input)).toContain(fault))
})

test('unsorted keys are read and reported, however deep; strict reading refuses them', () => {
  const unsorted = 'ld1:bi1e1:ai2eee'
  const decoded = decodeBencode(bytes(unsorted))
  expect(plain(decoded.value)).toEqual([
    new Map([
      ['a', 2],
      ['b', 1],
    ]),
  ])
  expect(decoded.isCanonical).toBe(false)
  expect(decodeBencode(bytes('ld1:ai2e1:bi1eee')).isCanonical).toBe(true)
})

test('sixty-four levels are read, one more is not, and twenty thousand do not overflow the stack', () => {
  const nested = (depth: number): string => 'l'.repeat(depth) + 'e'.repeat(depth)
  expect(faultOf(nested(MAX_DEPTH))).toBe('accepted')
  expect(faultOf(nested(MAX_DEPTH + 1))).toContain('more than 64 levels')
  expect(faultOf(nested(20_000))).toContain('more than 64 levels')
  expect(faultOf('d1:a'.repeat(20_000))).toContain('more than 64 levels')
})

test('the number of values is bounded', () => {
  expect(() => decodeBencode(bytes('li1ei2ee'), { maxValues: 2 })).toThrow('more than 2 values')
  expect(plain(decodeBencode(bytes('li1ei2ee'), { maxValues: 3 }).value)).toEqual([1, 2])
})

test('a prefix is read and what follows is left: metadata blocks come this way (BEP 9)', () => {
  const message = bytes('d8:msg_typei1e5:piecei0eeRAW')
  const { value, length } = decodeBencodePrefix(message)
  expect((value as BencodeDict).integer('msg_type')).toBe(1)
  expect(text(message.subarray(length))).toBe('RAW')
})

test('a dictionary gives each value, typed, and its exact bytes', () => {
  const dict = decodeBencodeDict(bytes('d1:bd1:zi1e1:ai2ee1:ii7e1:lli1eee'))
  expect(dict.integer('i')).toBe(7)
  expect(dict.list('l')).toEqual([1])
  expect(dict.dict('b')?.integer('z')).toBe(1)
  // Unsorted inside, and kept as it stood.
  expect(text(dict.raw('b')!)).toBe('d1:zi1e1:ai2ee')
  expect(dict.integer('b')).toBeUndefined()
  expect(dict.text('nothing')).toBeUndefined()
  expect(dict.raw('nothing')).toBeUndefined()
  expect([...dict.keys()]).toEqual(['b', 'i', 'l'])
})

test('text is valid UTF-8 or no text', () => {
  const dict = decodeBencodeDict(bytes('d1:a2:\xc3\xa41:b1:\xe4e'))
  expect(dict.text('a')).toBe('ä')
  expect(dict.text('b')).toBeUndefined()
  expect(dict.bytes('b')).toEqual(Uint8Array.of(0xe4))
})

test('keys that are special to JavaScript, or no UTF-8, are keys like others', () => {
  const input = 'd9:__proto__i1e11:constructori2e8:toStringi3e2:\xff\xfei4ee'
  const dict = decodeBencodeDict(bytes(input))
  expect(dict.get('__proto__')).toBe(1)
  expect(dict.get('constructor')).toBe(2)
  expect(dict.get('hasOwnProperty')).toBeUndefined()
  expect(dict.get('\xff\xfe')).toBe(4)
  expect(text(encodeBencode(dict))).toBe(input)
})

test('a key of a megabyte is a key', () => {
  const key = 'k'.repeat(2 ** 20)
  expect(decodeBencodeDict(bytes(`d${key.length}:${key}i1ee`)).get(key)).toBe(1)
})

test('writing sorts by bytes, leaves undefined out, and takes ready bytes as they are', () => {
  const value = {
    z: 1,
    a: 'ä',
    é: undefined,
    list: [2n ** 64n, -1],
    raw: new RawBencode(bytes('d1:zi1e1:ai2ee')),
  }
  expect(text(encodeBencode(value))).toBe(
    'd1:a2:\xc3\xa44:listli18446744073709551616ei-1ee3:rawd1:zi1e1:ai2ee1:zi1ee',
  )
  const map = new Map<string, Encodable>([
    ['\xff', 1],
    ['B', 2],
    ['a', 3],
  ])
  expect(text(encodeBencode(map))).toBe('d1:Bi2e1:ai3e1:\xffi1ee')
})

test('what bencode cannot say is our own bug', () => {
  for (const value of [1.5, NaN, 2 ** 53, Infinity])
    expect(() => encodeBencode(value)).toThrow(InvariantError)
  expect(() => encodeBencode(new Map([['€', 1]]))).toThrow(InvariantError)
})

const anyBytes = fc.uint8Array({ maxLength: 20 })
const { value: anyValue } = fc.letrec<{ value: Encodable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).filter((n) => n > 2n ** 53n || n < -(2n ** 53n)),
    anyBytes,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(anyBytes.map(text), tie('value')), { maxLength: 5 }).map((members) => new Map(members)),
  ),
}))

function plainInput(value: Encodable): unknown {
  if (value instanceof Uint8Array) return text(value)
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, plainInput(item as Encodable)]))
  return Array.isArray(value) ? value.map(plainInput) : value
}

test('what is written is read back, canonically', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const encoded = encodeBencode(value)
      const decoded = decodeBencode(encoded)
      expect(plain(decoded.value)).toEqual(plainInput(value))
      expect(decoded.isCanonical).toBe(true)
      expect(encodeBencode(decoded.value)).toEqual(encoded)
    }),
    { numRuns: 500 },
  )
})

test('a cut value is never accepted', () => {
  fc.assert(
    fc.property(anyValue, fc.nat(), (value, cut) => {
      const encoded = encodeBencode(value)
      expect(() => decodeBencode(encoded.subarray(0, cut % encoded.length))).toThrow(ProtocolError)
    }),
  )
})

test('hostile bytes are refused by ProtocolError or read as what they encode to', () => {
  const soup = fc.string({ unit: fc.constantFrom(...'0123456789:-ieldab\xff'), maxLength: 40 }).map(bytes)
  fc.assert(
    fc.property(fc.oneof(soup, fc.uint8Array()), (input) => {
      try {
        const { value, isCanonical } = decodeBencode(input)
        if (isCanonical) expect(encodeBencode(value)).toEqual(input)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
    }),
    { numRuns: 5_000 },
  )
})

test('a hundred thousand unsorted keys are sorted out, and none is compared with all others: that would take minutes', () => {
  let input = 'd'
  for (let i = 100_000; i > 0; i--) input += `6:${String(i).padStart(6, '0')}i${i}e`
  const encoded = bytes(`${input}e`)
  expect(decodeBencode(encoded, { maxValues: 200_000 }).isCanonical).toBe(false)
})
