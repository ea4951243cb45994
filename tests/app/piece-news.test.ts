/** How peers learn of the pieces that we get. */
import { beforeEach, expect, test } from 'vitest'
import { NEWS_INTERVAL, PieceNews } from '../../src/app/piece-news.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'

let clock: SimClock
let told: string[]
let news: PieceNews

function peer(name: string, ...has: number[]): PeerConnection {
  return {
    remote: { has: (piece: number) => has.includes(piece) },
    uplink: {
      sendHaves: (pieces: readonly number[]) => {
        if (pieces.length > 0) told.push(`${name} ${pieces.join(' ')} at ${clock.now()}`)
      },
    },
  } as unknown as PeerConnection
}

beforeEach(() => {
  clock = new SimClock()
  told = []
  const peers = [peer('empty'), peer('one', 1)]
  news = new PieceNews(clock, peers)
})

test('whoever lacks a piece is told at once', () => {
  news.onWritten(0)
  clock.runUntil(1_000)
  news.onWritten(2)
  expect(told).toEqual(['empty 0 at 0', 'one 0 at 0', 'empty 2 at 1000', 'one 2 at 1000'])
})

test('pieces that come one after the other are told together', () => {
  for (const piece of [0, 2, 3]) {
    news.onWritten(piece)
    clock.runUntil(clock.now() + 5)
  }
  clock.runUntil(1_000)
  expect(told.filter((line) => line.startsWith('empty'))).toEqual([
    'empty 0 at 0',
    `empty 2 3 at ${NEWS_INTERVAL}`,
  ])
})

test('whoever has a piece already is told with the next flush, and then not again', () => {
  news.onWritten(1)
  expect(told).toEqual(['empty 1 at 0'])
  clock.runUntil(1_000)
  news.flush()
  news.flush()
  expect(told).toEqual(['empty 1 at 0', 'one 1 at 1000'])
})

test('a flush does not wait', () => {
  news.onWritten(0)
  news.onWritten(2)
  news.flush()
  clock.runUntil(1_000)
  expect(told).toEqual(['empty 0 at 0', 'one 0 at 0', 'empty 2 at 0', 'one 2 at 0'])
})
