import { expect, test } from 'vitest'
import { Health } from '../../../src/dht/life/health.ts'

/** Questions without an answer, one each second from `from` on. @returns when it looked for the first time as if we were offline */
const silence = (health: Health, from: number, seconds: number): number | undefined =>
  Array.from({ length: seconds }, (_, second) => from + second * 1_000).find((at) => health.onSilence(at))

test('more than eight questions without an answer over ten seconds: it looks as if we were offline', () => {
  const health = new Health()
  health.onAnswer(0)
  expect(silence(health, 1_000, 60)).toBe(10_000)
  expect(health.isOnline(10_000)).toBe(false)
  expect(health.onAsked()).toBe(true)
  expect(health.isOnline(70_000)).toBe(false)
  expect(silence(health, 70_000, 60)).toBeUndefined()
})

test('when one of those heard of last answers, the silent ones were to blame', () => {
  const health = new Health()
  health.onAnswer(0)
  expect(silence(health, 1_000, 60)).toBe(10_000)
  expect(health.onAnswer(60_500)).toBeUndefined()
  expect(health.onAsked()).toBe(false)
  expect(health.isOnline(61_000)).toBe(true)
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
  expect(silence(health, 1_000, 9)).toBeUndefined()
  expect(health.onAnswer(9_500)).toBeUndefined()
  expect(silence(health, 10_000, 9)).toBeUndefined()
  expect(silence(health, 20_000, 1)).toBe(20_000)
})

test('the first answer ends it, and says how long it lasted: since the last one before', () => {
  const health = new Health()
  health.onAnswer(1_000)
  silence(health, 2_000, 20)
  health.onAsked()
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
  expect(silence(new Health(), 0, 100)).toBeUndefined()
})
