/**
 * Lists of addresses as people keep them, a range a line, in any of these forms:
 *
 *     203.0.113.0/24   2001:db8::/32   198.51.100.7         CIDR, or an address; `; text` or `# text` may follow
 *     Some name:203.0.113.0-203.0.113.255                   P2P (PeerGuardian)
 *     203.000.113.000 - 203.000.113.255 , 000 , Some name   DAT (eMule); levels above 127 are allowed
 *     203.0.113.0-203.0.113.255                             either of them, without the rest
 *
 * Blank lines and those that begin with `#`, `;` or `//` say nothing. A line that cannot be read is an error: a filter that
 * lets pass what its owner wanted kept out is worse than none.
 */
import { canonicalIp, packHost } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import { decodeUtf8, excerpt } from '../protocol/text.ts'
import { IpFilter, type IpRange } from './ip-filter.ts'

/** Ranges in one list. */
export const MAX_BLOCKLIST_RANGES = 2_000_000
/** Bytes of a line of it. */
export const MAX_BLOCKLIST_LINE = 2_048
/** Colons of an address behind a name: eight groups of IPv6, a `::` at one end of them. */
const MAX_P2P_COLONS = 8
/** DAT: an access level above it says that the range is allowed. */
const HIGHEST_BLOCKED_LEVEL = 127

const LINE_FEED = 0x0a
const BYTE_ORDER_MARK = '\ufeff'
/** Lists are older than UTF-8: whatever is not UTF-8 is in this. */
const latin1 = new TextDecoder('latin1')

/**
 * @param name the file's, for errors
 * @throws {ConfigError} `config.value`, with the number of the line
 */
export function parseBlocklist(bytes: Uint8Array, name: string): IpFilter {
  return new IpFilter(readRanges(bytes, name))
}

function* readRanges(bytes: Uint8Array, name: string): Generator<IpRange> {
  let count = 0
  let number = 0
  for (let at = 0; at < bytes.length;) {
    const found = bytes.indexOf(LINE_FEED, at)
    const end = found < 0 ? bytes.length : found
    number++
    const text = decodeLine(bytes.subarray(at, Math.min(end, at + MAX_BLOCKLIST_LINE + 1)))
    at = end + 1
    if (text === '' || /^(?:[#;]|\/\/)/.test(text)) continue
    const range = text.length > MAX_BLOCKLIST_LINE ? undefined : readLine(text)
    if (range === undefined)
      throw new ConfigError(
        'config.value',
        `${name}, line ${number}: '${excerpt(text, 60)}' is not a CIDR, P2P or DAT range of addresses`,
      )
    if (range === 'allowed') continue
    if (++count > MAX_BLOCKLIST_RANGES)
      throw new ConfigError('config.value', `${name} has more than ${MAX_BLOCKLIST_RANGES} ranges`)
    yield range
  }
}

function decodeLine(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes) ?? latin1.decode(bytes)
  return (text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text).trim()
}

function readLine(line: string): IpRange | 'allowed' | undefined {
  return readDat(line) ?? readCidr(line) ?? readP2p(line)
}

function readDat(line: string): IpRange | 'allowed' | undefined {
  const [, first, last, level, name] =
    /^([\da-f.:]+)\s*-\s*([\da-f.:]+)\s*,\s*(\d+)\s*(?:,\s*(.*))?$/i.exec(line) ?? []
  if (first === undefined) return undefined
  const range = rangeOf(readAddress(first), readAddress(last!), name || line)
  return range && Number(level) > HIGHEST_BLOCKED_LEVEL ? 'allowed' : range
}

function readCidr(line: string): IpRange | undefined {
  const [, address, length] = /^([\da-f.:]+)(?:\/(\d{1,3}))?(?:\s*[;#].*)?$/i.exec(line) ?? []
  const first = address === undefined ? undefined : readAddress(address)
  if (first === undefined) return undefined
  // An IPv4-mapped address came out as IPv4: its prefix begins 96 bits later.
  const mapped = first.length === 4 && address!.includes(':') ? 96 : 0
  const bits = length === undefined ? 8 * first.length : Number(length) - mapped
  if (bits < 0 || bits > 8 * first.length) return undefined
  const last = first.slice()
  for (let bit = bits; bit < 8 * first.length; bit++) {
    first[bit >>> 3]! &= ~(0x80 >>> (bit & 7))
    last[bit >>> 3]! |= 0x80 >>> (bit & 7)
  }
  return { first, last, rule: line }
}

/**
 * A name may hold colons, and so do IPv6 addresses: every colon may be where the range begins. Of several readings the
 * one counts whose ends have most in common, a group at least, as those of real ranges do; else the line is refused.
 */
function readP2p(line: string): IpRange | undefined {
  const dash = line.lastIndexOf('-')
  const last = dash < 0 ? undefined : readAddress(line.slice(dash + 1).trim())
  if (last === undefined) return undefined
  const head = line.slice(0, dash).trimEnd()
  const readings = startsIn(head)
    .map((start) => rangeOf(readAddress(head.slice(start).trimStart()), last, nameBefore(start, line)))
    .filter((range) => range !== undefined)
    .sort((a, b) => commonLength(b) - commonLength(a))
  const [best, second] = readings
  if (best === undefined || second === undefined) return best
  return commonLength(best) >= 2 && commonLength(best) > commonLength(second) ? best : undefined
}

/** Bytes with which both ends begin. */
function commonLength({ first, last }: IpRange): number {
  const at = first.findIndex((byte, i) => byte !== last[i])
  return at < 0 ? first.length : at
}

/** Where the range of a P2P line may begin: with the line, or behind one of its last colons. */
function startsIn(head: string): number[] {
  const colons = Array.from(head.matchAll(/:/g), ({ index }) => index)
  return [0, ...colons.slice(-1 - MAX_P2P_COLONS).map((colon) => colon + 1)]
}

function nameBefore(start: number, line: string): string {
  return line.slice(0, Math.max(0, start - 1)).trim() || line
}

function rangeOf(
  first: Uint8Array | undefined,
  last: Uint8Array | undefined,
  rule: string,
): IpRange | undefined {
  if (first === undefined || last === undefined || first.length !== last.length) return undefined
  for (let i = 0; i < first.length; i++) {
    if (first[i]! < last[i]!) break
    if (first[i]! > last[i]!) return undefined
  }
  return { first, last, rule }
}

/** Octets may be padded with zeros: in these lists that does not make them octal. */
function readAddress(text: string): Uint8Array | undefined {
  // Most of what a name leaves is no address: the parser's own refusal costs as much as a hundred lines.
  if (!/^[\da-f.:]+$/i.test(text)) return undefined
  const ip = canonicalIp(text.includes(':') ? text : text.replaceAll(/\b0+(?=\d)/g, ''))
  return ip === undefined ? undefined : packHost(ip)
}
