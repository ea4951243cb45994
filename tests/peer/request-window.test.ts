/** How deep the pipeline is, on links of all kinds. */
import { expect, test } from 'vitest'
import { MAX_WINDOW, MIN_WINDOW, RequestWindow } from '../../src/peer/request-window.ts'

const BLOCK = 16_384

/** A peer that sends a block every `BLOCK / bytesPerSecond`, `roundTripMs` after it was asked. */
function run(
  bytesPerSecond: number,
  roundTripMs: number,
  seconds: number,
  queueLimit = MAX_WINDOW,
): RequestWindow {
  const window = new RequestWindow()
  window.queueLimit = queueLimit
  const interval = (BLOCK * 1_000) / bytesPerSecond
  const due: number[] = []
  let free = 0
  let now = 0
  const refill = (): void => {
    const room = window.size - due.length
    if (room <= 0) return
    window.onRequested(room, now)
    for (let i = 0; i < room; i++) {
      free = Math.max(free, now + roundTripMs) + interval
      due.push(free)
    }
  }
  for (refill(); now < 1_000 * seconds; refill()) {
    now = due.shift()!
    window.onBlock(BLOCK, now)
  }
  return window
}

test('a fast link of 100 ms is filled: what it holds is in flight, and some more', () => {
  const holds = (125_000_000 * 0.1) / BLOCK
  const { size } = run(125_000_000, 100, 5)
  expect(size).toBeGreaterThan(holds)
  expect(size).toBeLessThanOrEqual(MAX_WINDOW)
})

test('a slow peer gets few requests, never fewer than five', () => {
  expect(run(50_000, 20, 100).size).toBeLessThan(12)
  expect(run(20_000, 20, 400).size).toBeGreaterThanOrEqual(MIN_WINDOW)
})

test('never more than the peer says that it queues', () => {
  expect(run(125_000_000, 100, 5, 250).size).toBe(250)
})

test('a stall starts it over', () => {
  const window = run(125_000_000, 100, 5)
  window.onStall()
  expect(window.size).toBe(MIN_WINDOW)
})
