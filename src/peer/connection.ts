/** One connection after its handshake: every message is taken in here, and handed to the part of the connection that it is about. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { EXTENSION_HANDSHAKE_ID } from '../protocol/extension.ts'
import { encodeBitfield, type BlockRange, type WireMessage } from '../protocol/message.ts'
import type { Millis } from '../protocol/ports.ts'
import { checkRange, Conduct } from './conduct.ts'
import { Downlink } from './downlink.ts'
import { MessageStream } from './message-stream.ts'
import type { PeerObserver, PeerOptions } from './peer-observer.ts'
import { RemotePeer } from './remote-peer.ts'
import { Uplink } from './uplink.ts'

/**
 *     ByteStream ⇄ MessageStream ⇄ PeerConnection ─┬─ remote    who it is, and which pieces it has
 *                                       │          ├─ downlink  what we ask of it, and may
 *                                       ▼          └─ uplink    what it asks of us, and may
 *                                  PeerObserver
 *
 * It knows the protocol and decides nothing: whom to choke and what to request is up to the observer, its swarm.
 */
export class PeerConnection {
  readonly id: number
  readonly remote: RemotePeer
  readonly downlink: Downlink
  readonly uplink: Uplink
  readonly #stream: MessageStream
  readonly #conduct: Conduct
  readonly #observer: PeerObserver
  readonly #extensions: PeerOptions['extensions']
  #geometry: PieceGeometry | undefined
  #hasStarted = false
  // What the current chunk has brought, of which the observer is told when all of it is read.
  #hasSupply = false
  #hasRequests = false
  /** It was interested in us when the last chunk ended. */
  #wasInterested = false

  constructor(options: PeerOptions) {
    const { id, stream, clock, observer, extensions } = options
    this.id = id
    this.#observer = observer
    this.#extensions = extensions
    this.#conduct = new Conduct(clock.now())
    this.remote = new RemotePeer({
      ...options,
      endpoint: stream.remote,
      pieces: {
        onAll: () => observer.onPieces(this),
        onOne: (piece) => this.isClosed || observer.onHave(this, piece),
      },
    })
    this.#stream = new MessageStream({
      ...options,
      conduct: this.#conduct,
      onMessage: this.#onMessage,
      onChunkEnd: () => this.#onChunkEnd(),
      onEnd: (reason) => this.close(reason),
    })
    const parts = { id, clock, remote: this.remote, stream: this.#stream, conduct: this.#conduct }
    this.downlink = new Downlink(parts)
    this.uplink = new Uplink(parts)
  }

  /** `host:port` of its end of the connection, as in events. */
  get address(): string {
    return this.remote.address
  }

  /** Bytes that wait in this process for the network. */
  get queuedBytes(): number {
    return this.#stream.queuedBytes
  }

  get isClosed(): boolean {
    return this.#stream.isClosed
  }

  /** Introduces us, and reads what came with the handshake. Call once, when the observer knows the connection. */
  start(handshakeRest: Uint8Array): void {
    this.#hasStarted = true
    this.introduce()
    if (handshakeRest.length > 0) this.#stream.onData(handshakeRest)
  }

  /**
   * The metainfo is known: says what we have, and takes up what the remote has said of its pieces so far. Call once, and before
   * {@link start} if the metainfo is known by then.
   */
  onMetainfo(geometry: PieceGeometry, have: Bitfield): void {
    if (this.isClosed) return
    this.#geometry = geometry
    this.uplink.open(geometry.pieceLength)
    this.#stream.expectPieces(geometry.pieceCount)
    // BEP 3 allows a bitfield only as the first message; later, haves say the same.
    if (this.#hasStarted) this.uplink.sendHaves(have.indices())
    else if (!have.isEmpty) this.#stream.send(encodeBitfield(have.bytes))
    this.#stream.guard(() => this.remote.onMetainfo(geometry))
  }

  /** Tells who we are and which extensions we speak (BEP 10): at the start, and again when any of it has changed. */
  introduce(): void {
    if (this.#extensions === undefined) return
    const { registry, fields } = this.#extensions
    this.#stream.send(registry.encodeHandshake({ ...fields(), yourIp: this.remote.endpoint.host }))
  }

  /** @returns false when the remote does not speak that extension */
  sendExtended(extension: string, payload: Uint8Array): boolean {
    const message = this.remote.encodeExtended(extension, payload)
    if (message) this.#stream.send(message)
    return message !== undefined
  }

  /** For how long nothing has come from the remote. */
  silence(now: Millis): Millis {
    return this.#stream.silence(now)
  }

  /**
   * Sends keep-alives, and closes when the remote is gone. Call every few seconds.
   *
   * @param areWeWaiting for blocks that we have requested from it
   */
  onTick(now: Millis, areWeWaiting: boolean): void {
    const isRemote = this.uplink.isInterested && !this.uplink.isChoked
    this.#stream.onTick(now, { areWe: areWeWaiting, isRemote })
  }

  /** @param reason for `peer_left`: an error code, or plain words */
  close(reason: string): void {
    if (this.isClosed) return
    // Before the stream, which gives back the blocks that it drops: the uploader goes on with whatever is asked for then.
    this.uplink.close()
    this.#stream.close()
    this.#observer.onClosed(this, reason)
  }

  /** The decoder calls it for each message, without anything in between. */
  readonly #onMessage = (message: WireMessage): void => {
    this.#conduct.onMessage(message.type)
    switch (message.type) {
      case 'piece':
        return this.#onPiece(message.piece, message.begin, message.block)
      case 'request':
        return this.#onRequest(message)
      case 'have':
        this.#hasSupply = true
        if (this.remote.onHave(message.piece)) this.#conduct.onExchanged(1)
        return
      case 'cancel':
        return this.uplink.onCancel(message)
      case 'choke':
        if (this.downlink.onChoke()) this.#observer.onChoke(this)
        return
      case 'unchoke':
        if (this.downlink.onUnchoke()) this.#observer.onUnchoke(this)
        return
      case 'interested':
      case 'notInterested':
        return this.uplink.onInterest(message.type === 'interested')
      case 'bitfield':
        this.#hasSupply = true
        return this.remote.onBitfield(message.bytes)
      case 'extended':
        return this.#onExtended(message.id, message.payload)
    }
  }

  #onPiece(piece: number, begin: number, block: Uint8Array): void {
    // Nothing can have been asked for yet.
    if (this.#geometry === undefined) return this.downlink.strike()
    const range = { piece, begin, length: block.length }
    checkRange(this.#geometry, range, 'a block')
    this.#hasSupply = true
    this.downlink.onBlocks(range)
    this.#observer.onBlocks(this, range, block)
  }

  #onRequest(range: BlockRange): void {
    // We have shown nothing yet.
    if (this.#geometry === undefined) return
    checkRange(this.#geometry, range, 'a request')
    if (!this.uplink.onRequest(range)) return
    this.#hasRequests = true
    this.#observer.onRequest(this, range.piece)
  }

  #onExtended(id: number, payload: Uint8Array): void {
    if (this.#extensions === undefined) return
    if (id !== EXTENSION_HANDSHAKE_ID) return void this.#extensions.registry.dispatch(id, this, payload)
    this.#conduct.onExtensionHandshake()
    const fields = this.remote.onExtensionHandshake(payload)
    this.downlink.onLimits(fields.requestQueue, fields.longestBlock)
    this.#observer.onExtensions(this, fields)
  }

  /** What came together is answered together; interest that came and went is none. The observer may close us at each word. */
  #onChunkEnd(): void {
    const { isInterested } = this.uplink
    if (isInterested !== this.#wasInterested) this.#observer.onInterest(this)
    this.#wasInterested = isInterested
    if (this.#hasSupply && !this.isClosed) this.#observer.onSupplyEnd(this)
    if (this.#hasRequests && !this.isClosed) this.#observer.onRequestsEnd(this)
    this.#hasSupply = this.#hasRequests = false
  }
}
