/** What a torrent reports about one peer on request: plain values. */
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerState } from '../peer/events.ts'
import type { Millis } from '../protocol/ports.ts'
import type { Direction } from './connector.ts'
import type { Downloader } from './downloader.ts'

export interface PeerSnapshot {
  readonly peer: string
  readonly state: PeerState
  readonly direction?: Direction
  readonly client?: string
  /** Pieces that it has. */
  readonly have?: number
  /** Payload bytes, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly downRate: number
  readonly upRate: number
  /** Blocks requested from it that have not come yet. */
  readonly inFlight: number
}

/** @param downloader undefined until the metainfo is known */
export function describePeer(
  peer: PeerConnection,
  downloader: Downloader | undefined,
  now: Millis,
): PeerSnapshot {
  return {
    peer: peer.address,
    state: stateOf(peer, downloader),
    direction: peer.direction,
    client: peer.client,
    have: peer.pieces?.count ?? 0,
    downloaded: peer.downRate.total,
    uploaded: peer.upRate.total,
    downRate: peer.downRate.rate(now),
    upRate: peer.upRate.rate(now),
    inFlight: downloader?.inFlight(peer) ?? 0,
  }
}

/** What goes on between us and a connected peer. */
export function stateOf(peer: PeerConnection, downloader: Downloader | undefined): PeerState {
  if (downloader?.picker.isComplete) return 'seeding'
  if (!peer.isWanted) return 'waiting'
  if (peer.isChokingUs) return 'choking'
  return (downloader?.inFlight(peer) ?? 0) > 0 ? 'downloading' : 'waiting'
}
