import { expect, test } from 'vitest'
import { shortLivedBytes } from '../../src/protocol/short-lived-bytes.ts'

test('nobody else has the bytes that were given out, however many follow', () => {
  const given = Array.from({ length: 500 }, (_, i) => shortLivedBytes(i % 300).fill(i % 251))
  given.forEach((bytes, i) => {
    expect(bytes).toHaveLength(i % 300)
    expect(bytes.every((byte) => byte === i % 251)).toBe(true)
  })
})

test('they are zeros, and long ones keep nothing else alive', () => {
  shortLivedBytes(100).fill(1)
  expect(shortLivedBytes(100).every((byte) => byte === 0)).toBe(true)
  expect(shortLivedBytes(4_000).buffer.byteLength).toBe(4_000)
})
