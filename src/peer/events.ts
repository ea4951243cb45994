/** What the peer protocol reports. Names and fields are part of the public contract (docs/events.md). */

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
  /** A dial failed; there is another try after `retrySeconds`, or none when it is missing. */
  | {
      readonly event: 'peer_failed'
      readonly peer: string
      readonly reason: string
      readonly retrySeconds?: number
    }
  /** A connection was turned away before it joined. */
  | { readonly event: 'peer_refused'; readonly peer: string; readonly reason: string }
  /** A peer lost the right to connect, with the evidence. */
  | {
      readonly event: 'peer_banned'
      readonly peer: string
      readonly reason: string
      readonly pieces: readonly number[]
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

/**
 * Where a known peer stands. `not-found`: its name or address leads nowhere; `could-be-added`: known, not connected;
 * `dead`: given up or banned; `waiting`: connected, and nothing to ask it for; `choking`: we want, it does not let us;
 * `downloading`: blocks are on their way; `seeding`: we are complete and may serve it.
 */
export type PeerState =
  'not-found' | 'could-be-added' | 'connecting' | 'dead' | 'waiting' | 'choking' | 'downloading' | 'seeding'
