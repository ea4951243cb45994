/** Announce and scrape over HTTP (BEP 3, 7, 23, 48): the URL that is asked for, and the bencoded answer. */
import { BencodeDict, decodeBencodeDict, isBencodeList, type Bencode } from '../bencode.ts'
import { canonicalIp, COMPACT_LENGTH, unpackEndpoint, type Endpoint, type Family } from '../endpoint.ts'
import { ProtocolError } from '../errors.ts'
import type { InfoHash } from '../ids.ts'
import { decodeUtf8, excerpt } from '../text.ts'
import {
  clampInterval,
  MAX_TRACKER_PEERS,
  MAX_TRACKER_TEXT_LENGTH,
  type Announce,
  type AnnounceAnswer,
  type ScrapeAnswer,
} from './announce.ts'

/** Bencode values in an answer: dictionary peers take seven each. */
const MAX_ANSWER_VALUES = 20 * MAX_TRACKER_PEERS
/** Bytes of a tracker id that is sent back. */
const MAX_TRACKER_ID_LENGTH = 256
/** Seconds, when a tracker does not say. */
const DEFAULT_INTERVAL = 1_800

/** The query in the tracker's URL, perhaps a passkey, stays in front. */
export function announceUrl(tracker: URL, announce: Announce, trackerId?: Uint8Array): URL {
  const { infoHash, peerId, kind, port, uploaded, downloaded, left, numWant, key } = announce
  const query = [
    `info_hash=${escapeBytes(infoHash)}`,
    `peer_id=${escapeBytes(peerId)}`,
    `port=${port}`,
    `uploaded=${uploaded}`,
    `downloaded=${downloaded}`,
    `left=${left}`,
    'compact=1',
    `numwant=${numWant}`,
    `key=${(key >>> 0).toString(16).padStart(8, '0')}`,
    ...(kind === 'periodic' ? [] : [`event=${kind}`]),
    ...(trackerId === undefined ? [] : [`trackerid=${escapeBytes(trackerId)}`]),
  ].join('&')
  return withQuery(tracker, query)
}

/** BEP 48: `announce` at the start of the last part of the path becomes `scrape`; undefined where there is none. */
export function scrapeUrl(tracker: URL, infoHash: InfoHash): URL | undefined {
  const at = tracker.pathname.lastIndexOf('/') + 1
  if (!tracker.pathname.startsWith('announce', at)) return undefined
  const url = new URL(tracker)
  url.pathname = `${tracker.pathname.slice(0, at)}scrape${tracker.pathname.slice(at + 'announce'.length)}`
  return withQuery(url, `info_hash=${escapeBytes(infoHash)}`)
}

/** @throws {ProtocolError} `tracker.malformed`, or `tracker.failure` with the tracker's words */
export function decodeAnnounce(body: Uint8Array): AnnounceAnswer {
  const dict = decode(body)
  const interval = seconds(dict, 'interval')
  const minInterval = seconds(dict, 'min interval')
  const seeds = amount(dict, 'complete')
  const leechers = amount(dict, 'incomplete')
  const warning = words(dict.bytes('warning message'))
  const trackerId = dict.bytes('tracker id')
  return {
    peers: [...readPeers(dict.get('peers')), ...unpackAll(dict.bytes('peers6'), 6)].slice(
      0,
      MAX_TRACKER_PEERS,
    ),
    interval: clampInterval(interval ?? DEFAULT_INTERVAL),
    ...(minInterval !== undefined && { minInterval: clampInterval(minInterval) }),
    ...(seeds !== undefined && { seeds }),
    ...(leechers !== undefined && { leechers }),
    ...(warning !== undefined && { warning }),
    ...(trackerId !== undefined &&
      trackerId.length <= MAX_TRACKER_ID_LENGTH && { trackerId: trackerId.slice() }),
  }
}

/**
 * @returns undefined when the tracker does not know the torrent
 * @throws as {@link decodeAnnounce} does
 */
export function decodeScrape(body: Uint8Array, infoHash: InfoHash): ScrapeAnswer | undefined {
  const file = decode(body)
    .dict('files')
    ?.dict(String.fromCharCode(...infoHash))
  if (file === undefined) return undefined
  return {
    seeds: amount(file, 'complete') ?? 0,
    leechers: amount(file, 'incomplete') ?? 0,
    downloads: amount(file, 'downloaded') ?? 0,
  }
}

/** Compact endpoints of one family, the last one whole; port 0 is nobody's. */
export function unpackAll(bytes: Uint8Array | undefined, family: Family): Endpoint[] {
  const length = COMPACT_LENGTH[family]
  const count = Math.min(MAX_TRACKER_PEERS, Math.floor((bytes?.length ?? 0) / length))
  const endpoints = Array.from({ length: count }, (_, at) => unpackEndpoint(bytes!, at * length, family))
  return endpoints.filter(({ port }) => port > 0)
}

function decode(body: Uint8Array): BencodeDict {
  let dict: BencodeDict
  try {
    dict = decodeBencodeDict(body, { maxValues: MAX_ANSWER_VALUES })
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new ProtocolError('tracker.malformed', `not a tracker's answer: ${error.message}`, { cause: error })
  }
  const failure = dict.bytes('failure reason')
  if (failure) throw new ProtocolError('tracker.failure', words(failure) ?? 'the tracker gives no reason')
  return dict
}

/** Compact (BEP 23), or a list of dictionaries (BEP 3), of which those with an address literal are taken. */
function readPeers(value: Bencode | undefined): Endpoint[] {
  if (value instanceof Uint8Array) return unpackAll(value, 4)
  if (!isBencodeList(value)) return []
  const peers: Endpoint[] = []
  for (const entry of value.slice(0, MAX_TRACKER_PEERS)) {
    if (!(entry instanceof BencodeDict)) continue
    const host = canonicalIp(entry.text('ip') ?? '')
    const port = entry.integer('port') ?? 0
    if (host !== undefined && port > 0 && port <= 65_535) peers.push({ host, port })
  }
  return peers
}

function amount(dict: BencodeDict, key: string): number | undefined {
  const value = dict.integer(key)
  return value !== undefined && value >= 0 ? value : undefined
}

function seconds(dict: BencodeDict, key: string): number | undefined {
  const value = dict.integer(key)
  return value !== undefined && value > 0 ? value : undefined
}

function words(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined
  const start = bytes.subarray(0, 4 * MAX_TRACKER_TEXT_LENGTH)
  const text = excerpt(decodeUtf8(start) ?? String.fromCharCode(...start), MAX_TRACKER_TEXT_LENGTH)
  return text === '' ? undefined : text
}

/** Every byte as %XX, but for what RFC 3986 calls unreserved. */
function escapeBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    text += /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }
  return text
}

function withQuery(tracker: URL, query: string): URL {
  const url = new URL(tracker)
  url.hash = ''
  url.search = tracker.search === '' ? query : `${tracker.search}&${query}`
  return url
}
