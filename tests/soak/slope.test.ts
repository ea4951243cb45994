/** A soak is as good as its arithmetic. */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { slopeOf, type Point } from './slope.ts'

const MINUTES = 60
const line = (at: (minute: number) => number): Point[] =>
  Array.from({ length: MINUTES }, (_, minute) => ({ x: minute / 60, y: at(minute) }))

describe('the slope', () => {
  test('of a straight line is its own, without error', () => {
    const { perX, error } = slopeOf(line((minute) => 90 + 6 * (minute / 60)))
    expect(perX).toBeCloseTo(6)
    expect(error).toBeCloseTo(0)
  })

  test('of noise is nothing, within its error', () => {
    const random = new SeededRandom(1)
    const { perX, error } = slopeOf(line(() => 90 + random.float()))
    expect(Math.abs(perX)).toBeLessThan(3 * error)
    expect(error).toBeLessThan(0.5)
  })

  test('of a leak in noise is found', () => {
    const random = new SeededRandom(2)
    const { perX, error } = slopeOf(line((minute) => 90 + 4 * (minute / 60) + 2 * random.float()))
    expect(perX - 2 * error).toBeGreaterThan(2)
    expect(Math.abs(perX - 4)).toBeLessThan(3 * error)
  })

  test('of steps that last is less certain than that of the same values shuffled', () => {
    const heights = [1, 4, 2, 3, 5, 0]
    const lasting = line((minute) => heights[Math.floor(minute / 10)]!)
    const shuffled = line((minute) => heights[(minute * 7) % 6]!)
    expect(slopeOf(lasting).error).toBeGreaterThan(2 * slopeOf(shuffled).error)
  })

  test('of too few points says that it knows nothing', () => {
    expect(
      slopeOf([
        { x: 0, y: 1 },
        { x: 1, y: 9 },
      ]),
    ).toEqual({ perX: 0, error: Number.POSITIVE_INFINITY })
  })
})
