/** IP endpoints: their text and compact forms, and how far an address reaches. */
import ipaddr from 'ipaddr.js'
import { AddressText } from './address-text.ts'
import { ConfigError } from './errors.ts'
import { toHex } from './ids.ts'
import { IPV6_LENGTH, readIpv6, writeIpv6 } from './ipv6.ts'
import { excerpt } from './text.ts'

export type Family = 4 | 6

/** An IP address in canonical text form (RFC 5952; never v4-mapped) and a port 1 … 65535, or 0 while unbound. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** How far an address reaches. Order matters: a later scope is wider. */
export type Scope = 'bogus' | 'loopback' | 'link-local' | 'private' | 'public'

/** Bytes of a compact endpoint (BEP 23, BEP 7). */
export const COMPACT_LENGTH: Readonly<Record<Family, number>> = { 4: 6, 6: 18 }

/** Bytes of an IPv4 address. */
const IPV4_LENGTH = 4

/** Characters of a wrong address that an error shows. */
const MAX_QUOTED = 100

const address = new AddressText()

export function familyOf(host: string): Family {
  return address.read(host).family
}

/** `1.2.3.4:5` or `[::1]:5`. Also the key of an endpoint in a Map. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return familyOf(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.host === b.host
}

/** Four numbers up to 255, none padded with zeros: the only text of an IPv4 address. */
const DOTTED_QUAD = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** Characters of an IP literal: 45 of IPv6 (RFC 4291 §2.2, the last two groups as a dotted quad), `%` and 15 of an interface. */
const MAX_IP_TEXT = 61

/** The canonical text of an IP literal, v4-mapped ones unwrapped; undefined when `text` is not one. */
export function canonicalIp(text: string): string | undefined {
  if (text.length > MAX_IP_TEXT) return undefined
  if (!text.includes(':')) return DOTTED_QUAD.test(text) ? text : undefined
  if (readIpv6(text, ipv6, 0)) return ipv6Text(ipv6, 0)
  if (!ipaddr.isValid(text)) return undefined
  return ipaddr.process(text).toString()
}

/**
 * Reads `host:port`, `[v6]:port` or `:port`. The host may be a name: whoever dials resolves it.
 *
 * @param defaultHost what a bare `:port` means: `0.0.0.0` when listening, `127.0.0.1` when dialling
 * @throws {ConfigError} `config.value`
 */
export function parseHostPort(text: string, defaultHost: string): Endpoint {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const bad = (why: string): ConfigError =>
    new ConfigError('config.value', `'${excerpt(text, MAX_QUOTED)}' is not an address: ${why}`)
  if (!match) throw bad('expected host:port, [v6]:port or :port')
  if (port > 65_535) throw bad('the port is above 65535')
  if (match[1] !== undefined) {
    const host = canonicalIp(match[1])
    if (host === undefined || !match[1].includes(':'))
      throw bad('between the brackets stands no IPv6 address')
    return { host, port }
  }
  const name = match[2] === '' ? defaultHost : match[2]!
  const ip = canonicalIp(name)
  if (ip === undefined && (/^[\d.]+$/.test(name) || !/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/.test(name)))
    throw bad('the host is neither an IP address nor a name')
  return { host: ip ?? name, port }
}

/** The 4 or 16 bytes of an IP literal. */
export function packHost(host: string): Uint8Array {
  const bytes = new Uint8Array(familyOf(host) === 6 ? IPV6_LENGTH : IPV4_LENGTH)
  packHostInto(host, bytes, 0)
  return bytes
}

/** Writes them into `out` at `offset`. @returns the offset behind them */
export function packHostInto(host: string, out: Uint8Array, offset: number): number {
  const { family, bits } = address.read(host)
  if (family === 4) {
    for (let i = 0; i < IPV4_LENGTH; i++) out[offset + i] = bits >>> (24 - 8 * i)
    return offset + IPV4_LENGTH
  }
  if (readIpv6(host, out, offset)) return offset + IPV6_LENGTH
  out.set(ipaddr.parse(host).toByteArray(), offset)
  return offset + IPV6_LENGTH
}

/** Reads an address of `family` at `offset`; a v4-mapped v6 address comes out as v4. */
export function unpackHost(bytes: Uint8Array, offset: number, family: Family): string {
  if (family === 4) return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
  return ipv6Text(bytes, offset)
}

/** The canonical text of 16 bytes; a v4-mapped address comes out as IPv4. */
function ipv6Text(bytes: Uint8Array, offset: number): string {
  for (let i = 0; i < MAPPED.length; i++) if (bytes[offset + i] !== MAPPED[i]) return writeIpv6(bytes, offset)
  return unpackHost(bytes, offset + MAPPED.length, 4)
}

/** `::ffff:0:0/96` */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

const ipv6 = new Uint8Array(IPV6_LENGTH)

/** What counts as one source: an IPv4 address, or the /64 of an IPv6 one, within which its owner may use any address. */
export function networkOf(host: string): string {
  if (familyOf(host) === 4) return host
  packHostInto(host, ipv6, 0)
  return toHex(ipv6.subarray(0, 8))
}

/** Where a URL leads: its host without the brackets of an IPv6 literal, and its port or that of its scheme. */
export function endpointOf(url: URL): Endpoint {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port) }
}

/** The same as the key of a Map: an IPv4 address is a number, which is found in a fraction of the time. */
export function networkKeyOf(host: string): number | string {
  const { family, bits } = address.read(host)
  return family === 4 ? bits : networkOf(host)
}

/** An endpoint as the key of a Map. */
export function endpointKeyOf(endpoint: Endpoint): number | string {
  const { family, bits } = address.read(endpoint.host)
  return family === 6 ? formatEndpoint(endpoint) : (bits >>> 0) * 65_536 + endpoint.port
}

/** Writes the compact form, 6 or 18 bytes, into `out` at `offset`; `host` must be an IP literal. @returns the offset behind it */
export function packEndpoint({ host, port }: Endpoint, out: Uint8Array, offset: number): number {
  const at = packHostInto(host, out, offset)
  out[at] = port >> 8
  out[at + 1] = port & 0xff
  return at + 2
}

/** The compact form. */
export function compactEndpoint(endpoint: Endpoint): Uint8Array {
  const bytes = new Uint8Array(COMPACT_LENGTH[familyOf(endpoint.host)])
  packEndpoint(endpoint, bytes, 0)
  return bytes
}

/** Reads a compact endpoint of `family` at `offset`; a v4-mapped v6 address comes out as v4. */
export function unpackEndpoint(bytes: Uint8Array, offset: number, family: Family): Endpoint {
  const portAt = offset + COMPACT_LENGTH[family] - 2
  return {
    host: unpackHost(bytes, offset, family),
    port: (bytes[portAt]! << 8) | bytes[portAt + 1]!,
  }
}

const SCOPE_OF_RANGE: Readonly<Record<string, Scope>> = {
  unicast: 'public',
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  linkLocal: 'link-local',
  loopback: 'loopback',
}

/** The reach of an IP literal (v4-mapped is unwrapped first). Multicast, reserved, documentation, unspecified: bogus. */
export function scopeOf(host: string): Scope {
  return (
    scopeOfPlainIpv4(host) ??
    scopeOfPlainIpv6(host) ??
    SCOPE_OF_RANGE[ipaddr.process(host).range()] ??
    'bogus'
  )
}

/** Called for every datagram of the DHT. Undefined for IPv6, and where documentation and other special networks lie. */
function scopeOfPlainIpv4(host: string): Scope | undefined {
  const { family, bits } = address.read(host)
  if (family === 6) return undefined
  const a = bits >>> 24
  const b = (bits >> 16) & 0xff
  if (a === 127) return 'loopback'
  if (a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168) || (a === 100 && b >> 6 === 1))
    return 'private'
  if (a === 169 && b === 254) return 'link-local'
  if (a === 0 || a >= 224) return 'bogus'
  return a === 192 || a === 198 || a === 203 ? undefined : 'public'
}

/** The same for IPv6: covers most addresses in use; undefined where special networks lie. */
function scopeOfPlainIpv6(host: string): Scope | undefined {
  if (!readIpv6(host, ipv6, 0)) return undefined
  const [a, b, c, d] = ipv6 as Uint8Array & readonly [number, number, number, number]
  if (a >> 1 === 0xfc >> 1) return 'private'
  if (a === 0xfe && b >> 6 === 0x80 >> 6) return 'link-local'
  if (a >> 5 !== 0x20 >> 5) return undefined
  // Within 2000::/3: protocol assignments and documentation (2001:0::/23, 2001:db8::/32, 3fff::/20), 6to4, AS112 (2620:4f:8000::/48).
  const isSpecial =
    (a === 0x20 && b === 1 && (c < 2 || (c === 0x0d && d === 0xb8))) ||
    (a === 0x20 && b === 2) ||
    (a === 0x26 && b === 0x20) ||
    a === 0x3f
  return isSpecial ? undefined : 'public'
}

/** Called for every contact and peer in a message: many times as fast as a lookup by text. */
function widthOf(scope: Scope): number {
  switch (scope) {
    case 'bogus':
      return 0
    case 'loopback':
      return 1
    case 'link-local':
      return 2
    case 'private':
      return 3
    case 'public':
      return 4
  }
}

/** Whether `a` reaches less far than `b`. */
export function isNarrower(a: Scope, b: Scope): boolean {
  return widthOf(a) < widthOf(b)
}

/**
 * May a node in scope `teller` introduce an address of scope `told`? Only one that reaches at least as far as its
 * own: a public node that names private addresses wants us to scan our own network.
 */
export function mayTell(teller: Scope, told: Scope): boolean {
  return told !== 'bogus' && !isNarrower(told, teller)
}
