/** How much a node asks of others. */
import { describe, expect, test } from 'vitest'
import { OutgoingLimiter } from '../../../src/dht/wire/outgoing-limiter.ts'
import type { Profile } from '../../../src/dht/wire/source-limiter.ts'

interface Ask {
  readonly isUpkeep?: boolean
  readonly profile?: Profile
  readonly now?: number
  readonly isSame?: boolean
}

/** How many of `count` requests, each to another endpoint unless it is the same, may be sent. */
function allowed(limiter: OutgoingLimiter, count: number, ask: Ask = {}): number {
  const { isUpkeep = false, profile = 'wan', now = 0, isSame = false } = ask
  let sent = 0
  for (let i = 0; i < count; i++) {
    const to = { host: `20.0.${isSame ? 0 : i >>> 8}.${isSame ? 0 : i & 255}`, port: 20_000 + (now % 1_000) }
    if (limiter.allows(to, { profile, isUpkeep, now })) sent++
  }
  return sent
}

describe('upkeep', () => {
  test('on the Internet gets a hundred requests a second, in our own network two thousand', () => {
    const limiter = new OutgoingLimiter()
    expect(allowed(limiter, 5_000, { isUpkeep: true })).toBe(100)
    expect(allowed(limiter, 5_000, { isUpkeep: true, now: 1_000 })).toBe(100)
    expect(allowed(limiter, 5_000, { isUpkeep: true, profile: 'lan' })).toBe(2_000)
  })

  test('waits until what lookups used is there again; lookups wait for nothing', () => {
    const limiter = new OutgoingLimiter()
    expect(allowed(limiter, 150)).toBe(150)
    expect(allowed(limiter, 10, { isUpkeep: true, now: 500 })).toBe(0)
    expect(allowed(limiter, 10, { isUpkeep: true, now: 1_000 })).toBe(10)
  })

  test('waits a second at most, however many lookups there were', () => {
    const limiter = new OutgoingLimiter()
    allowed(limiter, 100_000)
    expect(allowed(limiter, 10, { isUpkeep: true, now: 1_100 })).toBe(10)
  })
})

describe('behind a NAT', () => {
  test('thirty new endpoints a second are asked, and known ones as often as one likes', () => {
    const limiter = new OutgoingLimiter()
    limiter.isBehindNat = true
    expect(allowed(limiter, 1_000)).toBe(60)
    expect(allowed(limiter, 1_000, { now: 1_001 })).toBe(30)
    const one = new OutgoingLimiter()
    one.isBehindNat = true
    expect(allowed(one, 1_000, { isSame: true })).toBe(1_000)
  })

  test('a flow that was silent for half a minute is a new one', () => {
    const limiter = new OutgoingLimiter()
    limiter.isBehindNat = true
    const to = { host: '20.0.0.1', port: 20_000 }
    const ask = (now: number): boolean => limiter.allows(to, { profile: 'wan', isUpkeep: false, now })
    expect(ask(0)).toBe(true)
    allowed(limiter, 1_000, { now: 29_999 })
    expect(ask(29_999)).toBe(true)
    allowed(limiter, 1_000, { now: 60_001 })
    expect(ask(60_001)).toBe(false)
  })

  test('our own network is not behind it', () => {
    const limiter = new OutgoingLimiter()
    limiter.isBehindNat = true
    expect(allowed(limiter, 1_000, { profile: 'lan' })).toBe(1_000)
  })
})
