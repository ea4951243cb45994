import { beforeEach, expect, test } from 'vitest'
import { LINES_AT_ONCE, LineBatch, MAX_BATCH_LENGTH, MAX_DELAY_MS } from '../../src/app/line-batch.ts'
import { SimClock } from '../../src/app/sim/clock.ts'

let clock: SimClock
let batches: string[]
let batch: LineBatch
beforeEach(() => {
  clock = new SimClock(0)
  batches = []
  batch = new LineBatch(clock, (lines) => batches.push(lines))
})

/** Lines that go at once, so that what follows is gathered. */
function startBurst(): void {
  for (let i = 0; i < LINES_AT_ONCE; i++) batch.write('first\n')
  batches.length = 0
}

test('the first lines go at once, one by one', () => {
  for (const line of ['a\n', 'b\n', 'c\n', 'd\n']) batch.write(line)
  expect(batches).toEqual(['a\n', 'b\n', 'c\n', 'd\n'])
})

test('what comes fast after them goes together, a moment later and in order', () => {
  startBurst()
  for (const line of ['a\n', 'b\n', 'c\n']) batch.write(line)
  expect(batches).toEqual([])
  clock.runUntil(MAX_DELAY_MS)
  expect(batches).toEqual(['a\nb\nc\n'])
  batch.write('d\n')
  expect(batches.length).toBe(1)
  clock.runUntil(2 * MAX_DELAY_MS)
  expect(batches[1]).toBe('d\n')
})

test('after a pause lines go at once again', () => {
  startBurst()
  clock.runUntil(MAX_DELAY_MS)
  batch.write('a\n')
  expect(batches).toEqual(['a\n'])
})

test('a batch does not grow without end', () => {
  startBurst()
  const line = `${'x'.repeat(99)}\n`
  for (let length = 0; length < MAX_BATCH_LENGTH; length += line.length) batch.write(line)
  expect(batches.length).toBe(1)
  expect(batches[0]!.length).toBeGreaterThanOrEqual(MAX_BATCH_LENGTH)
})

test('a flush waits for nothing, and leaves no timer behind', () => {
  startBurst()
  batch.write('a\n')
  batch.flush()
  expect(batches).toEqual(['a\n'])
  clock.runUntil(10 * MAX_DELAY_MS)
  expect(batches).toEqual(['a\n'])
})
