import { parseBlocklist } from '../../../src/peer/blocklist-file.ts'
import type { IpFilter } from '../../../src/peer/ip-filter.ts'
import { canonicalIp, packHost, unpackHost } from '../../../src/protocol/endpoint.ts'
import { accepted, claim } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const text = (lines: string): Uint8Array => new TextEncoder().encode(lines)
/** Addresses that are looked up. */
const MAX_PROBES = 24
/** A filter for each of more lines would cost more than all that is tried here. */
const MAX_LINES = 16

export const target: FuzzTarget = {
  sources: ['peer/blocklist-file.ts', 'peer/ip-filter.ts', 'peer/range-table.ts', 'peer/rule-texts.ts'],
  words: [
    ' - ',
    ' , 000 , ',
    ' , 128 , ',
    '/0',
    '/32',
    '/128',
    '::ffff:',
    '10.0.0.0',
    '255.255.255.255',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '; ',
    '\r\n',
    '//',
  ],
  // A filter remembers texts in tables that begin with room for many.
  maxAllocation: (length) => 2 ** 23 + 4_096 * length,

  seeds: () => [
    text('203.0.113.0/24\n2001:db8::/32\n198.51.100.7\n'),
    text('# comment\n; too\n// and this\n\n10.0.0.0/8 ; ten\n::/0 # all\n'),
    text('Some name:203.0.113.0-203.0.113.255\r\nWith: colons: 10.0.0.1-10.0.0.2\n'),
    text('203.000.113.000 - 203.000.113.255 , 000 , Some name\n1.2.3.4 - 1.2.3.5 , 200 , allowed\n'),
    text('2001:db8::1-2001:db8::ff\nname:2001:db8::1-2001:db8::2\n::ffff:10.0.0.0/104\n'),
    text('\ufeff1.2.3.4-1.2.3.4'),
  ],

  run(data) {
    const whole = accepted(() => parseBlocklist(data, 'list'), ['config.value'])
    const lines = Buffer.from(data).toString('latin1').split('\n')
    if (lines.length > MAX_LINES) return
    const parts = lines.map((line) =>
      accepted(() => parseBlocklist(Buffer.from(line, 'latin1'), 'line'), ['config.value']),
    )
    // Only the first line may begin with a mark of the byte order that counts for nothing, as any line may.
    claim((whole === undefined) === parts.includes(undefined), 'a list is good when each line is')
    if (whole === undefined) return
    claim(whole.size <= lines.length && whole.byteLength < 100_000, 'a small filter for a small list')
    for (const host of probes(data)) {
      const rule = whole.blockedBy(host)
      claim(
        (rule !== undefined) === parts.some((part) => isBlocked(part, host)),
        `what one line blocks the list blocks: ${host}`,
      )
      if (rule !== undefined)
        claim([...rule].length <= 100 && !/\p{Cc}/u.test(rule), 'a rule that can be shown')
    }
  },
}

function isBlocked(filter: IpFilter | undefined, host: string): boolean {
  return filter?.blockedBy(host) !== undefined
}

/** The addresses in the list, and their neighbours. */
function probes(data: Uint8Array): string[] {
  const words =
    Buffer.from(data)
      .toString('latin1')
      .match(/[\da-f.:]{2,45}/gi) ?? []
  const hosts = words.flatMap(
    (word) => canonicalIp(word) ?? canonicalIp(word.replaceAll(/\b0+(?=\d)/g, '')) ?? [],
  )
  return hosts.slice(0, MAX_PROBES / 3).flatMap((host) => [host, neighbour(host, 1), neighbour(host, -1)])
}

function neighbour(host: string, step: number): string {
  const bytes = packHost(host)
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = bytes[at]! + step
    if (bytes[at] !== (step > 0 ? 0 : 255)) break
  }
  return unpackHost(bytes, 0, bytes.length === 4 ? 4 : 6)
}
