import { expect, test } from 'vitest'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import { MIN_WINDOW } from '../../src/peer/request-window.ts'
import { MAX_WEB_SEED_WINDOW, START_WEB_SEED_WINDOW, WebSeedWindow } from '../../src/peer/web-seed-window.ts'

const MIB = 2 ** 20
const windowOf = (rate: number, ...answerTimes: number[]): number => {
  const window = new WebSeedWindow()
  for (const took of answerTimes) window.onAnswer(took)
  return window.size(rate)
}

test('a few pieces until the rate is known', () => {
  expect(windowOf(0)).toBe(START_WEB_SEED_WINDOW)
  expect(windowOf(0, 500)).toBe(START_WEB_SEED_WINDOW)
})

test('more for a faster server, and for one that is far away', () => {
  expect(windowOf(20 * MIB, 10)).toBeGreaterThan(2 * windowOf(5 * MIB, 10))
  expect(windowOf(5 * MIB, 500)).toBeGreaterThan(4 * windowOf(5 * MIB, 10))
})

test('at least what it sends in two of its answer times: it never waits for us', () => {
  for (const answerTime of [1, 50, 500])
    for (const rate of [MIB, 10 * MIB])
      expect(windowOf(rate, answerTime) * BLOCK_LENGTH).toBeGreaterThan((2 * rate * answerTime) / 1_000)
})

test('a slow one holds no more than a peer does, and nothing makes it grow without end', () => {
  expect(windowOf(3_000, 20)).toBe(MIN_WINDOW)
  expect(windowOf(1_000 * MIB, 15_000)).toBe(MAX_WEB_SEED_WINDOW)
})

test('answers that waited for a connection do not count, until there are no others', () => {
  expect(windowOf(5 * MIB, 100, 4_000, 3_000)).toBe(windowOf(5 * MIB, 100))
  const late = Array.from({ length: 100 }, () => 300)
  expect(windowOf(5 * MIB, 100, ...late)).toBe(windowOf(5 * MIB, 300))
})
