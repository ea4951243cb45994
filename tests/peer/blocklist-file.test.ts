/** Lists of blocked addresses, as they are found in the wild. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_BLOCKLIST_LINE, parseBlocklist } from '../../src/peer/blocklist-file.ts'
import type { IpFilter } from '../../src/peer/ip-filter.ts'
import { ConfigError } from '../../src/protocol/errors.ts'

function parse(...lines: readonly string[]): IpFilter {
  return parseBlocklist(new TextEncoder().encode(lines.join('\n')), 'list.txt')
}

/** @returns what is wrong with a list */
function fault(...lines: readonly string[]): string {
  try {
    parse(...lines)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message
  }
  return 'nothing'
}

describe('a list', () => {
  test('may have all forms at once, between comments and blank lines', () => {
    const list = parse(
      '\ufeff# A list',
      '// of many kinds \r',
      '; by many hands',
      '',
      '  203.0.113.0/24\r',
      '198.51.100.7',
      '192.0.2.0/25 ; SBL123',
      '2001:db8::/32 # documentation',
      'Some: odd, name - here:10.0.0.1-10.0.0.3',
      '011.000.010.008 - 011.000.010.255 , 000 , Eleven',
      '12.0.0.0-12.0.0.9,127,Twelve',
      '13.0.0.0 - 13.0.0.9 , 128 , Thirteen is allowed',
      '14.0.0.0-14.0.0.9',
      'Six:2001:470::1-2001:470::ff',
      '2a00::-2a0f:ffff::',
    )
    expect(list.blockedBy('203.0.113.200')).toBe('203.0.113.0/24')
    expect(list.blockedBy('198.51.100.7')).toBe('198.51.100.7')
    expect(list.blockedBy('198.51.100.8')).toBeUndefined()
    expect(list.blockedBy('192.0.2.127')).toBe('192.0.2.0/25 ; SBL123')
    expect(list.blockedBy('192.0.2.128')).toBeUndefined()
    expect(list.blockedBy('2001:db8:ffff::')).toBe('2001:db8::/32 # documentation')
    expect(list.blockedBy('10.0.0.2')).toBe('Some: odd, name - here')
    expect(list.blockedBy('11.0.10.8')).toBe('Eleven')
    expect(list.blockedBy('11.0.10.7')).toBeUndefined()
    expect(list.blockedBy('12.0.0.9')).toBe('Twelve')
    expect(list.blockedBy('13.0.0.5')).toBeUndefined()
    expect(list.blockedBy('14.0.0.5')).toBe('14.0.0.0-14.0.0.9')
    expect(list.blockedBy('2001:470::80')).toBe('Six')
    expect(list.blockedBy('2a05::1')).toBe('2a00::-2a0f:ffff::')
    expect(list.size).toBe(10)
  })

  test('that is empty blocks nothing', () => {
    expect(parseBlocklist(new Uint8Array(), 'list.txt').size).toBe(0)
  })

  test.each([
    ['10.1.2.3/0', '0.0.0.0', '255.255.255.255', undefined],
    ['10.1.2.3/9', '10.0.0.0', '10.127.255.255', '10.128.0.0'],
    ['10.1.2.3/32', '10.1.2.3', '10.1.2.3', '10.1.2.4'],
    ['2001:db8::5/127', '2001:db8::4', '2001:db8::5', '2001:db8::6'],
    ['::ffff:10.0.0.0/104', '10.0.0.0', '10.255.255.255', '11.0.0.0'],
  ])('%s reaches from %s to %s', (line, first, last, beyond) => {
    const list = parse(line)
    expect(list.blockedBy(first)).toBe(line)
    expect(list.blockedBy(last)).toBe(line)
    if (beyond !== undefined) expect(list.blockedBy(beyond)).toBeUndefined()
  })

  test('takes padded octets for decimal', () => {
    expect(parse('010.000.000.010 - 010.000.000.099 , 000 , x').blockedBy('10.0.0.8')).toBeUndefined()
    expect(parse('x:010.000.000.010-010.000.000.099').blockedBy('10.0.0.10')).toBe('x')
  })

  test('has names in UTF-8 or, as long ago, in Latin-1', () => {
    expect(parse('Universität:10.0.0.0-10.0.0.9').blockedBy('10.0.0.1')).toBe('Universität')
    const old = Uint8Array.from(
      Buffer.from('Universität:10.0.0.0-10.0.0.9\nCafé:11.0.0.0-11.0.0.9', 'latin1'),
    )
    expect(parseBlocklist(old, 'list.txt').blockedBy('10.0.0.1')).toBe('Universität')
    expect(parseBlocklist(old, 'list.txt').blockedBy('11.0.0.1')).toBe('Café')
  })
})

describe('a name before an IPv6 range', () => {
  test('may look like a part of the address: the range is where both ends begin alike', () => {
    const list = parse('Bad:2001:db8::1-2001:db8::9')
    expect(list.blockedBy('2001:db8::5')).toBe('Bad')
    expect(list.blockedBy('1000::1')).toBeUndefined()
    expect(parse('2001:2001::1-2001:2001::9').blockedBy('2001::5')).toBeUndefined()
  })

  test('may hold any number of colons, before a range that has as many as a range can have', () => {
    const range = '::2001:db8:3:4:5:6:1-::2001:db8:3:4:5:6:9'
    for (const name of ['', 'Bad:', ':', 'a:b:c:'.repeat(9)])
      expect(parse(`${name}${range}`).blockedBy('0:2001:db8:3:4:5:6:5')).toBeDefined()
  })

  test('that leaves more than one reading is refused', () => {
    expect(fault('1:2::3-4::5')).toContain('line 1')
    expect(fault('a:1:2::3-4::5')).toContain('line 1')
  })
})

describe('a line that makes no sense', () => {
  test('is named, with its number', () => {
    expect(fault('# fine', '', '10.0.0.0/8\r', 'what is this?')).toBe(
      "list.txt, line 4: 'what is this?' is not a CIDR, P2P or DAT range of addresses",
    )
  })

  test.each([
    '10.0.0.0/33',
    '2001:db8::/129',
    '::ffff:10.0.0.0/95',
    '10.0.0/8',
    '10.0.0.256',
    '10.0.0.0/8/8',
    'example.org',
    'name:10.0.0.9-10.0.0.1',
    'name:10.0.0.1-2001:db8::1',
    'name:fe80::1%eth0-fe80::9%eth0',
    'name:10.0.0.1',
    '10.0.0.1 - 10.0.0.x , 000 , name',
    '10.0.0.9 - 10.0.0.1 , 200 , allowed, but wrong',
    '10.0.0.0 10.0.0.9',
    '\u001f\u008b packed',
  ])('is an error: %s', (line) => {
    expect(fault(line)).toMatch(/^list\.txt, line 1: /)
  })

  test('is shown in one short, harmless line', () => {
    const message = fault(`\u001b[31m${'x'.repeat(10 * MAX_BLOCKLIST_LINE)}`)
    expect(message).toMatch(/^[ -~\ufffd]+$/)
    expect(message.length).toBeLessThan(200)
    expect(fault(`# ${'x'.repeat(10 * MAX_BLOCKLIST_LINE)}`)).toBe('nothing')
    expect(fault(`${'x'.repeat(MAX_BLOCKLIST_LINE)}:10.0.0.0-10.0.0.9`)).toContain('line 1')
  })

  test('never makes trouble of another kind, nor does it take long', () => {
    const alphabet = fc.constantFrom(...'0123456789abcdef.:/-, #\t\r\n', '::', '10.0.0.1', ' - ', '\u00e4')
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 200 }), (parts) => {
        fault(...parts.join('').split('\n'))
      }),
    )
    for (const evil of [':', '1.', 'a:', ' ', '1 ', '-', '0-0,'])
      fault(evil.repeat(MAX_BLOCKLIST_LINE / evil.length))
  })
})

test('whatever the form, a range comes out as it went in', () => {
  const quad = (n: number): string => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.')
  const padded = (n: number): string => quad(n).replaceAll(/\d+/g, (octet) => octet.padStart(3, '0'))
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9 :,.&-]{0,30}[A-Za-z]$/)
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 2), fc.nat(2 ** 24), name, (first, length, rule) => {
      const last = Math.min(2 ** 32 - 1, first + length)
      for (const line of [
        `${rule}:${quad(first)}-${quad(last)}`,
        `${padded(first)} - ${padded(last)} , 000 , ${rule}`,
      ]) {
        const list = parse(line)
        expect(list.blockedBy(quad(first))).toBe(rule)
        expect(list.blockedBy(quad(last))).toBe(rule)
        if (first > 0) expect(list.blockedBy(quad(first - 1))).toBeUndefined()
        if (last < 2 ** 32 - 1) expect(list.blockedBy(quad(last + 1))).toBeUndefined()
      }
    }),
  )
})
