/** What a connection needs of its swarm, and tells it. */
import type { ExtensionFields, ExtensionRegistry } from '../protocol/extension.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Bandwidth, ByteStream, Clock } from '../protocol/ports.ts'
import type { PeerConnection } from './connection.ts'
import type { Direction } from './remote-peer.ts'

/** What a connection tells its swarm, synchronously. Each call may close the connection. */
export interface PeerObserver {
  /** It has said which pieces it has. Comes once at most, before any `onHave`. */
  onPieces(peer: PeerConnection): void
  onHave(peer: PeerConnection, piece: number): void
  /** It no longer lets us download: what we have requested will not come. */
  onChoke(peer: PeerConnection): void
  /** It lets us download. */
  onUnchoke(peer: PeerConnection): void
  /** It wants to download from us, or no longer. */
  onInterest(peer: PeerConnection): void
  /**
   * A block came, or several of 16 KiB side by side, the last of which may be short. `bytes` is valid only during the call. The range
   * lies inside a piece; whether it was requested is not checked yet.
   */
  onBlocks(peer: PeerConnection, range: BlockRange, bytes: Uint8Array): void
  /** All blocks and haves that came together have been told: the time to request more. */
  onSupplyEnd(peer: PeerConnection): void
  /** It sent an extension handshake (BEP 10): the first one, or one that changes what it said before. */
  onExtensions(peer: PeerConnection, fields: ExtensionFields): void
  /** It asked for a block of `piece`. */
  onRequest(peer: PeerConnection, piece: number): void
  /** All requests that came together are in its upload queue: the time to serve it. */
  onRequestsEnd(peer: PeerConnection): void
  onClosed(peer: PeerConnection, reason: string): void
}

/** What a connection is made of. */
export interface PeerOptions {
  /** Unique in the session, never used again. */
  readonly id: number
  readonly stream: ByteStream
  readonly direction: Direction
  readonly peerId: PeerId
  /** The client's name as its peer id gives it; the extension handshake may give a better one. */
  readonly client: string
  readonly clock: Clock
  readonly observer: PeerObserver
  /** What we offer of BEP 10 and say of ourselves; absent when the remote does not speak it. */
  readonly extensions?: {
    readonly registry: ExtensionRegistry<PeerConnection>
    /** Asked again whenever they are told. */
    readonly fields: () => ExtensionFields
  }
  /** What may be received, by all connections that share this budget. */
  readonly download: Bandwidth
}
