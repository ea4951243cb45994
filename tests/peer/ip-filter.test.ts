/** Which addresses a filter holds back. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpFilter, type IpRange } from '../../src/peer/ip-filter.ts'
import { packHost, unpackHost } from '../../src/protocol/endpoint.ts'

function range(first: string, last: string, rule = `${first}-${last}`): IpRange {
  return { first: packHost(first), last: packHost(last), rule }
}

describe('a filter of addresses', () => {
  const filter = new IpFilter([
    range('198.51.100.0', '198.51.100.255', 'Test Net 2'),
    range('10.0.0.5', '10.0.0.7', 'Three machines'),
    range('255.255.255.255', '255.255.255.255', 'The last'),
    range('0.0.0.0', '0.0.0.0', 'The first'),
    range('2001:db8::', '2001:db8::ffff', 'Books'),
  ])

  test('blocks what lies in a range, both ends included, and says by which rule', () => {
    expect(filter.blockedBy('10.0.0.4')).toBeUndefined()
    expect(filter.blockedBy('10.0.0.5')).toBe('Three machines')
    expect(filter.blockedBy('10.0.0.7')).toBe('Three machines')
    expect(filter.blockedBy('10.0.0.8')).toBeUndefined()
    expect(filter.blockedBy('198.51.100.99')).toBe('Test Net 2')
    expect(filter.blockedBy('0.0.0.0')).toBe('The first')
    expect(filter.blockedBy('255.255.255.255')).toBe('The last')
  })

  test('keeps the families apart, but for IPv4 that is dressed up as IPv6', () => {
    expect(filter.blockedBy('2001:DB8:0::1')).toBe('Books')
    expect(filter.blockedBy('2001:db8::1:0')).toBeUndefined()
    expect(filter.blockedBy('::ffff:10.0.0.5')).toBe('Three machines')
    expect(filter.blockedBy('::ffff:a00:5')).toBe('Three machines')
  })

  test('has nothing to say of names', () => {
    for (const name of ['localhost', '', '10.0.0', '10.0.0.05', '10.0.0.5 ', '10.0.0.256'])
      expect(filter.blockedBy(name)).toBeUndefined()
  })

  test('without ranges blocks nothing', () => {
    expect(new IpFilter([]).size).toBe(0)
    expect(new IpFilter([]).blockedBy('10.0.0.5')).toBeUndefined()
    expect(new IpFilter([]).blockedBy('::1')).toBeUndefined()
  })

  test('shows a rule as one harmless line of 100 characters, whatever its length', () => {
    const rules = ['\u001b[2J\n\u202eevil', 'x'.repeat(10_000), '電'.repeat(10_000), '🦀'.repeat(10_000)]
    const shown = rules.map((rule) =>
      new IpFilter([range('10.0.0.0', '10.0.0.9', rule)]).blockedBy('10.0.0.3')!,
    )
    expect(shown[0]).toBe('\ufffd[2J\ufffd\ufffdevil')
    expect(shown[1]).toBe('x'.repeat(100))
    for (const text of shown.slice(1)) {
      expect([...text].length).toBeLessThanOrEqual(100)
      expect(text).not.toContain('\ufffd') // half a character
    }
  })

  test('where ranges overlap, the one that begins first lends its rule', () => {
    const merged = new IpFilter([
      range('10.0.0.8', '10.0.0.20', 'late'),
      range('10.0.0.0', '10.0.0.9', 'early'),
      range('10.0.0.2', '10.0.0.3', 'inner'),
      range('10.0.0.21', '10.0.0.22', 'next'),
    ])
    expect(merged.size).toBe(2)
    expect(merged.blockedBy('10.0.0.3')).toBe('early')
    expect(merged.blockedBy('10.0.0.20')).toBe('early')
    expect(merged.blockedBy('10.0.0.21')).toBe('next')
  })
})

describe('any filter', () => {
  // Few values for each byte, at the places where signs and carries go wrong: ranges meet and overlap often.
  const byte = fc.constantFrom(0x00, 0x01, 0x02, 0x7f, 0x80, 0xff)
  const address = (length: 4 | 16): fc.Arbitrary<Uint8Array> =>
    fc.array(byte, { minLength: length, maxLength: length }).map((bytes) => Uint8Array.from(bytes))
  const ranges = (length: 4 | 16): fc.Arbitrary<[Uint8Array, Uint8Array][]> =>
    fc.array(
      fc
        .tuple(address(length), address(length))
        .map(([a, b]) => (Buffer.compare(a, b) <= 0 ? [a, b] : [b, a])),
      { maxLength: 150 },
    )

  test.each([4, 16] as const)(
    'of addresses of %i bytes blocks what one of its ranges holds, and nothing else',
    (length) => {
      fc.assert(
        fc.property(ranges(length), fc.array(address(length), { minLength: 20 }), (held, addresses) => {
          const named = held.map(([first, last], index) => ({ first, last, rule: `rule ${index}` }))
          const filter = new IpFilter(named)
          for (const bytes of [...addresses, ...held.flat()]) {
            const host = unpackHost(bytes, 0, length === 4 ? 4 : 6)
            if (host.includes('.') && length === 16) continue // IPv4 in disguise
            const isHeld = held.some(
              ([a, b]) => Buffer.compare(a, bytes) <= 0 && Buffer.compare(bytes, b) <= 0,
            )
            expect(filter.blockedBy(host) !== undefined, host).toBe(isHeld)
          }
        }),
        { numRuns: 60 },
      )
    },
  )
})

test('a million ranges fit in 32 MiB, and an address is found among them at once', () => {
  function* many(): Generator<IpRange> {
    for (let i = 0; i < 1_000_000; i++) {
      const at = i * 4_096
      const bytes = (n: number): Uint8Array => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n)
      yield { first: bytes(at), last: bytes(at + 99), rule: `Owner no. ${(i * 7) % 100_000}` }
    }
  }
  const filter = new IpFilter(many())
  expect(filter.size).toBe(1_000_000)
  expect(filter.byteLength).toBeLessThan(32 * 2 ** 20)
  expect(filter.blockedBy('0.0.16.99')).toBe('Owner no. 7')
  expect(filter.blockedBy('0.0.16.100')).toBeUndefined()
  // A microsecond or so each; one range after the other this would outlast the limit of any test.
  let blocked = 0
  for (let i = 0; i < 50_000; i++) if (filter.blockedBy('200.0.16.1') !== undefined) blocked++
  expect(blocked).toBe(50_000)
})
