/** Endpoints that a single peer has told of: dialled, but rarely. */
import { beforeEach, expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { HEARSAY_DIAL_INTERVAL, MAX_HEARSAY_DIALS } from '../../src/peer/hearsay.ts'
import { PeerList, RETRY_MIN } from '../../src/peer/peer-list.ts'
import type { Endpoint } from '../../src/protocol/endpoint.ts'

const at = (host: string, port = 6881): Endpoint => ({ host, port })
const A = at('10.0.0.1')

let list: PeerList

beforeEach(() => {
  list = new PeerList({ random: new SeededRandom(1) })
})

const MINUTE = 60_000
const network = Array.from({ length: 254 }, (_, host) => at(`8.8.4.${host + 1}`))
const tell = (teller: string, now = 0): void => {
  for (const endpoint of network) list.add(endpoint, 'pex', now, teller)
}
/** Dials whoever is to be dialled at this time; nobody answers. */
const dials = (now: number): number => {
  let count = 0
  for (let to = list.next(now); to !== undefined; to = list.next(now), count++) {
    list.onConnecting(to, now)
    list.onFailed(to, now)
  }
  return count
}

test('who is known from one peer alone is dialled no more often than so many times a minute, however often he is named', () => {
  let dialled = 0
  for (let now = 0; now < 10 * MINUTE; now += 1_000) {
    tell('9.9.9.9', now)
    dialled += dials(now)
  }
  const perMinute = MINUTE / HEARSAY_DIAL_INTERVAL
  expect(dialled).toBeLessThanOrEqual(MAX_HEARSAY_DIALS + 10 * perMinute)
  expect(dialled).toBeGreaterThan(9 * perMinute)
})

test('who is known from one peer alone is dialled later, and does not hold up who is known otherwise', () => {
  tell('9.9.9.9')
  expect(dials(0)).toBe(MAX_HEARSAY_DIALS)
  expect(list.nextWakeAt).toBe(HEARSAY_DIAL_INTERVAL)
  list.add(A, 'tracker', 0)
  expect(list.next(0)).toEqual(A)
})

test('who is known from one peer alone is like others when another one names him, or a tracker, or he was reached', () => {
  tell('9.9.9.9')
  dials(0)
  const [twice, tracked, reached] = [at('8.8.6.1'), at('8.8.6.2'), at('8.8.6.3')]
  for (let times = 0; times < 2; times++)
    for (const endpoint of [twice, tracked, reached]) list.add(endpoint, 'pex', 0, '9.9.9.9')
  expect(list.next(0)).toBeUndefined()
  list.add(twice, 'pex', 0, '9.9.9.10')
  list.add(tracked, 'tracker', 0)
  list.onConnected(reached)
  list.onClosed(reached, -RETRY_MIN)
  const next = [twice, tracked, reached].map(() => {
    const to = list.next(0)!
    list.onConnecting(to, 0)
    return to
  })
  expect(next.map(({ host }) => host).toSorted()).toEqual(
    [twice, tracked, reached].map(({ host }) => host).toSorted(),
  )
  expect(list.next(0)).toBeUndefined()
})

test('who is known from one peer alone is that still when the other one comes from the same network', () => {
  const victim = at('8.8.4.4')
  list.add(victim, 'pex', 0, '2a00:1450:4001::1')
  tell('9.9.9.9')
  dials(0)
  const told = at('8.8.5.5')
  for (const teller of ['2a00:1450:4001::1', '2a00:1450:4001::2']) list.add(told, 'pex', 0, teller)
  expect(list.next(0)).toBeUndefined()
})

test('who is known otherwise is dialled without using that up', () => {
  for (let i = 0; i < 2 * MAX_HEARSAY_DIALS; i++) list.add(at(`10.0.1.${i}`), 'tracker', 0)
  dials(0)
  tell('9.9.9.9')
  expect(dials(0)).toBe(MAX_HEARSAY_DIALS)
})
