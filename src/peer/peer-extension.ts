/** One extension of the peer protocol (BEP 10) on all connections of a torrent. */
import type { Millis } from '../protocol/ports.ts'
import type { PeerConnection } from './connection.ts'

/**
 * It is told what happens on connections, and may send something or close one in each call.
 *
 * @typeParam Peer as much of a connection as the extension needs, so that its tests need no more
 */
export interface PeerExtension<Peer = PeerConnection> {
  /** As in the extension handshake: `ut_metadata`. */
  readonly name: string
  /** The peer sent an extension handshake: comes before anything else, and again whenever it sends another. */
  onHandshake(peer: Peer): void
  /** `payload` is valid only during the call. A `ProtocolError` thrown here closes the connection. */
  onMessage(peer: Peer, payload: Uint8Array): void
  onClosed(peer: Peer): void
  /** Every two seconds. */
  round(now: Millis): void
}
