/** The syntax of settings' values: paths, addresses, URLs, sizes, rates. */
import { parseBootstrapAddress } from '../dht/life/bootstrap-names.ts'
import { CREATED_PIECE_LENGTHS, isCreatedPieceLength } from '../metainfo/build.ts'
import { canonicalIp, formatEndpoint, parseHostPort, scopeOf } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import { formatSize, parseRate, parseSize } from './quantity.ts'
import { list, parsed, type Parse } from './setting-value.ts'

/** Bytes per second. At a lower rate, a single block would take minutes. */
export const MIN_RATE = 1024

export const path: Parse<string> = parsed(
  (text) => (text === '' || text.includes('\0') ? undefined : text),
  'a path',
)

export const listenAddress: Parse<string> = parsed(listenable, 'an address')

export const dialAddresses: Parse<readonly string[]> = list(
  /,/,
  dialable,
  'host:port, [v6]:port or :port, separated by commas',
)

export const bootstrapAddresses: Parse<readonly string[]> = list(
  /,/,
  (text) => {
    const address = parseBootstrapAddress(text)
    return 'service' in address ? text : dialable(text)
  },
  'host:port, [v6]:port, :port or srv:_service._udp.name, separated by commas',
)

export const rate: Parse<number> = parsed(
  (text) => {
    const bytes = parseRate(text)
    return bytes !== undefined && bytes >= MIN_RATE ? bytes : undefined
  },
  `a rate like 2MiB (per second), ${formatSize(MIN_RATE)} or more; leave the flag out for no limit`,
)

export const pieceLength: Parse<number> = parsed((text) => {
  const bytes = parseSize(text)
  return bytes !== undefined && isCreatedPieceLength(bytes) ? bytes : undefined
}, CREATED_PIECE_LENGTHS)

/** Network id of the DHT. */
export const networkId: Parse<string> = parsed(
  (text) => (/^[a-z0-9-]{1,16}$/.test(text) ? text : undefined),
  '1 to 16 of a-z, 0-9 and -',
)

/** Trackers that can be asked. */
export const trackerUrls: Parse<readonly string[]> = urlList(
  /^(https?:\/\/|udp:\/\/[^\s/]+:\d)[^\s\p{Cc}]*$/u,
  'an http or https URL, or udp://host:port',
)

/** URLs that metainfo may name: its readers may know more kinds of trackers than we do. */
export const metainfoUrls: Parse<readonly string[]> = urlList(
  /^(https?|udp|wss?):\/\/[^\s\p{Cc}]+$/u,
  'an http, https or udp URL',
)

function dialable(text: string): string | undefined {
  const endpoint = parseHostPort(text, '127.0.0.1')
  const ip = canonicalIp(endpoint.host)
  // Such as 0.0.0.0, which `listen` reports: it would be passed over without a word.
  if (ip !== undefined && scopeOf(ip) === 'bogus')
    throw new ConfigError('config.value', `${ip} is the address of no machine`)
  return endpoint.port === 0 ? undefined : formatEndpoint(endpoint)
}

function listenable(text: string): string {
  parseHostPort(text, '0.0.0.0')
  return text
}

function urlList(form: RegExp, expected: string): Parse<readonly string[]> {
  return list(/\s+/, (text) => (form.test(text) && URL.canParse(text) ? text : undefined), expected)
}
