import { expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { Candidates } from '../../../src/dht/life/candidates.ts'
import { ContactBook } from '../../../src/dht/table/contact.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'
import type { Millis } from '../../../src/protocol/ports.ts'

const MINUTE: Millis = 60_000

/** After how many seconds somebody at `host` is pinged, who asked a node of that age something. */
function secondsUntilPing({ age, isThin = false, host = '20.0.0.9' }: Stranger): number {
  const clock = new SimClock()
  const book = new ContactBook(4)
  let pingedAt = Number.NaN
  const candidates = new Candidates({
    clock,
    book,
    table: { size: isThin ? 7 : 8, hasRoomFor: () => true },
    ping: () => {
      pingedAt = clock.now()
      return true
    },
  })
  clock.runUntil(age)
  candidates.offer(book.intern(new Uint8Array(20).fill(1) as NodeId, { host, port: 20_000 }), true)
  clock.runUntil(age + 10 * MINUTE)
  candidates.close()
  return (pingedAt - age) / 1_000
}

interface Stranger {
  readonly age: Millis
  readonly isThin?: boolean
  readonly host?: string
}

test('who asks us something on the Internet is pinged when the hole that let him ask has closed', () => {
  expect(secondsUntilPing({ age: 5 * MINUTE })).toBe(90)
  expect(secondsUntilPing({ age: 5 * MINUTE, host: '10.0.0.9' })).toBe(0)
})

test('a node that knows hardly anybody, or has just come, as others may have with it, does not wait for that', () => {
  expect(secondsUntilPing({ age: 5 * MINUTE, isThin: true })).toBe(1)
  expect(secondsUntilPing({ age: MINUTE })).toBe(1)
})
