import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InvariantError } from '../../src/protocol/errors.ts'
import {
  bytesEqual,
  commonPrefixLength,
  compareDistance,
  fromHex,
  ID_LENGTH,
  idFrom,
  toHex,
  type NodeId,
} from '../../src/protocol/ids.ts'

const anyId = fc.uint8Array({ minLength: ID_LENGTH, maxLength: ID_LENGTH })

/** The slow truth: an id as one number. */
const number = (id: Uint8Array): bigint => BigInt(`0x${toHex(id)}`)

test('hex is lowercase, two digits a byte, and read in both cases', () => {
  expect(toHex(Uint8Array.of(0, 10, 255))).toBe('000aff')
  expect(fromHex('000aFF')).toEqual(Uint8Array.of(0, 10, 255))
  expect(fromHex('')).toEqual(new Uint8Array(0))
  for (const bad of ['0', '0g', ' 00', '0x00', '00\n', '-1']) expect(fromHex(bad), bad).toBeUndefined()
})

test('hex of any bytes is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes)
    }),
  )
})

test('an id is a copy of exactly twenty bytes, also out of a Node Buffer', () => {
  const buffer = Buffer.alloc(ID_LENGTH, 7)
  const id = idFrom<NodeId>(buffer)
  buffer.fill(0)
  expect(id).toEqual(new Uint8Array(ID_LENGTH).fill(7))
  expect(() => idFrom(new Uint8Array(19))).toThrow(InvariantError)
  expect(() => idFrom(new Uint8Array(21))).toThrow(InvariantError)
})

test('bytes are equal when all of them are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
      expect(bytesEqual(a, b)).toBe(toHex(a) === toHex(b))
      expect(bytesEqual(a, a.slice())).toBe(true)
    }),
  )
})

test('distance orders as the XOR of numbers does', () => {
  fc.assert(
    fc.property(anyId, anyId, anyId, (a, b, target) => {
      const difference = (number(a) ^ number(target)) - (number(b) ^ number(target))
      expect(Math.sign(compareDistance(a, b, target))).toBe(difference === 0n ? 0 : difference < 0n ? -1 : 1)
      expect(compareDistance(a, a, target)).toBe(0)
    }),
  )
})

test('distance is symmetric, and no two ids lie at the same', () => {
  fc.assert(
    fc.property(anyId, anyId, anyId, (a, b, c) => {
      expect(Math.sign(compareDistance(a, b, c))).toBe(0 - Math.sign(compareDistance(b, a, c)))
      expect(compareDistance(a, b, a)).toBeLessThanOrEqual(0)
      expect(compareDistance(a, b, c) === 0).toBe(bytesEqual(a, b))
    }),
  )
})

test('the common prefix is counted in bits', () => {
  const zero = new Uint8Array(ID_LENGTH)
  expect(commonPrefixLength(zero, zero)).toBe(160)
  for (let bit = 0; bit < 160; bit++) {
    const other = zero.with(bit >>> 3, 0x80 >>> (bit & 7))
    expect(commonPrefixLength(zero, other)).toBe(bit)
  }
})
