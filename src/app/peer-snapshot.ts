/** What a torrent reports about one peer on request: plain values. */
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerState } from '../peer/events.ts'
import type { Direction } from '../peer/remote-peer.ts'
import type { Millis } from '../protocol/ports.ts'
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
    direction: peer.remote.direction,
    client: peer.remote.client,
    have: peer.remote.pieces?.count ?? 0,
    downloaded: peer.downlink.received.total,
    uploaded: peer.uplink.sent.total,
    downRate: peer.downlink.received.rate(now),
    upRate: peer.uplink.sent.rate(now),
    inFlight: downloader?.inFlight(peer.downlink) ?? 0,
  }
}

/** What goes on between us and a connected peer. */
export function stateOf(peer: PeerConnection, downloader: Downloader | undefined): PeerState {
  if (downloader?.picker.isComplete) return 'seeding'
  if (!peer.downlink.isWanted) return 'waiting'
  if (peer.downlink.isChokingUs) return 'choking'
  return (downloader?.inFlight(peer.downlink) ?? 0) > 0 ? 'downloading' : 'waiting'
}
