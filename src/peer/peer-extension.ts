/** One extension of the peer protocol (BEP 10) on all connections of a torrent. */
import type { Millis } from '../protocol/ports.ts'
import type { PeerConnection } from './connection.ts'

/**
 * Told of what happens on connections; each call may send or close. `Peer` is as much of a connection as the extension
 * needs, so that its tests can do without one.
 */
export interface PeerExtension<Peer = PeerConnection> {
  /** As in the extension handshake: `ut_metadata`. */
  readonly name: string
  /** The peer said which extensions it speaks: comes first, and again whenever that changes. */
  onHandshake(peer: Peer): void
  /** `payload` is valid only during the call. A `ProtocolError` thrown here closes the connection. */
  onMessage(peer: Peer, payload: Uint8Array): void
  onClosed(peer: Peer): void
  /** Every two seconds. */
  round(now: Millis): void
}
