/** Where are we? Others know. */
import { beforeEach, describe, expect, test } from 'vitest'
import { ExternalAddress } from '../../../src/dht/identity/external-address.ts'
import { formatEndpoint, type Endpoint } from '../../../src/protocol/endpoint.ts'

const US = { host: '20.0.0.1', port: 6_000 }
const LIE = { host: '66.6.6.6', port: 666 }

let address: ExternalAddress
let changes: string[]

beforeEach(() => {
  changes = []
  address = new ExternalAddress({ onAgreed: (agreed) => void changes.push(formatEndpoint(agreed)) })
})

const vote = (host: string, seen: Endpoint, now = 0, port = 20_000): void =>
  address.onVote({ host, port }, seen, now)
/** One of many networks. */
const network = (at: number): string => `30.${at}.0.1`

describe('our address', () => {
  test('is what five networks agree upon, and not what four do', () => {
    for (let i = 0; i < 4; i++) vote(network(i), US)
    expect(address.current).toBeUndefined()
    vote(network(4), US)
    expect(changes).toEqual(['20.0.0.1:6000'])
    expect(address.current).toEqual(US)
  })

  test('a network has one vote, however many hosts it has', () => {
    for (let i = 0; i < 200; i++) vote(`30.0.${i}.${i}`, LIE)
    expect(changes).toEqual([])
  })

  test('needs two thirds of all votes', () => {
    for (let i = 0; i < 5; i++) vote(network(100 + i), LIE)
    changes = []
    for (let i = 0; i < 9; i++) vote(network(i), US)
    expect(changes).toEqual([])
    vote(network(9), US)
    expect(changes).toEqual(['20.0.0.1:6000'])
  })

  test('votes are forgotten after five minutes, so that a new address wins within that time', () => {
    for (let i = 0; i < 30; i++) vote(network(i), US)
    const moved = { host: '20.9.9.9', port: 6_000 }
    for (let i = 0; i < 5; i++) vote(network(50 + i), moved, 5 * 60_000)
    expect(changes).toEqual(['20.0.0.1:6000', '20.9.9.9:6000'])
  })

  test('counts fifty networks, the latest', () => {
    for (let i = 0; i < 200; i++) vote(network(i), LIE, i)
    for (let i = 0; i < 34; i++) vote(`40.${i}.0.1`, US, 200 + i)
    expect(changes.at(-1)).toBe('20.0.0.1:6000')
  })

  test.each([
    ['a private address, from public voters', { host: '192.168.0.1', port: 1 }],
    ['loopback', { host: '127.0.0.1', port: 1 }],
    ['no address at all', { host: '0.0.0.0', port: 1 }],
    ['port 0', { host: '20.0.0.1', port: 0 }],
    ['another family', { host: '2001:4860::1', port: 6_000 }],
  ])('is never %s', (_name, seen) => {
    for (let i = 0; i < 10; i++) vote(network(i), seen)
    expect(changes).toEqual([])
  })

  test('has no port while a NAT shows each of them another one', () => {
    for (let i = 0; i < 10; i++) vote(network(i), { ...US, port: 6_000 + i })
    expect(address.current).toEqual({ ...US, port: 0 })
  })
})

describe('in our own network', () => {
  const inside = { host: '192.168.0.7', port: 6_000 }

  test('each host has a vote, and our own machine has none', () => {
    for (let i = 0; i < 5; i++) vote(`192.168.0.${100 + i}`, inside)
    expect(address.current).toEqual(inside)
    for (let i = 0; i < 10; i++) vote('127.0.0.1', { host: '127.0.0.1', port: 6_000 }, 0, 7_000 + i)
    expect(changes).toEqual(['192.168.0.7:6000'])
  })

  test('a node that is on the Internet as well goes by what the Internet says', () => {
    for (let i = 0; i < 5; i++) vote(`192.168.0.${100 + i}`, inside)
    for (let i = 0; i < 5; i++) vote(network(i), US)
    for (let i = 0; i < 5; i++) vote(`192.168.0.${100 + i}`, inside)
    expect(changes).toEqual(['192.168.0.7:6000', '20.0.0.1:6000'])
  })
})
