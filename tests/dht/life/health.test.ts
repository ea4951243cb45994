import { expect, test } from 'vitest'
import { Health } from '../../../src/dht/life/health.ts'

/** Questions without an answer, one each second from `from` on. @returns those at which it turned out that we are offline */
const silence = (health: Health, from: number, seconds: number): number[] =>
  Array.from({ length: seconds }, (_, second) => from + second * 1_000).filter((at) => health.onSilence(at))

test('more than eight questions without an answer over ten seconds: we are offline, and are told so once', () => {
  const health = new Health()
  health.onAnswer(0)
  expect(silence(health, 1_000, 60)).toEqual([10_000])
  expect(health.isOnline(10_000)).toBe(false)
})

test('many silent ones at once are no outage while somebody answered lately', () => {
  const health = new Health()
  health.onAnswer(0)
  for (let i = 0; i < 100; i++) expect(health.onSilence(5_000)).toBe(false)
  expect(health.isOnline(5_000)).toBe(true)
})

test('every answer begins the count anew', () => {
  const health = new Health()
  health.onAnswer(0)
  expect(silence(health, 1_000, 9)).toEqual([])
  expect(health.onAnswer(9_500)).toBeUndefined()
  expect(silence(health, 10_000, 9)).toEqual([])
  expect(silence(health, 20_000, 1)).toEqual([20_000])
})

test('the first answer ends it, and says how long it lasted: since the last one before', () => {
  const health = new Health()
  health.onAnswer(1_000)
  silence(health, 2_000, 20)
  expect(health.onAnswer(95_000)).toBe(94_000)
  expect(health.isOnline(95_000)).toBe(true)
})

test('nobody is to blame when nobody has answered for two minutes, however few were asked', () => {
  const health = new Health()
  health.onAnswer(0)
  expect(health.isOnline(119_999)).toBe(true)
  expect(health.isOnline(120_000)).toBe(false)
})

test('who was never online does not go offline', () => {
  expect(silence(new Health(), 0, 100)).toEqual([])
})
