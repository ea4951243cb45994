/**
 * Lists of addresses as people keep them, a range a line, in any of three forms:
 *
 *     203.0.113.0/24   2001:db8::/32   198.51.100.7         CIDR, or an address
 *     Some name:203.0.113.0-203.0.113.255                   P2P (PeerGuardian)
 *     203.000.113.000 - 203.000.113.255 , 000 , Some name   DAT (eMule); levels above 127 are allowed
 *
 * Blank lines and those that begin with `#` or `//` say nothing. A line that cannot be read is an error: a filter that lets
 * pass what its owner wanted kept out is worse than none.
 */
import { canonicalIp, familyOf, packHost } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import { printable } from '../protocol/text.ts'
import { IpFilter, type IpRange } from './ip-filter.ts'

/** Ranges in one list. */
export const MAX_BLOCKLIST_RANGES = 2_000_000
/** Characters of a rule that events show. */
const MAX_RULE_LENGTH = 100
/** DAT: an access level above it says that the range is allowed. */
const HIGHEST_BLOCKED_LEVEL = 127

/**
 * @param name the file's, for errors
 * @throws {ConfigError} `config.value`, with the number of the line
 */
export function parseBlocklist(bytes: Uint8Array, name: string): IpFilter {
  // Names in such lists are in any charset: latin1 reads them all, and addresses are ASCII.
  const text = new TextDecoder('latin1').decode(bytes).replace(/^\u00ef\u00bb\u00bf/, '')
  const ranges: IpRange[] = []
  let number = 0
  for (const line of text.split(/\r?\n/)) {
    number++
    const content = line.trim()
    if (content === '' || content.startsWith('#') || content.startsWith('//')) continue
    const range = readLine(content)
    if (range === undefined)
      throw new ConfigError(
        'config.value',
        `${name}, line ${number}: '${printable(content, 60)}' is not a CIDR, P2P or DAT range`,
      )
    if (range !== 'allowed') ranges.push(range)
    if (ranges.length > MAX_BLOCKLIST_RANGES)
      throw new ConfigError('config.value', `${name} has more than ${MAX_BLOCKLIST_RANGES} ranges`)
  }
  return new IpFilter(ranges)
}

function readLine(line: string): IpRange | 'allowed' | undefined {
  return readDat(line) ?? readCidr(line) ?? readP2p(line)
}

function readDat(line: string): IpRange | 'allowed' | undefined {
  const [, first, last, level, name] =
    /^([\d.]+)\s*-\s*([\d.]+)\s*,\s*(\d+)\s*(?:,\s*(.*))?$/.exec(line) ?? []
  if (first === undefined) return undefined
  if (Number(level) > HIGHEST_BLOCKED_LEVEL) return 'allowed'
  return rangeOf(first, last!, name || line)
}

function readCidr(line: string): IpRange | undefined {
  const [, address, length] = /^([\da-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(line) ?? []
  const ip = address === undefined ? undefined : canonicalIp(address)
  if (ip === undefined) return undefined
  const first = packHost(ip).slice()
  const bits = length === undefined ? 8 * first.length : Number(length)
  if (bits > 8 * first.length) return undefined
  const last = first.slice()
  for (let bit = bits; bit < 8 * first.length; bit++) {
    first[bit >>> 3]! &= ~(0x80 >>> (bit & 7))
    last[bit >>> 3]! |= 0x80 >>> (bit & 7)
  }
  return { first, last, rule: printable(line, MAX_RULE_LENGTH) }
}

/** The name may hold colons, and so does an IPv6 address: the range is what stands behind the first colon that leaves one. */
function readP2p(line: string): IpRange | undefined {
  for (let at = line.indexOf(':'); at >= 0; at = line.indexOf(':', at + 1)) {
    const [, first, last] = /^\s*([\da-fA-F.:]+)\s*-\s*([\da-fA-F.:]+)$/.exec(line.slice(at + 1)) ?? []
    const range = first === undefined ? undefined : rangeOf(first, last!, line.slice(0, at) || line)
    if (range !== undefined) return range
  }
  const [, first, last] = /^([\da-fA-F.:]+)\s*-\s*([\da-fA-F.:]+)$/.exec(line) ?? []
  return first === undefined ? undefined : rangeOf(first, last!, line)
}

function rangeOf(from: string, to: string, rule: string): IpRange | undefined {
  const first = readAddress(from)
  const last = readAddress(to)
  if (first === undefined || last === undefined || first.length !== last.length) return undefined
  for (let i = 0; i < first.length; i++) {
    if (first[i]! < last[i]!) break
    if (first[i]! > last[i]!) return undefined
  }
  return { first, last, rule: printable(rule, MAX_RULE_LENGTH) }
}

/** Octets may be padded with zeros: in these lists that does not make them octal. */
function readAddress(text: string): Uint8Array | undefined {
  const ip = canonicalIp(text.replaceAll(/\b0+(?=\d)/g, (zeros) => (text.includes(':') ? zeros : '')))
  if (ip === undefined || (familyOf(ip) === 4 && text.includes(':'))) return undefined
  return packHost(ip)
}
