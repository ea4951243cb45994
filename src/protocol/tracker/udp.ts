/** Announce and scrape over UDP (BEP 15), with the path of the URL as an option (BEP 41). */
import { COMPACT_LENGTH, type Family } from '../endpoint.ts'
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
import { unpackAll } from './http.ts'

/** What a connect request starts with instead of a connection id. */
const PROTOCOL_ID = 0x417_2710_1980n

const CONNECT = 0
const ANNOUNCE = 1
const SCRAPE = 2
const ERROR = 3

const EVENT = { periodic: 0, completed: 1, started: 2, stopped: 3 } as const

const OPTION_END = 0
const OPTION_URL = 2
/** Bytes of one option's value (BEP 41): a longer one continues in the next option. */
const MAX_OPTION_LENGTH = 255
/** Bytes of path and query that are sent. */
const MAX_URL_DATA_LENGTH = 2_048

/** Chosen by the requester, 32 bits. A datagram with another one is not the answer. */
export type TransactionId = number

export type UdpAnswer =
  | { readonly action: 'connect'; readonly transaction: TransactionId; readonly connection: bigint }
  | { readonly action: 'announce'; readonly transaction: TransactionId; readonly answer: AnnounceAnswer }
  | { readonly action: 'scrape'; readonly transaction: TransactionId; readonly answer: ScrapeAnswer }
  | { readonly action: 'error'; readonly transaction: TransactionId; readonly reason: string }

export function encodeConnect(transaction: TransactionId): Uint8Array {
  const bytes = new Uint8Array(16)
  writeHead(bytes, { connection: PROTOCOL_ID, action: CONNECT, transaction })
  return bytes
}

/** @param urlData path and query of the tracker's URL */
export function encodeUdpAnnounce(
  head: { readonly connection: bigint; readonly transaction: TransactionId },
  announce: Announce,
  urlData: string,
): Uint8Array {
  const { infoHash, peerId, kind, port, uploaded, downloaded, left, numWant, key } = announce
  const options = encodeUrlData(urlData)
  const bytes = new Uint8Array(98 + options.length)
  const view = new DataView(bytes.buffer)
  writeHead(bytes, { ...head, action: ANNOUNCE })
  bytes.set(infoHash, 16)
  bytes.set(peerId, 36)
  view.setBigUint64(56, BigInt(downloaded))
  view.setBigUint64(64, BigInt(left))
  view.setBigUint64(72, BigInt(uploaded))
  view.setUint32(80, EVENT[kind])
  // Bytes 84 … 87 are our address: 0, so that the tracker takes the one that it sees.
  view.setUint32(88, key)
  view.setInt32(92, numWant)
  view.setUint16(96, port)
  bytes.set(options, 98)
  return bytes
}

export function encodeUdpScrape(
  head: { readonly connection: bigint; readonly transaction: TransactionId },
  infoHash: InfoHash,
): Uint8Array {
  const bytes = new Uint8Array(36)
  writeHead(bytes, { ...head, action: SCRAPE })
  bytes.set(infoHash, 16)
  return bytes
}

/**
 * @param family that of the socket on which it came: it says how long the peers in it are
 * @throws {ProtocolError} `tracker.malformed`
 */
export function decodeUdpAnswer(bytes: Uint8Array, family: Family): UdpAnswer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const atLeast = (length: number): void => {
    if (bytes.length < length)
      throw new ProtocolError('tracker.malformed', `an answer of ${bytes.length} bytes is too short`)
  }
  atLeast(8)
  const transaction = view.getUint32(4)
  switch (view.getUint32(0)) {
    case CONNECT:
      atLeast(16)
      return { action: 'connect', transaction, connection: view.getBigUint64(8) }
    case ANNOUNCE: {
      atLeast(20)
      const peers = bytes.subarray(20, 20 + MAX_TRACKER_PEERS * COMPACT_LENGTH[family])
      return {
        action: 'announce',
        transaction,
        answer: {
          interval: clampInterval(view.getUint32(8)),
          leechers: view.getUint32(12),
          seeds: view.getUint32(16),
          peers: unpackAll(peers, family),
        },
      }
    }
    case SCRAPE:
      atLeast(20)
      return {
        action: 'scrape',
        transaction,
        answer: { seeds: view.getUint32(8), downloads: view.getUint32(12), leechers: view.getUint32(16) },
      }
    case ERROR: {
      const said = bytes.subarray(8, 8 + 4 * MAX_TRACKER_TEXT_LENGTH)
      // Trackers written in C may include the terminating zero.
      const end = said.indexOf(0)
      const text = end === -1 ? said : said.subarray(0, end)
      const reason = excerpt(decodeUtf8(text) ?? String.fromCharCode(...text), MAX_TRACKER_TEXT_LENGTH)
      return { action: 'error', transaction, reason: reason === '' ? 'the tracker gives no reason' : reason }
    }
    default:
      throw new ProtocolError('tracker.malformed', `an answer of the unknown kind ${view.getUint32(0)}`)
  }
}

function writeHead(
  bytes: Uint8Array,
  {
    connection,
    action,
    transaction,
  }: { readonly connection: bigint; readonly action: number; readonly transaction: TransactionId },
): void {
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, connection)
  view.setUint32(8, action)
  view.setUint32(12, transaction)
}

/** `udp://host:port` and `udp://host:port/` say nothing more: then there is no option at all. */
function encodeUrlData(text: string): Uint8Array {
  const data = new TextEncoder().encode(text === '/' ? '' : text).subarray(0, MAX_URL_DATA_LENGTH)
  if (data.length === 0) return data
  const options: number[] = []
  for (let at = 0; at < data.length; at += MAX_OPTION_LENGTH) {
    const part = data.subarray(at, at + MAX_OPTION_LENGTH)
    options.push(OPTION_URL, part.length, ...part)
  }
  return Uint8Array.from([...options, OPTION_END])
}
