import { beforeEach, describe, expect, test } from 'vitest'
import { SimClock } from '../../../src/app/sim/clock.ts'
import {
  BootstrapNames,
  parseBootstrapAddress,
  type BootstrapAddress,
} from '../../../src/dht/life/bootstrap-names.ts'
import { formatEndpoint } from '../../../src/protocol/endpoint.ts'
import { ConfigError } from '../../../src/protocol/errors.ts'

/** What a name server knows. */
const hosts: Record<string, string[]> = { 'a.test': ['10.0.0.1', '2400::1'], 'b.test': ['10.0.0.2'] }
const services: Record<string, { host: string; port: number }[]> = {
  '_dht._udp.test': [
    { host: 'a.test', port: 1 },
    { host: 'b.test', port: 2 },
    { host: 'gone.test', port: 3 },
  ],
}

let clock: SimClock
let asked: string[]
let told: string[]
let unresolved: string[]
let isLonely: boolean
let names: BootstrapNames

beforeEach(() => {
  clock = new SimClock()
  asked = []
  told = []
  unresolved = []
  isLonely = true
  names = new BootstrapNames({
    clock,
    isLonely: () => isLonely,
    onEndpoints: (endpoints) => told.push(...endpoints.map(formatEndpoint)),
    onUnresolved: (name, tries, retryMs) =>
      unresolved.push(`${name} ${tries} times, again after ${retryMs} ms`),
    resolver: {
      resolve: (host, _family, onResult) => {
        asked.push(host)
        clock.after(5, () => onResult(hosts[host] ?? []))
      },
      resolveService: (name, onResult) => {
        asked.push(name)
        clock.after(5, () => onResult(services[name] ?? []))
      },
    },
  })
})

const add = (...addresses: readonly string[]): void => names.add(addresses.map(parseBootstrapAddress))

test('an address is told at once, a name when it is resolved, with all that it stands for', () => {
  add('10.0.0.9:9', 'a.test:7', '[2400::9]:9')
  expect(told).toEqual(['10.0.0.9:9', '[2400::9]:9'])
  clock.runUntil(100)
  expect(told.slice(2)).toEqual(['10.0.0.1:7', '[2400::1]:7'])
  expect(asked).toEqual(['a.test'])
})

test('a service is all addresses of all its hosts, each with its port', () => {
  add('srv:_dht._udp.test')
  clock.runUntil(100)
  expect(asked).toEqual(['_dht._udp.test', 'a.test', 'b.test', 'gone.test'])
  expect(told).toEqual(['10.0.0.1:1', '[2400::1]:1', '10.0.0.2:2'])
})

test('a name without an address is told, also that of a service or of one of its hosts', () => {
  add('a.test:7', 'typo.test:7', 'srv:_none._udp.test', 'srv:_dht._udp.test')
  clock.runUntil(100)
  expect(unresolved).toEqual([
    'typo.test 1 times, again after 60000 ms',
    'srv:_none._udp.test 1 times, again after 60000 ms',
    'gone.test 1 times, again after 60000 ms',
  ])
  names.close()
})

test('that a name has no address is told ever more rarely, and anew when it had one in between', () => {
  add('typo.test:7')
  clock.runUntil(24 * 3_600_000)
  expect(asked).toHaveLength(24 * 60 + 1)
  expect(unresolved.length).toBeLessThan(35)
  expect(unresolved.at(-1)).toMatch(/^typo\.test 1[34]\d\d times/)
  hosts['typo.test'] = ['10.0.0.7']
  clock.runUntil(24 * 3_600_000 + 61_000)
  delete hosts['typo.test']
  unresolved = []
  clock.runUntil(24 * 3_600_000 + 122_000)
  expect(unresolved).toEqual(['typo.test 1 times, again after 60000 ms'])
})

test('names are asked for again each minute while there is nobody to talk to, and not otherwise', () => {
  add('b.test:7')
  clock.runUntil(59_000)
  expect(asked).toHaveLength(1)
  clock.runUntil(60_500)
  expect(asked).toHaveLength(2)
  isLonely = false
  clock.runUntil(10 * 60_000)
  expect(asked).toHaveLength(2)
  isLonely = true
  hosts['b.test'] = ['10.0.0.22']
  clock.runUntil(11 * 60_000 + 1_000)
  expect(told.at(-1)).toBe('10.0.0.22:7')
})

test('a name that is given again is asked for once, and nothing is told after the end', () => {
  add('b.test:7', 'b.test:7')
  add('b.test:7')
  expect(asked).toEqual(['b.test'])
  names.close()
  clock.runUntil(10 * 60_000)
  expect(told).toEqual([])
  expect(asked).toEqual(['b.test'])
})

describe('addresses as users write them', () => {
  test.each<[string, BootstrapAddress]>([
    [':10000', { host: '127.0.0.1', port: 10_000 }],
    ['seed.example:1', { host: 'seed.example', port: 1 }],
    ['[::1]:1', { host: '::1', port: 1 }],
    ['srv:_dht._udp.example.org', { service: '_dht._udp.example.org' }],
  ])('%s', (text, address) => expect(parseBootstrapAddress(text)).toEqual(address))

  test.each([
    'srv:',
    'srv:example.org',
    'srv:_dht._tcp.example.org',
    'srv:_dht._udp',
    'srv:_dht._udp.a b',
    'x',
  ])('%s is none', (text) => expect(() => parseBootstrapAddress(text)).toThrow(ConfigError))
})
