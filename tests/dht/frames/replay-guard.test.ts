/** Each frame counts once, whatever order the frames come in. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { REPLAY_WINDOW, ReplayGuard } from '../../../src/dht/frames/replay-guard.ts'

const SECOND = 1_000_000
const NOW = 1_800_000_000 * SECOND
const MAX_AGE = 120 * SECOND

const accepts = (guard: ReplayGuard, seq: number, salt = 'alice', now = NOW): boolean =>
  guard.accepts(salt, seq, now, MAX_AGE)

describe('the frames of one sender', () => {
  test('count once each in any order with up to 1,024 between, however they are repeated', () => {
    const frames = fc.uniqueArray(fc.integer({ min: 0, max: 60 * SECOND }), { maxLength: 200 })
    const reordered = frames.chain((numbers) =>
      fc.tuple(
        fc.constant(new Set(numbers)),
        fc.shuffledSubarray([...numbers, ...numbers], { minLength: 2 * numbers.length }),
      ),
    )
    fc.assert(
      fc.property(reordered, ([numbers, arrivals]) => {
        const guard = new ReplayGuard()
        const taken = arrivals.filter((number) => accepts(guard, NOW - number))
        expect(taken.length).toBe(numbers.size)
        expect(new Set(taken)).toEqual(numbers)
      }),
    )
  })

  test('the one that 1,024 others overtook still counts, once; the one behind 1,025 does not', () => {
    for (const [others, isIn] of [
      [REPLAY_WINDOW, true],
      [REPLAY_WINDOW + 1, false],
    ] as const) {
      const guard = new ReplayGuard()
      accepts(guard, NOW - 2)
      for (let i = 0; i < others; i++) accepts(guard, NOW + i)
      expect(accepts(guard, NOW - 1)).toBe(isIn)
      expect(accepts(guard, NOW - 1)).toBe(false)
      expect(accepts(guard, NOW - 2)).toBe(false)
      expect(guard.remembered).toBeLessThanOrEqual(REPLAY_WINDOW)
    }
  })

  test('are forgotten when the clock alone refuses them', () => {
    const guard = new ReplayGuard()
    for (let i = 0; i < 16; i++) accepts(guard, NOW + i)
    expect(guard.remembered).toBe(16)
    accepts(guard, NOW + 200 * SECOND, 'alice', NOW + 200 * SECOND)
    expect(guard.remembered).toBe(1)
    expect(accepts(guard, NOW + 3, 'alice', NOW + 200 * SECOND)).toBe(false)
  })
})

describe('many senders', () => {
  test('have numbers of their own', () => {
    const guard = new ReplayGuard()
    expect(accepts(guard, NOW, 'alice')).toBe(true)
    expect(accepts(guard, NOW, 'bob')).toBe(true)
    expect(accepts(guard, NOW, 'alice')).toBe(false)
  })

  test('no more are remembered than there is place for, and what a forgotten one has sent does not come back', () => {
    const guard = new ReplayGuard({ salts: 100, remembered: 1_000 })
    for (let i = 0; i < 1_000; i++) expect(accepts(guard, NOW + i, `sender ${i}`, NOW + i)).toBe(true)
    expect(guard.salts).toBe(100)
    expect(accepts(guard, NOW + 899, 'sender 899', NOW + 1_000)).toBe(false)
    expect(accepts(guard, NOW + 1_000, 'newcomer', NOW + 1_000)).toBe(true)
  })

  test('one that sends very much costs no more than its part of the memory', () => {
    const guard = new ReplayGuard({ salts: 100, remembered: 2_000 })
    for (let sender = 0; sender < 5; sender++)
      for (let i = 0; i < 1_500; i++) accepts(guard, NOW + i, `sender ${sender}`)
    expect(guard.remembered).toBeLessThanOrEqual(2_000)
  })

  test('one whose clock is ahead does not shut out newcomers when it is forgotten', () => {
    const guard = new ReplayGuard({ salts: 1, remembered: 1_000 })
    accepts(guard, NOW + 100 * SECOND, 'fast')
    accepts(guard, NOW, 'other')
    expect(accepts(guard, NOW + SECOND, 'newcomer', NOW + SECOND)).toBe(true)
  })
})
