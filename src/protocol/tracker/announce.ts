/** A tracker's requests and answers, whichever protocol it speaks (BEP 3, BEP 15). */
import type { Endpoint } from '../endpoint.ts'
import type { InfoHash, PeerId } from '../ids.ts'

/** Peers accepted from one answer. */
export const MAX_TRACKER_PEERS = 1_000
/** Seconds between announces: what a tracker says is clamped to these bounds. */
export const MIN_ANNOUNCE_INTERVAL = 60
export const MAX_ANNOUNCE_INTERVAL = 86_400
/** Characters of a tracker's own words. */
export const MAX_TRACKER_TEXT_LENGTH = 200

/** `periodic` is an announce without an event. */
export type AnnounceKind = 'started' | 'periodic' | 'completed' | 'stopped'

export interface Announce {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly kind: AnnounceKind
  /** TCP port that we accept connections on; 0 when we do not. */
  readonly port: number
  /** Payload bytes since `started`. */
  readonly uploaded: number
  readonly downloaded: number
  /** Payload bytes that are missing. */
  readonly left: number
  /** Peers wanted. */
  readonly numWant: number
  /** The same in all announces of a torrent, so that the tracker knows us by it when our address changes. */
  readonly key: number
}

export interface AnnounceAnswer {
  /** Ports are above 0. */
  readonly peers: readonly Endpoint[]
  /** Seconds until the next announce. */
  readonly interval: number
  /** Seconds before which another announce is not welcome. */
  readonly minInterval?: number
  readonly seeds?: number
  readonly leechers?: number
  readonly warning?: string
  /** To be sent back in every later announce. */
  readonly trackerId?: Uint8Array
}

export interface ScrapeAnswer {
  readonly seeds: number
  readonly leechers: number
  readonly downloads: number
}

export function clampInterval(seconds: number): number {
  return Math.min(MAX_ANNOUNCE_INTERVAL, Math.max(MIN_ANNOUNCE_INTERVAL, seconds))
}
