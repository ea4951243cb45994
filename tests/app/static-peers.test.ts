import { expect, test } from 'vitest'
import type { Wanted } from '../../src/app/discovery.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { StaticPeers } from '../../src/app/static-peers.ts'
import { formatEndpoint } from '../../src/protocol/endpoint.ts'

const WANTED = {} as Wanted

test('a name that has no address yet is said, and looked up again until it has one', () => {
  const clock = new SimClock()
  const known: Record<string, string[]> = { '10.0.0.1': ['10.0.0.1'] }
  const told: string[] = []
  const events: object[] = []
  const peers = new StaticPeers({
    addresses: [
      { host: '10.0.0.1', port: 1 },
      { host: 'late.test', port: 2 },
      { host: 'never.test', port: 3 },
    ],
    clock,
    resolver: {
      resolve: (host, _family, onResult) => void clock.after(5, () => onResult(known[host] ?? [])),
    },
    emit: (event) => events.push(event),
  })

  peers.start(WANTED, (found) => told.push(...found.map(formatEndpoint)))
  clock.runUntil(1_000)
  expect(told).toEqual(['10.0.0.1:1'])
  expect(events).toEqual([
    { event: 'peer_failed', peer: 'late.test:2', reason: 'net.unresolved', retrySeconds: 60 },
    { event: 'peer_failed', peer: 'never.test:3', reason: 'net.unresolved', retrySeconds: 60 },
  ])

  known['late.test'] = ['10.0.0.2']
  clock.runUntil(61_000)
  expect(told).toEqual(['10.0.0.1:1', '10.0.0.2:2'])

  peers.stop(() => {})
  const before = events.length
  clock.runUntil(10 * 60_000)
  expect(events).toHaveLength(before)
  expect(clock.step()).toBe(false)
})
