/** Who makes room when a download starves with all its connections taken. */
import { beforeEach, expect, test } from 'vitest'
import { STARVING_AFTER, Turnover } from '../../src/app/turnover.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'

const [early, late] = ['early', 'late'].map((name) => ({ name }) as unknown as PeerConnection) as [
  PeerConnection,
  PeerConnection,
]
const useless = (): boolean => false

let turnover: Turnover

beforeEach(() => {
  turnover = new Turnover(0)
  turnover.onJoined(early, 0)
  turnover.onJoined(late, 1_000)
})

test('who has been there longest goes first, once nothing has come for a minute', () => {
  expect(turnover.idler(STARVING_AFTER - 1, useless)).toBeUndefined()
  expect(turnover.idler(STARVING_AFTER, useless)).toBe(early)
  turnover.onClosed(early)
  expect(turnover.idler(STARVING_AFTER, useless)).toBeUndefined() // the other one has not been there for a minute
  expect(turnover.idler(STARVING_AFTER + 1_000, useless)).toBe(late)
})

test('who may still be useful stays', () => {
  expect(turnover.idler(2 * STARVING_AFTER, (peer) => peer === early)).toBe(late)
  expect(turnover.idler(2 * STARVING_AFTER, () => true)).toBeUndefined()
})

test('nobody goes while something comes', () => {
  for (let now = 0, bytes = 1; now <= 5 * STARVING_AFTER; now += 2_000, bytes++) {
    turnover.onRound(bytes, now)
    expect(turnover.idler(now, useless)).toBeUndefined()
  }
})

test('that as much has come as before is no news', () => {
  for (let now = 0; now < STARVING_AFTER; now += 2_000) turnover.onRound(7, now)
  expect(turnover.idler(STARVING_AFTER, useless)).toBe(early)
})

test('a time in which nothing was wanted is no time of starving', () => {
  turnover.onRound(7, 0)
  for (let now = 0; now <= 2 * STARVING_AFTER; now += 2_000) turnover.onRound(undefined, now)
  expect(turnover.idler(2 * STARVING_AFTER, useless)).toBeUndefined()
})
