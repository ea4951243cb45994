/** What one peer has asked us for, in which order it is answered. */
import { describe, expect, test } from 'vitest'
import { MAX_QUEUED_REQUESTS, MAX_REQUEST_LENGTH, UploadQueue } from '../../src/peer/upload-queue.ts'

describe('an upload queue', () => {
  const at = (begin: number): { piece: number; begin: number; length: number } => ({
    piece: 1,
    begin,
    length: 100,
  })

  test('is first in, first out, without repetitions and without what was cancelled', () => {
    const queue = new UploadQueue(1_000)
    expect([queue.push(at(0)), queue.push(at(100)), queue.push(at(0)), queue.push(at(200))]).toEqual([
      true,
      true,
      false,
      true,
    ])
    expect(queue.cancel(1, 100, 100)).toBe(true)
    expect(queue.cancel(1, 100, 100)).toBe(false)
    expect(queue.peek()).toEqual(at(0))
    queue.take([at(0)])
    expect(queue.peek()).toEqual(at(200))
    queue.take([at(200)])
    expect([queue.peek(), queue.size, queue.bytes]).toEqual([undefined, 0, 0])
  })

  test('of two requests that begin at the same byte answers the later one', () => {
    const queue = new UploadQueue(1_000)
    queue.push(at(0))
    expect(queue.push({ ...at(0), length: 50 })).toBe(true)
    expect([queue.peek(), queue.size, queue.bytes]).toEqual([{ ...at(0), length: 50 }, 1, 50])
  })

  test('is empty once it is cleared', () => {
    const queue = new UploadQueue(1_000)
    for (const begin of [0, 100]) queue.push(at(begin))
    expect(queue.clear()).toBe(2)
    expect([queue.peek(), queue.size, queue.bytes]).toEqual([undefined, 0, 0])
    expect(queue.push(at(0))).toBe(true)
  })

  test('gives out what lies side by side together, up to a limit', () => {
    const queue = new UploadQueue(1_000)
    const begins = (maxBytes: number) => queue.peekRun(maxBytes).map(({ begin }) => begin)
    expect(begins(Infinity)).toEqual([])
    for (const begin of [300, 400, 500, 600, 0, 700]) queue.push(at(begin))
    queue.push({ piece: 2, begin: 0, length: 100 })
    expect(begins(Infinity)).toEqual([300, 400, 500, 600])
    expect(begins(250)).toEqual([300, 400])
    expect(begins(1)).toEqual([300])
    queue.cancel(1, 500, 100)
    expect(begins(Infinity)).toEqual([300, 400])
    queue.take(queue.peekRun(Infinity))
    expect(begins(Infinity)).toEqual([600])
    queue.take(queue.peekRun(Infinity))
    queue.cancel(1, 0, 100)
    expect(begins(Infinity)).toEqual([700])
    queue.take(queue.peekRun(Infinity))
    expect(queue.peekRun(Infinity)).toEqual([{ piece: 2, begin: 0, length: 100 }])
  })

  test('keeps what is left of a request when a block of it is cancelled', () => {
    const block = 16_384
    const queue = new UploadQueue(16 * block)
    const row = (first: number, count: number) => ({ piece: 1, begin: first * block, length: count * block })
    const cancel = (first: number, count: number) => queue.cancel(1, first * block, count * block)
    for (const request of [row(0, 8), row(8, 2)]) queue.push(request)
    expect([cancel(7, 2), cancel(10, 1), cancel(3, 0), queue.cancel(0, 17 * block, block)]).toEqual([
      false,
      false,
      false,
      false,
    ])
    expect(cancel(3, 2)).toBe(true)
    expect([queue.size, queue.bytes]).toEqual([3, 8 * block])
    expect([cancel(3, 1), cancel(0, 1), cancel(8, 2)]).toEqual([false, true, true])
    queue.push(row(12, 1))
    expect(queue.peekRun(Infinity)).toEqual([row(5, 3)])
    queue.take([row(5, 3)])
    expect(queue.peekRun(Infinity)).toEqual([row(1, 2)])
    queue.take([row(1, 2)])
    expect(queue.peekRun(Infinity)).toEqual([row(12, 1)])
  })

  test('answers neither a block of another piece in the same run, nor one byte more than the limit', () => {
    const queue = new UploadQueue(1_000)
    for (const request of [at(0), at(100), { ...at(200), piece: 2 }]) queue.push(request)
    expect(queue.peekRun(Infinity)).toEqual([at(0), at(100)])
    expect(queue.peekRun(200)).toEqual([at(0), at(100)])
    expect(queue.peekRun(199)).toEqual([at(0)])
  })

  test('finds the last block of the longest request, and what is before a block, wherever the request begins', () => {
    const block = 16_384
    const queue = new UploadQueue(16 * block)
    const row = (first: number, count: number) => ({ piece: 1, begin: first * block, length: count * block })
    queue.push(row(8, MAX_REQUEST_LENGTH / block))
    expect(queue.cancel(1, 15 * block, block)).toBe(true)
    expect(queue.peekRun(Infinity)).toEqual([row(8, 7)])
  })

  test('still answers what has waited while thousands were cancelled', () => {
    const queue = new UploadQueue(2 ** 30)
    for (const begin of [0, 100, 200]) queue.push(at(begin))
    queue.take([queue.peek()!])
    expect(queue.peek()).toEqual(at(100))
    for (let i = 3; i < 10 * MAX_QUEUED_REQUESTS; i++) {
      queue.push(at(100 * i))
      queue.cancel(1, 100 * i, 100)
    }
    expect(queue.peekRun(Infinity)).toEqual([at(100), at(200)])
  })

  test('is bounded, cancelled ones or not', () => {
    const queue = new UploadQueue(2 ** 30)
    for (let i = 0; i < 10 * MAX_QUEUED_REQUESTS; i++) {
      queue.push(at(100 * i))
      queue.cancel(1, 100 * i, 100)
    }
    for (let i = 0; i < MAX_QUEUED_REQUESTS; i++) queue.push(at(100 * i))
    expect(() => queue.push(at(5))).toThrow(expect.objectContaining({ code: 'wire.flood' }))
  })
})
