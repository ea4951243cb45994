/** Which node may have which id. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { crc32c } from '../../../src/dht/identity/crc32c.ts'
import {
  CHECKSUM_IDS,
  FREE_IDS,
  hashedIds,
  idsByScope,
  type IdRule,
} from '../../../src/dht/identity/id-rule.ts'
import { compactEndpoint, type Endpoint } from '../../../src/protocol/endpoint.ts'
import { fromHex, toHex } from '../../../src/protocol/ids.ts'
import { hashes } from '../../support/hashes.ts'

const hashed = hashedIds(hashes.sha256, 'fleet')

function contact(id: Uint8Array, endpoint: Endpoint): Uint8Array {
  return Uint8Array.from([...id, ...compactEndpoint(endpoint)])
}

function bound(rule: IdRule, endpoint: Endpoint, seed = 1): Uint8Array {
  const made = contact(new Uint8Array(20), endpoint)
  rule.bind(made, new SeededRandom(seed))
  return made
}

const at = (host: string, port = 20_000): Endpoint => ({ host, port })

test('CRC-32C has the check value of its definition', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
})

describe('BEP 42', () => {
  test.each([
    ['124.31.75.21', '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
    ['21.75.31.124', '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
    ['65.23.51.170', 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
    ['84.124.73.14', '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
    ['43.213.53.83', 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
  ])('its vector of %s', (host, id) => {
    const given = contact(fromHex(id)!, at(host))
    expect(CHECKSUM_IDS.fits(given)).toBe(true)
    for (const byte of [0, 1, 2, 19]) {
      const other = given.slice()
      other[byte]! ^= byte === 2 ? 0x08 : 0x01
      expect(CHECKSUM_IDS.fits(other)).toBe(false)
    }
    // What the checksum says nothing about is free.
    for (const [byte, bit] of [
      [2, 0x04],
      [3, 0x80],
      [18, 0x01],
      [19, 0x08],
    ] as const) {
      const other = given.slice()
      other[byte]! ^= bit
      expect(CHECKSUM_IDS.fits(other)).toBe(true)
    }
  })

  test('goes by the first 64 bits over IPv6, and by no port', () => {
    const made = bound(CHECKSUM_IDS, at('2001:db8:1:2::1'))
    const moved = (host: string, port?: number): boolean =>
      CHECKSUM_IDS.fits(contact(made.subarray(0, 20), at(host, port)))
    expect(moved('2001:db8:1:2:ffff::9', 1)).toBe(true)
    expect(moved('2001:db8:1:3::1')).toBe(false)
  })
})

describe('hashed ids', () => {
  test('are another one for each address, port and network', () => {
    const id = (rule: IdRule, endpoint: Endpoint): string => toHex(bound(rule, endpoint).subarray(0, 19))
    const ids = [
      id(hashed, at('10.0.0.1')),
      id(hashed, at('10.0.0.2')),
      id(hashed, at('10.0.0.1', 20_001)),
      id(hashedIds(hashes.sha256, 'other'), at('10.0.0.1')),
      id(hashedIds(hashes.sha256), at('10.0.0.1')),
    ]
    expect(new Set(ids).size).toBe(5)
  })

  test('are the start of SHA-256 over the hashed network, address, port and choice', () => {
    const made = bound(hashed, at('10.0.0.1', 0x1234))
    const choice = made[19]! & 7
    const digest = hashes.sha256(
      Uint8Array.from([...hashes.sha256(new TextEncoder().encode('fleet')), 10, 0, 0, 1, 0x12, 0x34, choice]),
    )
    expect(made.subarray(0, 19)).toEqual(digest.subarray(0, 19))
    expect(made[19]! >>> 3).toBe(digest[19]! >>> 3)
  })

  test('leave a node eight to choose from', () => {
    const ids = Array.from({ length: 100 }, (_, seed) =>
      toHex(bound(hashed, at('10.0.0.1'), seed).subarray(0, 20)),
    )
    expect(new Set(ids).size).toBe(8)
  })
})

describe('every rule', () => {
  const endpoints = fc.record({
    host: fc.oneof(fc.ipV4(), fc.constantFrom('10.1.2.3', '127.0.0.1', '2001:db8::1', 'fd00::7', '::1')),
    port: fc.integer({ min: 1, max: 65_535 }),
  })

  test.each([
    ['free', FREE_IDS],
    ['checksums', CHECKSUM_IDS],
    ['hashes', hashed],
    ['by scope', idsByScope(hashed)],
  ] as const)('accepts the ids that it makes: %s', (_name, rule) => {
    fc.assert(
      fc.property(endpoints, fc.nat(), (endpoint, seed) => {
        const made = bound(rule, endpoint, seed)
        expect(made.subarray(20)).toEqual(compactEndpoint(endpoint))
        expect(rule.fits(made)).toBe(true)
      }),
    )
  })

  test.each([
    ['checksums', CHECKSUM_IDS],
    ['hashes', hashed],
    ['by scope', idsByScope(hashed)],
  ] as const)('but the free one refuses an id of chance: %s', (_name, rule) => {
    const random = new SeededRandom(3)
    for (const host of ['20.1.2.3', '10.0.0.1', '2001:db8::1'])
      expect(rule.fits(contact(random.fill(new Uint8Array(20)), at(host)))).toBe(false)
  })
})

test('in an open network, public addresses go by BEP 42, all others by the hash', () => {
  const rule = idsByScope(hashed)
  expect(CHECKSUM_IDS.fits(bound(rule, at('20.1.2.3')))).toBe(true)
  expect(CHECKSUM_IDS.fits(bound(rule, at('2001:4860::1')))).toBe(true)
  for (const host of ['10.0.0.1', '127.0.0.1', '192.168.7.7', 'fd00::7'])
    expect(hashed.fits(bound(rule, at(host)))).toBe(true)
})
