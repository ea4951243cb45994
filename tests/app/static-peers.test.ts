import { beforeEach, describe, expect, test } from 'vitest'
import type { Company, Wanted } from '../../src/app/discovery.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { StaticPeers } from '../../src/app/static-peers.ts'
import { formatEndpoint, type Endpoint } from '../../src/protocol/endpoint.ts'

const WANTED = {} as Wanted

/** Nobody is connected unless it is said. */
function company(
  isConnected: Company['isConnected'] = () => false,
): Company & { readonly disowned: string[] } {
  const disowned: string[] = []
  const disown = (endpoints: readonly Endpoint[]): void =>
    void disowned.push(...endpoints.map(formatEndpoint))
  return { isConnected, disown, addCandidates: () => 0, disowned }
}

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

  peers.start(WANTED, (found) => told.push(...found.map(formatEndpoint)), company())
  clock.runUntil(1_000)
  expect(told).toEqual(['10.0.0.1:1'])
  expect(events).toEqual([
    { event: 'peer_failed', peer: 'late.test:2', reason: 'net.unresolved', tries: 1, retrySeconds: 60 },
    { event: 'peer_failed', peer: 'never.test:3', reason: 'net.unresolved', tries: 1, retrySeconds: 60 },
  ])

  known['late.test'] = ['10.0.0.2']
  clock.runUntil(61_000)
  expect(told).toEqual(['10.0.0.1:1', '10.0.0.2:2'])
  expect(events).toContainEqual({
    event: 'peer_resolved',
    peer: 'late.test:2',
    addresses: ['10.0.0.2:2'],
  })

  // Of a name that never stands for anything the log tells ever more rarely.
  const nevers = (): object[] => events.slice(3)
  clock.runUntil(24 * 3_600_000)
  expect(nevers().slice(0, 4)).toMatchObject([2, 4, 8, 16].map((tries) => ({ peer: 'never.test:3', tries })))
  expect(nevers().length).toBeLessThan(40)

  peers.stop(() => {})
  const before = events.length
  clock.runUntil(25 * 3_600_000)
  expect(events).toHaveLength(before)
  expect(clock.step()).toBe(false)
})

describe('a name under which somebody was', () => {
  const known: Record<string, string[]> = {}
  const told: string[] = []
  const events: object[] = []
  let clock: SimClock
  let asked: number
  let connected: string | undefined
  let around: ReturnType<typeof company>
  let peers: StaticPeers

  beforeEach(() => {
    clock = new SimClock()
    ;[asked, connected] = [0, undefined]
    told.length = 0
    events.length = 0
    known['a.test'] = ['10.0.0.1', '10.0.0.2']
    around = company((endpoint) => formatEndpoint(endpoint) === connected)
    peers = new StaticPeers({
      addresses: [
        { host: 'a.test', port: 1 },
        { host: '10.0.0.2', port: 1 },
      ],
      clock,
      resolver: {
        resolve: (host, _family, onResult) => {
          asked++
          clock.after(5, () => onResult(known[host] ?? []))
        },
      },
      emit: (event) => events.push(event),
    })
    peers.start(WANTED, (found) => told.push(...found.map(formatEndpoint)), around)
    clock.runUntil(100)
  })

  test('is not looked up while he is connected under one of its addresses', () => {
    connected = '10.0.0.2:1'
    clock.runUntil(60 * 60_000)
    expect(asked).toBe(1)
    connected = undefined
    clock.runUntil(62 * 60_000)
    expect(asked).toBeGreaterThan(1)
  })

  test('leads to where he is now, and no longer to where he was, unless that was named by itself', () => {
    known['a.test'] = ['10.0.0.3']
    clock.runUntil(61_000)
    expect(told.at(-1)).toBe('10.0.0.3:1')
    expect(around.disowned).toEqual(['10.0.0.1:1'])
    clock.runUntil(10 * 60_000)
    expect(events).toEqual([
      { event: 'peer_resolved', peer: 'a.test:1', addresses: ['10.0.0.1:1', '10.0.0.2:1'] },
      { event: 'peer_resolved', peer: 'a.test:1', addresses: ['10.0.0.3:1'] },
    ])
  })

  test('is not forgotten when the name server is away', () => {
    delete known['a.test']
    clock.runUntil(61_000)
    expect(around.disowned).toEqual([])
    expect(events.at(-1)).toMatchObject({ event: 'peer_failed', reason: 'net.unresolved' })
  })
})
