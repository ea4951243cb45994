import { expect, test } from 'vitest'
import { BufferPool } from '../../src/storage/buffer-pool.ts'

test('a released buffer is used again for the same length, and only for that', () => {
  const pool = new BufferPool()
  const first = pool.acquire(100)
  first.release()
  expect(pool.acquire(101).bytes.buffer).not.toBe(first.bytes.buffer)
  expect(pool.acquire(100).bytes.buffer).toBe(first.bytes.buffer)
})

test('workers can look at the bytes: they are shared', () => {
  const { bytes } = new BufferPool().acquire(7)
  expect(bytes.buffer).toBeInstanceOf(SharedArrayBuffer)
  expect(bytes.length).toBe(7)
})

test('a buffer is not used again before its last hold is given up', () => {
  const pool = new BufferPool()
  const first = pool.acquire(100).retain()
  first.release()
  expect(pool.acquire(100).bytes.buffer).not.toBe(first.bytes.buffer)
  first.release()
  expect(pool.acquire(100).bytes.buffer).toBe(first.bytes.buffer)
})

test('one release too many is a bug, and so is a hold on what is gone', () => {
  const buffer = new BufferPool().acquire(1)
  buffer.release()
  expect(() => buffer.release()).toThrow('released more often')
  expect(() => buffer.retain()).toThrow('after its last release')
})

test('bytes are counted where they are', () => {
  const pool = new BufferPool()
  const a = pool.acquire(100)
  const b = pool.acquire(50)
  expect([pool.outstandingBytes, pool.idleBytes]).toEqual([150, 0])
  a.release()
  expect([pool.outstandingBytes, pool.idleBytes]).toEqual([50, 100])
  b.release()
  pool.acquire(100)
  expect([pool.outstandingBytes, pool.idleBytes]).toEqual([100, 50])
})

test('idle bytes stay below the limit; other lengths make way for the one in use', () => {
  const pool = new BufferPool({ maxIdleBytes: 100 })
  for (const buffer of [30, 30, 40].map((length) => pool.acquire(length))) buffer.release()
  expect(pool.idleBytes).toBe(100)
  const wanted = [60, 60].map((length) => pool.acquire(length))
  wanted[0]!.release()
  expect(pool.idleBytes).toBe(100)
  wanted[1]!.release()
  expect(pool.idleBytes).toBe(60)
})

test('one buffer longer than the limit is kept: large pieces come one after the other', () => {
  const pool = new BufferPool({ maxIdleBytes: 100 })
  const [a, b] = [pool.acquire(1000), pool.acquire(1000)]
  a.release()
  b.release()
  expect(pool.idleBytes).toBe(1000)
})

test('a block is copied whole, however it lies', () => {
  const block = new Uint8Array(50_013).map((_, at) => at % 251).subarray(13)
  const buffer = new BufferPool().acquire(60_000)
  buffer.bytes.fill(0)
  buffer.write(7, block)
  expect(buffer.bytes.slice(7, 50_007)).toEqual(block)
  expect([buffer.bytes[6], buffer.bytes[50_007]]).toEqual([0, 0])
})
