import { canonicalIp, familyOf } from '../../../src/protocol/endpoint.ts'
import { toHex, type InfoHash } from '../../../src/protocol/ids.ts'
import {
  MAX_ANNOUNCE_INTERVAL,
  MAX_TRACKER_PEERS,
  MAX_TRACKER_TEXT_LENGTH,
  MIN_ANNOUNCE_INTERVAL,
  type AnnounceAnswer,
  type ScrapeAnswer,
} from '../../../src/protocol/tracker/announce.ts'
import { decodeAnnounce, decodeScrape } from '../../../src/protocol/tracker/http.ts'
import { decodeUdpAnswer } from '../../../src/protocol/tracker/udp.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { encodeBencode } from '../../../src/protocol/bencode-writer.ts'
import { ProtocolError } from '../../../src/protocol/errors.ts'
import { spoilBencode } from '../grammar/bencode-tree.ts'

const infoHash = new Uint8Array(20).fill(0x61) as InfoHash
const CODES = ['tracker.malformed', 'tracker.failure'] as const

export const target: FuzzTarget = {
  sources: ['protocol/tracker/http.ts', 'protocol/tracker/udp.ts', 'protocol/tracker/announce.ts'],
  spoil: spoilBencode,

  seeds: () => {
    const peers = new Uint8Array(12).fill(7)
    const udp = (action: number, rest: string): Uint8Array =>
      Buffer.concat([Uint8Array.of(0, 0, 0, action, 1, 2, 3, 4), Buffer.from(rest, 'latin1')])
    return [
      encodeBencode({ interval: 1_800, 'min interval': 60, complete: 3, incomplete: 4, peers }),
      encodeBencode({
        peers6: new Uint8Array(36).fill(7),
        'tracker id': 'abc',
        'warning message': 'slow\u001b[2J',
      }),
      encodeBencode({
        peers: [
          { ip: '192.0.2.1', port: 1 },
          { ip: '2001:db8::1', port: 2 },
          { ip: 'name', port: 3 },
        ],
      }),
      encodeBencode({ 'failure reason': 'no such torrent' }),
      encodeBencode({ files: new Map([['a'.repeat(20), { complete: 1, incomplete: 2, downloaded: 3 }]]) }),
      udp(0, 'connid--'),
      udp(1, '\0\0\x07\x08\0\0\0\x01\0\0\0\x02\x0a\0\0\x01\x1a\xe1'),
      udp(2, '\0\0\0\x01\0\0\0\x02\0\0\0\x03'),
      udp(3, 'no such torrent'),
    ]
  },

  run(data) {
    const answer = refusal(() => decodeAnnounce(data))
    if (answer !== undefined) claimAnswer(answer)
    const scraped = refusal(() => decodeScrape(data, infoHash))
    if (scraped !== undefined) claimScraped(scraped)
    for (const family of [4, 6] as const) {
      const udp = accepted(() => decodeUdpAnswer(data, family), CODES)
      if (udp === undefined) continue
      claimSame(udp.transaction, Buffer.from(data).readUInt32BE(4), 'the transaction')
      if (udp.action === 'announce') claimAnswer(udp.answer)
      else if (udp.action === 'scrape') claimScraped(udp.answer)
      else if (udp.action === 'error') claimWords(udp.reason)
      else claimSame(udp.connection, BigInt(`0x${toHex(data.subarray(8, 16))}`), 'the connection')
    }
  },
}

function refusal<T>(read: () => T): T | undefined {
  try {
    return accepted(read, ['tracker.malformed'])
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== 'tracker.failure') throw error
    claimWords(error.message)
    return undefined
  }
}

function claimAnswer({
  peers,
  interval,
  minInterval = interval,
  warning,
  trackerId,
  ...counts
}: AnnounceAnswer): void {
  claim(peers.length <= MAX_TRACKER_PEERS, 'peers are few')
  for (const { host, port } of peers) {
    claim(port > 0 && port <= 65_535 && canonicalIp(host) === host, 'an address in its one form')
    claim(familyOf(host) === 6 || /^[\d.]+$/.test(host), 'a literal')
  }
  for (const seconds of [interval, minInterval])
    claim(seconds >= MIN_ANNOUNCE_INTERVAL && seconds <= MAX_ANNOUNCE_INTERVAL, 'a bearable interval')
  if (warning !== undefined) claimWords(warning)
  claim((trackerId?.length ?? 0) <= 256, 'an id of bearable length')
  claimCounts([counts.seeds ?? 0, counts.leechers ?? 0])
}

function claimScraped({ seeds, leechers, downloads }: ScrapeAnswer): void {
  claimCounts([seeds, leechers, downloads])
}

function claimCounts(counts: readonly number[]): void {
  claim(
    counts.every((count) => Number.isSafeInteger(count) && count >= 0),
    'counts of something',
  )
}

/** One harmless line. */
function claimWords(text: string): void {
  claim([...text].length <= MAX_TRACKER_TEXT_LENGTH && text !== '', 'words of bearable length')
  claim(!/[\p{Cc}\u2028\u2029\u202a-\u202e]/u.test(text) && text.isWellFormed(), 'harmless words')
}
