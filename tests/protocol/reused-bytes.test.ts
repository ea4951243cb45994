import { expect, test } from 'vitest'
import { ReusedBytes } from '../../src/protocol/reused-bytes.ts'

test('what it holds is a copy, and holds until the next one', () => {
  const memory = new ReusedBytes(8)
  const given = Uint8Array.of(1, 2, 3)
  const held = memory.hold(given)
  given.fill(9)
  expect(held).toEqual(Uint8Array.of(1, 2, 3))
  expect(memory.hold(Uint8Array.of(4, 5, 6))).toBe(held)
  expect(held).toEqual(Uint8Array.of(4, 5, 6))
})

test('it holds nothing, and as much as it has room for, and no more', () => {
  const memory = new ReusedBytes(2)
  expect(memory.hold(new Uint8Array(0))).toHaveLength(0)
  expect(memory.hold(Uint8Array.of(1, 2))).toEqual(memory.all)
  expect(() => memory.hold(new Uint8Array(3))).toThrow(RangeError)
})
