/** All events and their log levels. Their meanings and fields are in the table, `events.ts`. */
import type { DhtEvent } from '../dht/events.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { StorageEvent } from '../storage/events.ts'
import type { AppEvent } from './node-event.ts'

export type NodeEvent = AppEvent | PeerEvent | DhtEvent | StorageEvent
export type EventName = NodeEvent['event']

/** As pino names them; `silent` writes nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The levels that events have. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error'

/** Forgetting an event is a compile error here. */
export const LEVEL: Readonly<Record<EventName, EventLevel>> = {
  start: 'info',
  listen: 'info',
  metainfo_written: 'info',
  resume: 'info',
  joined_to_peer: 'info',
  peer_left: 'info',
  peer_failed: 'info',
  peer_resolved: 'info',
  peer_refused: 'debug',
  peer_blocked: 'info',
  peer_banned: 'warn',
  request: 'info',
  have: 'info',
  hash_fail: 'warn',
  unchoke: 'debug',
  choke: 'debug',
  complete: 'info',
  stats: 'info',
  dht_stats: 'info',
  disk_error: 'warn',
  disk_recovered: 'info',
  disk_doubt: 'warn',
  disk_verdict: 'info',
  tracker_announce: 'info',
  tracker_error: 'warn',
  tracker_scrape: 'info',
  pex: 'info',
  lan_peer: 'info',
  lan_node: 'info',
  lan_failed: 'warn',
  metadata: 'info',
  metadata_rejected: 'warn',
  webseed_joined: 'info',
  webseed_failed: 'warn',
  webseed_dropped: 'warn',
  dht_address: 'info',
  dht_bootstrap: 'info',
  dht_bootstrap_failed: 'warn',
  dht_role: 'info',
  dht_offline: 'warn',
  dht_recovered: 'info',
  dht_table_loaded: 'info',
  dht_table_saved: 'info',
  dht_table_failed: 'warn',
  dht_lookup: 'info',
  dht_announced: 'info',
  dht_ping: 'debug',
  dht_pong: 'debug',
  dht_announce: 'debug',
  dht_findPeers: 'debug',
  dht_peers: 'debug',
  dht_clock: 'warn',
  dht_timeout: 'debug',
  dht_contact: 'debug',
  error: 'error',
  log_dropped: 'warn',
  stopping: 'info',
  exit: 'info',
}
