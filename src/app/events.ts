/**
 * The one table of events: name → meaning and schema. Documentation and tests are made from it, and a test asserts that it
 * equals the union of the folders' types, field by field, in both directions. A running node does not load it.
 */
import * as z from 'zod'
import {
  announceKind,
  bytes,
  count,
  direction,
  endpoint,
  ERROR_FAMILIES,
  errorCode,
  errorCodes,
  family,
  infoHash,
  millis,
  peerState,
  piece,
  rate,
  seconds,
  text,
} from './event-fields.ts'
import { DHT_EVENTS } from './dht-event-rows.ts'
import type { EventName } from './event-level.ts'
import { event } from './event-row.ts'

/** In the order of the documentation. */
export const EVENTS = [
  event('start', 'the first line: what this process is about to do', {
    version: text,
    role: z.enum(['seed', 'get', 'dht']),
    node: text.describe('version of Node.js'),
    pid: count,
    infoHash: infoHash.exactOptional(),
    name: text.exactOptional(),
  }),
  event('listen', 'the sockets are bound, to these endpoints', {
    tcp: endpoint.exactOptional(),
    tcp6: endpoint.exactOptional(),
    dht: endpoint.exactOptional(),
    dht6: endpoint.exactOptional(),
  }),
  event('metainfo_written', 'a metainfo file was made: by `-seed`, or by `-save-metainfo`', {
    path: text,
    infoHash,
    name: text,
    length: bytes,
    pieceLength: bytes,
    pieces: count,
  }),
  event(
    'resume',
    'what was there at the start, and what vouches for it: the resume file, a check of all data, a sample, or nothing because nothing was there',
    {
      have: count,
      pieces: count,
      checked: count,
      source: z.enum(['resume', 'check', 'sample', 'empty']),
    },
  ),
  event('joined_to_peer', 'a connection is up: both handshakes are done', {
    peer: endpoint,
    direction,
    client: text,
  }),
  event('peer_left', 'a connection ended; the bytes are payload', {
    peer: endpoint,
    reason: text,
    state: peerState,
    downloaded: bytes,
    uploaded: bytes,
  }),
  event(
    'peer_failed',
    'a dial failed; or the name of a peer has no address (`net.unresolved`), for the `tries`th time in a row: reported the first time and then ever more rarely, eventually once an hour. The next attempt follows after `retrySeconds`, or never if that is missing',
    { peer: endpoint, reason: text, tries: count.exactOptional(), retrySeconds: seconds.exactOptional() },
  ),
  event('peer_resolved', 'the name in a `-peer` now resolves to these addresses, and did not before', {
    peer: endpoint,
    addresses: z.array(endpoint).readonly(),
  }),
  event('peer_refused', 'a connection was turned away before it joined', {
    peer: endpoint,
    reason: text,
  }),
  event(
    'peer_blocked',
    'an address matches the line `rule` of the blocklist: it was not dialled, or was turned away',
    {
      peer: endpoint,
      direction,
      rule: text,
    },
  ),
  event(
    'peer_banned',
    'a peer may no longer connect; `pieces` are the evidence, and if others contributed to the piece, `blocks` are the wrong ones that this peer sent',
    {
      peer: endpoint,
      reason: text,
      pieces: z.array(piece).readonly(),
      blocks: z.array(count).readonly().exactOptional(),
    },
  ),
  event('request', 'the first block of a piece was requested from this peer', { piece, peer: endpoint }),
  event('have', 'a piece is verified and written; `peer` sent most of it; we now have `done` of `pieces`', {
    piece,
    peer: endpoint,
    bytes,
    done: count,
    pieces: count,
  }),
  event('hash_fail', 'a piece failed its hash check and is fetched again; `peers` sent its blocks', {
    piece,
    peers: z.array(endpoint).readonly(),
  }),
  event('unchoke', 'a peer may download from us', { peer: endpoint, reason: text }),
  event('choke', 'a peer may no longer download from us', { peer: endpoint, reason: text }),
  event('complete', 'every piece is verified on disk, `seconds` after the start of the download', {
    path: text,
    infoHash,
    bytes,
    seconds,
  }),
  event('stats', 'every 10 s, and on SIGUSR2 and SIGHUP: payload bytes since the start, and rates', {
    downloaded: bytes,
    uploaded: bytes,
    downRate: rate,
    upRate: rate,
    peers: count,
    have: count.exactOptional(),
    pieces: count.exactOptional(),
    dhtContacts: count.exactOptional(),
    rss: bytes.exactOptional().describe('resident memory of the process'),
    heapUsed: bytes.describe('by objects, including dead ones that are not collected yet'),
    timers: count,
    handles: count.describe('sockets, threads and requests under way, as Node.js counts them'),
    uptimeSeconds: seconds,
  }),
  event(
    'dht_stats',
    'every minute, and on SIGUSR2 and SIGHUP, for each address family: what the DHT node knows, stores and did, and what it dropped, by reason',
    {
      family,
      id: infoHash.describe('node id'),
      isReady: z.boolean(),
      isReadOnly: z.boolean(),
      contacts: count,
      storedHashes: count,
      storedPeers: count,
      inFlight: count,
      sent: count,
      received: count,
      dropped: z.record(text, count).readonly(),
    },
  ),
  event(
    'disk_error',
    'writing failed; the next attempt follows after `retrySeconds`, or never if that is missing',
    { code: errorCode, message: text, retrySeconds: seconds.exactOptional() },
  ),
  event('disk_recovered', 'writing works again', { stalledSeconds: seconds }),
  event(
    'disk_doubt',
    'this many good pieces may be good no longer, for this reason: they are not served until they are verified again',
    { code: errorCode, message: text, pieces: count },
  ),
  event(
    'disk_verdict',
    'pieces in doubt were verified: `good` are served again, `bad` failed; of all `pieces`, `have` are good now. If some are still in doubt, the next look follows after `retrySeconds`',
    { good: count, bad: count, have: count, pieces: count, retrySeconds: seconds.exactOptional() },
  ),
  event(
    'tracker_announce',
    'a tracker answered; `tracker` is its URL without anything that may be a passkey, `nextSeconds` the time until the next announce',
    {
      tracker: text,
      kind: announceKind,
      family,
      peers: count,
      seeds: count.exactOptional(),
      leechers: count.exactOptional(),
      nextSeconds: seconds.exactOptional(),
      warning: text.exactOptional(),
      ms: millis,
    },
  ),
  event(
    'tracker_error',
    'an announce failed; the tracker is asked again after `retrySeconds`, or never if that is missing',
    {
      tracker: text,
      kind: z.enum([...announceKind.options, 'scrape']),
      code: errorCode,
      reason: text,
      retrySeconds: seconds.exactOptional(),
    },
  ),
  event('tracker_scrape', 'the numbers of a tracker: seeds, leechers, completed downloads', {
    tracker: text,
    seeds: count,
    leechers: count,
    downloads: count,
  }),
  event('pex', 'a peer named others; `fresh` of the `added` were new to us', {
    peer: endpoint,
    added: count,
    dropped: count,
    fresh: count,
  }),
  event('lan_peer', 'a peer on this network announced the torrent by multicast', {
    peer: endpoint,
    infoHash,
  }),
  event('lan_node', 'a DHT node on this network announced its address by multicast', { node: endpoint }),
  event('lan_failed', 'multicast does not work here; other sources carry on', {
    group: endpoint,
    reason: text,
  }),
  event('metadata', 'peers sent the info dictionary of a magnet link, and it has the right info hash', {
    infoHash,
    name: text,
    bytes,
    peers: z.array(endpoint).readonly(),
    ms: millis,
  }),
  event(
    'metadata_rejected',
    'what peers sent as the info dictionary is wrong or unusable: it is fetched again, from others',
    { peers: z.array(endpoint).readonly(), reason: text },
  ),
  event('webseed_joined', 'a web seed sent its first byte of payload', { url: text, peer: endpoint }),
  event('webseed_failed', 'a web seed failed; the next request follows after `retrySeconds`', {
    url: text,
    peer: endpoint,
    reason: text,
    retrySeconds: seconds,
  }),
  event('webseed_dropped', 'a web seed is no longer used', {
    url: text,
    peer: endpoint,
    reason: text,
    downloaded: bytes,
  }),
  ...DHT_EVENTS,
  event('error', 'why the process is about to end with an exit code other than 0', {
    code: z.enum([...errorCodes, 'unexpected']),
    family: z.enum([...ERROR_FAMILIES, 'InvariantError', 'Error']),
    message: text,
  }),
  event('log_dropped', 'the reader of this log was too slow: this many lines before this one are lost', {
    lines: count,
  }),
  event('stopping', 'the process was asked to stop, or is done', { reason: text }),
  event('exit', 'the last line', { code: z.int().min(0).max(255), uptimeSeconds: seconds }),
] as const

/** The events that the table describes; equal to {@link NodeEvent}. */
export type TableEvent = z.infer<(typeof EVENTS)[number]['schema']>

const line = { level: z.enum(['debug', 'info', 'warn', 'error']), ts: z.iso.datetime({ precision: 0 }) }

/** One line of the log, parsed: `level` and `ts` beside the event's fields. */
export const LOG_LINE = z.discriminatedUnion(
  'event',
  EVENTS.map(({ level, schema }) =>
    schema.extend({ level: z.literal(level), ts: line.ts }),
  ) as unknown as readonly [z.ZodObject<{ event: z.ZodLiteral<EventName> }>],
)
