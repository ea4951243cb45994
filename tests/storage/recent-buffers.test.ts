import { expect, test } from 'vitest'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import { RecentBuffers } from '../../src/storage/recent-buffers.ts'

function makeBuffers(maxBytes: number) {
  const pool = new BufferPool({ maxIdleBytes: 0 })
  const buffers = new RecentBuffers(maxBytes)
  return {
    pool,
    buffers,
    add: (key: number, length = 10) => {
      const buffer = pool.acquire(length)
      buffers.add(key, buffer)
      buffer.release()
    },
    keys: () => [1, 2, 3, 4, 5].filter((key) => buffers.get(key) !== undefined),
  }
}

test('what was least recently used goes first', () => {
  const { buffers, add, keys } = makeBuffers(30)
  for (const key of [1, 2, 3]) add(key)
  buffers.get(1)
  add(4)
  expect(keys()).toEqual([1, 3, 4])
  expect(buffers.bytes).toBe(30)
})

test('less room takes effect at once, and what is let go is free', () => {
  const { buffers, pool, add, keys } = makeBuffers(30)
  for (const key of [1, 2, 3]) add(key)
  buffers.maxBytes = 10
  expect(keys()).toEqual([3])
  expect(pool.outstandingBytes).toBe(10)
  buffers.clear()
  expect([buffers.bytes, pool.outstandingBytes]).toEqual([0, 0])
})

test('one that takes the place of another lets that go', () => {
  const { buffers, pool, add } = makeBuffers(30)
  add(1, 10)
  add(1, 20)
  expect([buffers.bytes, pool.outstandingBytes]).toEqual([20, 20])
})

test('one that is longer than all there is room for is not kept', () => {
  const { buffers, pool, add, keys } = makeBuffers(30)
  add(1, 31)
  expect([keys(), buffers.bytes, pool.outstandingBytes]).toEqual([[], 0, 0])
})
