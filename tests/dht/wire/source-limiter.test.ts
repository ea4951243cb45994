import { expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { DatagramPort } from '../../../src/dht/wire/datagram-port.ts'
import { encodeMessage } from '../../../src/dht/wire/codec.ts'
import { Bucket, SourceLimiter } from '../../../src/dht/wire/source-limiter.ts'
import type { Datagrams } from '../../../src/protocol/ports.ts'
import { idOf } from '../lone-node.ts'

const TEN = { perSecond: 10, burst: 10 }

/** A port that hears pings of good askers (10.1.*) and of others, and takes so long for each that it passes on. */
function makeScene({ workMs = 0 } = {}) {
  const clock = new SimClock()
  const socket: Datagrams = {
    local: { host: '0.0.0.0', port: 1 },
    onDatagram: () => undefined,
    send: () => undefined,
    close: () => undefined,
  }
  const heard = { good: 0, flood: 0 }
  new DatagramPort(socket, { clock }).onMessage = (_message, { host }) => {
    heard[host.startsWith('10.1.') ? 'good' : 'flood']++
    if (workMs > 0) clock.runUntil(clock.now() + workMs)
  }
  const ping = new TextEncoder().encode(encodeMessage({ type: 'ping', t: 'abcdefgh', id: idOf(1) }))
  return { clock, heard, pingFrom: (host: string) => socket.onDatagram(ping, { host, port: 20_000 }) }
}

test('a bucket gives its burst, then its rate', () => {
  const bucket = new Bucket(TEN, 0)
  const taken = (now: number): number => {
    let count = 0
    while (bucket.take(now)) count++
    return count
  }
  expect(taken(0)).toBe(10)
  expect(taken(500)).toBe(5)
  expect(taken(60_000)).toBe(10)
  expect(bucket.share(60_000)).toBe(0)
  expect(bucket.share(60_500)).toBe(0.5)
})

test('who has asked much is refused where modesty is asked for, and gets no nearer by insisting', () => {
  const limiter = new SourceLimiter({ lan: TEN, wan: TEN })
  for (let n = 0; n < 6; n++) expect(limiter.allows('10.0.0.1', 'lan', 0)).toBe(true)
  expect(limiter.allows('10.0.0.1', 'lan', 0, 0.5)).toBe(false)
  expect(limiter.allows('10.0.0.2', 'lan', 0, 0.5)).toBe(true)
  // As fast as it refills: it stays where it is.
  for (let now = 100; now < 5_000; now += 100) expect(limiter.allows('10.0.0.1', 'lan', now, 0.5)).toBe(false)
  expect(limiter.allows('10.0.0.1', 'lan', 6_000, 0.5)).toBe(true)
})

test('of many sources it remembers those seen last, and never more than it may', () => {
  const limiter = new SourceLimiter({ lan: { perSecond: 1, burst: 1 }, wan: TEN }, 8)
  const isAllowed = (n: number): boolean => limiter.allows(`10.0.0.${n}`, 'lan', 0)
  for (let n = 0; n < 100; n++) {
    expect(isAllowed(n)).toBe(true)
    // Who insists is known, although so many others came since it did so first.
    if (n >= 3) expect([n, n - 1, n - 2, n - 3].map(isAllowed)).toEqual([false, false, false, false])
    expect(limiter.size).toBeLessThanOrEqual(8)
  }
  expect(isAllowed(0)).toBe(true)
})

test('a flood from some addresses leaves the others their answers', () => {
  const { clock, heard, pingFrom } = makeScene()
  let asked = 0
  // Ten seconds: each millisecond 100 pings from 100 addresses that flood, and one from 20 that do not.
  for (let ms = 0; ms < 10_000; ms++) {
    clock.runUntil(ms)
    for (let n = 0; n < 100; n++) pingFrom(`10.2.0.${n}`)
    pingFrom(`10.1.0.${ms % 20}`)
    asked++
  }
  expect(heard.good).toBe(asked)
  // The node's own limit: a burst, and so many a second.
  expect(heard.flood).toBeLessThanOrEqual(20_000 + 10 * 20_000 - heard.good)
})

test('who sends all that he may is no match for who asks now and then, even several things at once', () => {
  const { clock, heard, pingFrom } = makeScene()
  let asked = 0
  // Six seconds: 100 addresses send 400 a second each, below the limit of one source; 20 others send 8 at once, five times a second.
  for (let ms = 0; ms < 6_000; ms++) {
    clock.runUntil(ms)
    for (let n = 0; n < 40; n++) pingFrom(`10.2.0.${(40 * ms + n) % 100}`)
    if (ms < 2_000 || ms % 10 !== 0) continue
    for (let n = 0; n < 8; n++) pingFrom(`10.1.0.${(ms / 10) % 20}`)
    asked += 8
  }
  expect(heard.good).toBe(asked)
})

test('on a machine that needs long for each message half of its time is used, and the modest are heard first', () => {
  const { clock, heard, pingFrom } = makeScene({ workMs: 2 })
  let asked = 0
  for (let round = 0; clock.now() < 30_000; round++) {
    clock.runUntil(clock.now() + 0.1)
    pingFrom(`10.2.0.${round % 2}`)
    if (round % 500 !== 0) continue
    pingFrom(`10.1.0.${(round / 500) % 20}`)
    asked++
  }
  const busy = 2 * (heard.good + heard.flood)
  expect(busy).toBeLessThanOrEqual(500 + 0.5 * 30_000 + 2)
  expect(busy).toBeGreaterThan(0.3 * 30_000)
  expect(heard.good).toBeGreaterThan(0.95 * asked)
})
