/** What the peer protocol reports. Names and fields are part of the public contract (docs/events.md). */
import type { ErrorCode } from '../protocol/errors.ts'

export type PeerEvent =
  /** Both handshakes are done. */
  | {
      readonly event: 'joined_to_peer'
      readonly peer: string
      readonly direction: 'in' | 'out'
      readonly client: string
    }
  /** A connection ended; bytes are payload. */
  | {
      readonly event: 'peer_left'
      readonly peer: string
      readonly reason: string
      readonly state: PeerState
      readonly downloaded: number
      readonly uploaded: number
    }
  /** A dial failed, or the name of a peer has no address; there is another try after `retrySeconds`, or none when it is missing. */
  | {
      readonly event: 'peer_failed'
      readonly peer: string
      readonly reason: string
      readonly tries?: number
      readonly retrySeconds?: number
    }
  /** The name of a peer that the user named stands for these addresses now, and did not before. */
  | {
      readonly event: 'peer_resolved'
      readonly peer: string
      readonly addresses: readonly string[]
    }
  /** The address is on the blocklist, in the line `rule`: a candidate that is not dialled, or a caller that is turned away. */
  | {
      readonly event: 'peer_blocked'
      readonly peer: string
      readonly direction: 'in' | 'out'
      readonly rule: string
    }
  /** A connection was turned away before it joined. */
  | { readonly event: 'peer_refused'; readonly peer: string; readonly reason: string }
  /** A peer lost the right to connect, with the evidence: pieces, and which blocks of the one when others sent blocks of it, too. */
  | {
      readonly event: 'peer_banned'
      readonly peer: string
      readonly reason: string
      readonly pieces: readonly number[]
      readonly blocks?: readonly number[]
    }
  /** The first block of a piece was asked of this peer. */
  | { readonly event: 'request'; readonly piece: number; readonly peer: string }
  /** A piece is verified and written. `peer` sent it (the one that sent most of it). */
  | {
      readonly event: 'have'
      readonly piece: number
      readonly peer: string
      readonly bytes: number
      readonly done: number
      readonly pieces: number
    }
  /** A piece did not hash to its digest; `peers` sent its blocks. */
  | { readonly event: 'hash_fail'; readonly piece: number; readonly peers: readonly string[] }
  /** We let a peer download, or no longer. */
  | { readonly event: 'unchoke'; readonly peer: string; readonly reason: string }
  | { readonly event: 'choke'; readonly peer: string; readonly reason: string }
  /** A tracker answered an announce. `tracker` is its URL without what may be a passkey; `nextSeconds` until the next one. */
  | {
      readonly event: 'tracker_announce'
      readonly tracker: string
      readonly kind: 'started' | 'periodic' | 'completed' | 'stopped'
      readonly family: 4 | 6
      readonly peers: number
      readonly seeds?: number
      readonly leechers?: number
      readonly nextSeconds?: number
      readonly warning?: string
      readonly ms: number
    }
  /** An announce failed; the tracker is asked again after `retrySeconds`, or not when it is missing. */
  | {
      readonly event: 'tracker_error'
      readonly tracker: string
      readonly kind: 'started' | 'periodic' | 'completed' | 'stopped' | 'scrape'
      readonly code: ErrorCode
      readonly reason: string
      readonly retrySeconds?: number
    }
  /** What a tracker counts. */
  | {
      readonly event: 'tracker_scrape'
      readonly tracker: string
      readonly seeds: number
      readonly leechers: number
      readonly downloads: number
    }
  /** A peer told of others; `fresh` of the `added` were not known. */
  | {
      readonly event: 'pex'
      readonly peer: string
      readonly added: number
      readonly dropped: number
      readonly fresh: number
    }
  /** Somebody on this network said by multicast that it has the torrent. */
  | { readonly event: 'lan_peer'; readonly peer: string; readonly infoHash: string }
  /** A DHT node on this network said by multicast where it is. */
  | { readonly event: 'lan_node'; readonly node: string }
  /** Multicast does not work here; other sources go on. */
  | { readonly event: 'lan_failed'; readonly group: string; readonly reason: string }
  /** Peers sent the info dictionary, and it has the info hash. */
  | {
      readonly event: 'metadata'
      readonly infoHash: string
      readonly name: string
      readonly bytes: number
      readonly peers: readonly string[]
      readonly ms: number
    }
  /** What peers sent as the info dictionary is not it, or cannot be used: fetched anew from others. */
  | { readonly event: 'metadata_rejected'; readonly peers: readonly string[]; readonly reason: string }
  /** A web seed sent its first byte of payload. */
  | { readonly event: 'webseed_joined'; readonly url: string; readonly peer: string }
  /** A web seed failed; the next request follows after `retrySeconds`. */
  | {
      readonly event: 'webseed_failed'
      readonly url: string
      readonly peer: string
      readonly reason: string
      readonly retrySeconds: number
    }
  /** A web seed is not used any more. */
  | {
      readonly event: 'webseed_dropped'
      readonly url: string
      readonly peer: string
      readonly reason: string
      readonly downloaded: number
    }

/**
 * Where a known peer stands. `not-found`: no way leads to its address; `could-be-added`: known, not connected;
 * `dead`: given up or banned; `waiting`: connected, and nothing to ask it for; `choking`: we want, it does not let us;
 * `downloading`: blocks are on their way; `seeding`: we are complete and may serve it.
 */
export type PeerState =
  'not-found' | 'could-be-added' | 'connecting' | 'dead' | 'waiting' | 'choking' | 'downloading' | 'seeding'
