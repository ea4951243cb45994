import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, test } from 'vitest'
import {
  canonicalIp,
  COMPACT_LENGTH,
  endpointKeyOf,
  familyOf,
  formatEndpoint,
  mayTell,
  networkKeyOf,
  networkOf,
  packEndpoint,
  packHost,
  parseHostPort,
  sameEndpoint,
  scopeOf,
  unpackEndpoint,
  unpackHost,
  type Scope,
  endpointOf,
} from '../../src/protocol/endpoint.ts'
import { ConfigError } from '../../src/protocol/errors.ts'

test('addresses are read as people write them', () => {
  expect(parseHostPort('10.0.0.7:6881', '')).toEqual({ host: '10.0.0.7', port: 6881 })
  expect(parseHostPort(':20001', '0.0.0.0')).toEqual({ host: '0.0.0.0', port: 20001 })
  expect(parseHostPort(':0', '127.0.0.1')).toEqual({ host: '127.0.0.1', port: 0 })
  expect(parseHostPort('[::]:6881', '')).toEqual({ host: '::', port: 6881 })
  expect(parseHostPort('[2001:DB8:0::1]:1', '')).toEqual({ host: '2001:db8::1', port: 1 })
  expect(parseHostPort('[::ffff:10.0.0.7]:1', '')).toEqual({ host: '10.0.0.7', port: 1 })
  expect(parseHostPort('seed-1.lan_a:10000', '')).toEqual({ host: 'seed-1.lan_a', port: 10000 })
})

describe('what is no address is refused', () => {
  test.each([
    '',
    'host',
    'host:',
    'host:65536',
    'host:123456',
    'host:-1',
    'host:1x',
    '::1:80',
    '[::1]',
    '[::1:80',
    '[10.0.0.7]:80',
    '[host]:80',
    '1.2.3:80',
    '1.2.3.256:80',
    '1.2.3.4.5:80',
    '0x7f.1:80:80',
    'ho st:80',
    '-host:80',
    'host/x:80',
    'a@b:80',
  ])('%s', (text) => expect(() => parseHostPort(text, '127.0.0.1')).toThrow(ConfigError))
})

test('only literals in full are IP addresses, and each has one text', () => {
  expect(canonicalIp('127.1')).toBeUndefined()
  expect(canonicalIp('0177.0.0.1')).not.toBe('0177.0.0.1')
  expect(canonicalIp('2130706433')).toBeUndefined()
  expect(canonicalIp('localhost')).toBeUndefined()
  expect(canonicalIp('::FFFF:1.2.3.4')).toBe('1.2.3.4')
  expect(canonicalIp('0:0:0:0:0:0:0:1')).toBe('::1')
})

test('formatting and parsing are inverse', () => {
  const v4 = fc.ipV4()
  const v6 = fc.ipV6().map((text) => canonicalIp(text)!)
  fc.assert(
    fc.property(fc.oneof(v4, v6), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      expect(parseHostPort(formatEndpoint({ host, port }), '')).toEqual({ host, port })
    }),
  )
})

test('the compact form of any endpoint is read back, at any offset', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map((text) => canonicalIp(text)!),
  )
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), fc.nat(5), (host, port, offset) => {
      const family = familyOf(host)
      const out = new Uint8Array(offset + COMPACT_LENGTH[family])
      expect(packEndpoint({ host, port }, out, offset)).toBe(out.length)
      expect(unpackEndpoint(out, offset, family)).toEqual({ host, port })
      expect(unpackHost(packHost(host), 0, family)).toBe(host)
    }),
  )
})

test('the vector of BEP 23: network byte order', () => {
  const out = new Uint8Array(6)
  packEndpoint({ host: '10.10.10.5', port: 128 }, out, 0)
  expect(out).toEqual(Uint8Array.of(10, 10, 10, 5, 0, 128))
})

test('a v4-mapped address in a v6 list comes out as the v4 address that it is', () => {
  const mapped = new Uint8Array(18)
  mapped.set([0xff, 0xff, 192, 168, 0, 9, 0x1a, 0xe1], 10)
  expect(unpackEndpoint(mapped, 0, 6)).toEqual({ host: '192.168.0.9', port: 6881 })
})

test('endpoints are the same when host and port are', () => {
  expect(sameEndpoint({ host: '::1', port: 1 }, { host: '::1', port: 1 })).toBe(true)
  expect(sameEndpoint({ host: '::1', port: 1 }, { host: '::1', port: 2 })).toBe(false)
  expect(sameEndpoint({ host: '::1', port: 1 }, { host: '::2', port: 1 })).toBe(false)
})

test('every address has a scope', () => {
  const scopes: [Scope, string[]][] = [
    ['public', ['8.8.8.8', '45.1.2.3', '2606:4700::1111']],
    ['private', ['10.1.1.1', '172.31.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1']],
    ['link-local', ['169.254.1.1', 'fe80::1']],
    ['loopback', ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']],
    [
      'bogus',
      ['0.0.0.0', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.0.2.1', '::', 'ff02::1', '2001:db8::1'],
    ],
  ]
  for (const [scope, hosts] of scopes) for (const host of hosts) expect(scopeOf(host), host).toBe(scope)
})

test('the scope of an IPv4 address is what the list of special networks says', () => {
  const scopes: Readonly<Record<string, Scope>> = {
    unicast: 'public',
    private: 'private',
    carrierGradeNat: 'private',
    linkLocal: 'link-local',
    loopback: 'loopback',
  }
  const expectRight = (host: string): void => {
    expect(scopeOf(host), host).toBe(scopes[ipaddr.parse(host).range()] ?? 'bogus')
  }
  for (let network = 0; network < 65_536; network += 16)
    for (const low of [0, 1, 15]) expectRight(`${network >> 8}.${(network & 255) + low}.1.1`)
  fc.assert(fc.property(fc.ipV4(), expectRight))
})

describe('IPv6 is read as by the general parser', () => {
  const group = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    fc.constantFrom(1, 0xff, 0xffff, 0x2001, 0xdb8, 0x64, 0xff9b, 0xfe80, 0xfc00, 0x2002, 0x2620, 0x3fff),
    fc.integer({ min: 0, max: 0xffff }),
  )
  const groups = fc.array(group, { minLength: 8, maxLength: 8 })
  /** Any row of zeros as `::`, any number of zeros before the digits, any letters. */
  const spelling = fc
    .tuple(groups, fc.integer({ min: 1, max: 4 }), fc.nat(8), fc.nat(8), fc.boolean())
    .map(([numbers, width, from, to, isCapital]) => {
      const texts = numbers.map((number) => number.toString(16).padStart(width, '0'))
      const isZero = from < to && numbers.slice(from, to).every((number) => number === 0)
      const text = isZero
        ? `${texts.slice(0, from).join(':')}::${texts.slice(to).join(':')}`
        : texts.join(':')
      return isCapital ? text.toUpperCase() : text
    })

  test('each has one text, and the bytes and the scope that are its own', () => {
    fc.assert(
      fc.property(spelling, (text) => {
        const address = ipaddr.process(text)
        expect(canonicalIp(text)).toBe(address.toString())
        expect([...packHost(text)]).toEqual(ipaddr.parse(text).toByteArray())
        expect(unpackHost(packHost(text), 0, 6)).toBe(address.toString())
        const scopes: Readonly<Record<string, Scope>> = {
          unicast: 'public',
          private: 'private',
          carrierGradeNat: 'private',
          uniqueLocal: 'private',
          linkLocal: 'link-local',
          loopback: 'loopback',
        }
        expect(scopeOf(text)).toBe(scopes[address.range()] ?? 'bogus')
      }),
      { numRuns: 2_000 },
    )
  })

  test('what is none is none', () => {
    const parts = fc.array(
      fc.constantFrom(':', '::', '0', '1', 'f', 'abcd', '12345', 'g', '.', '1.2.3.4', '%', ' '),
      {
        minLength: 1,
        maxLength: 17,
      },
    )
    fc.assert(
      fc.property(
        fc.oneof(
          parts,
          parts.map((some) => some.flatMap((part) => [part, ':'])),
        ),
        (some) => {
          const text = `:${some.join('')}`
          for (const one of [text, text.slice(1)])
            if (one.includes(':') && one.length < 60)
              expect(canonicalIp(one)).toBe(ipaddr.isValid(one) ? ipaddr.process(one).toString() : undefined)
        },
      ),
      { numRuns: 5_000 },
    )
  })
})

test('nobody may point into a network narrower than his own', () => {
  const order: Scope[] = ['loopback', 'link-local', 'private', 'public']
  for (const [i, teller] of order.entries())
    for (const [j, told] of order.entries())
      expect(mayTell(teller, told), `${teller} tells ${told}`).toBe(j >= i)
  for (const teller of order) expect(mayTell(teller, 'bogus')).toBe(false)
})

test.each([
  ['http://tracker.example/announce', 'tracker.example', 80],
  ['https://tracker.example/', 'tracker.example', 443],
  ['udp://10.0.0.1:6969/', '10.0.0.1', 6969],
  ['http://[2001:db8::1]:8080/', '2001:db8::1', 8080],
  ['https://[::1]:80/', '::1', 80],
])('%s leads to %s, port %i', (url, host, port) => {
  expect(endpointOf(new URL(url))).toEqual({ host, port })
})

test('as keys, addresses and endpoints are the same exactly when their texts are', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.constantFrom('0.0.0.1', '255.255.255.255', '2001:db8::1', '2001:db8::2'),
  )
  const endpoint = fc.record({ host, port: fc.oneof(fc.nat(65_535), fc.constantFrom(1, 65_535)) })
  fc.assert(
    fc.property(endpoint, endpoint, (a, b) => {
      expect(endpointKeyOf(a) === endpointKeyOf(b)).toBe(formatEndpoint(a) === formatEndpoint(b))
      expect(networkKeyOf(a.host) === networkKeyOf(b.host)).toBe(networkOf(a.host) === networkOf(b.host))
    }),
  )
})
