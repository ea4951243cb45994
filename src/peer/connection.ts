/** One remote after the handshake: what it may do, what we may do, and every message between the two (BEP 3). */
import { BLOCK_LENGTH, type PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { WireDecoder } from '../protocol/decoder.ts'
import { formatEndpoint, type Endpoint } from '../protocol/endpoint.ts'
import { ProtocolError, type TransportError } from '../protocol/errors.ts'
import { EXTENSION_HANDSHAKE_ID, RemoteExtensions } from '../protocol/extension.ts'
import type { PeerId } from '../protocol/ids.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeHaves,
  encodeInterested,
  encodeKeepAlive,
  encodeNotInterested,
  encodePieceHeader,
  encodeRequests,
  encodeUnchoke,
  type BlockRange,
  type WireMessage,
} from '../protocol/message.ts'
import type { ByteStream, Clock, Millis, StreamHandler } from '../protocol/ports.ts'
import type { PeerObserver, PeerOptions } from './peer-observer.ts'
import { RateMeter } from './rate-meter.ts'
import { ReadingGate, type Hold } from './reading-gate.ts'
import { RemotePieces } from './remote-pieces.ts'
import { RequestWindow } from './request-window.ts'
import type { BlockSource } from './source-queue.ts'
import { UploadQueue } from './upload-queue.ts'

/** A remote that sends nothing for so long is gone (BEP 3 asks for a keep-alive every two minutes). */
export const IDLE_TIMEOUT_MS: Millis = 180_000
/** We say something at least this often. */
export const KEEP_ALIVE_MS: Millis = 100_000
/** Bytes that a remote may ask for in one request. Everybody asks for 16 KiB; some old clients for more. */
export const MAX_REQUEST_LENGTH = 131_072
/** Blocks that nobody asked for, beyond those that crossed a cancel or choke, before a remote is closed. */
export const MAX_UNREQUESTED_BLOCKS = 64

export class PeerConnection implements BlockSource, StreamHandler {
  readonly id: number
  readonly direction: 'in' | 'out'
  readonly peerId: PeerId
  readonly remote: Endpoint
  /** {@link remote} as text, for events. */
  readonly address: string
  readonly window: RequestWindow = new RequestWindow()
  /** Payload bytes. */
  readonly downRate: RateMeter = new RateMeter()
  readonly upRate: RateMeter = new RateMeter()
  readonly connectedAt: Millis
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #observer: PeerObserver
  readonly #extensions: PeerOptions['extensions']
  readonly #remoteExtensions = new RemoteExtensions()
  readonly #gate: ReadingGate
  readonly #decoder = new WireDecoder()
  readonly #pieces: RemotePieces = new RemotePieces({
    onAll: () => this.#observer.onPieces(this),
    onOne: (piece) => this.#observer.onHave(this, piece),
  })
  readonly #clientByPeerId: string
  #geometry: PieceGeometry | undefined
  #uploads: UploadQueue | undefined
  #isChokingUs = true
  #isInterestedInUs = false
  #isChoked = true
  #isWanted = false
  #hasStarted = false
  #unrequestedBlocks = 0
  #lastReceivedAt: Millis
  #lastSentAt: Millis
  #isClosed = false
  #hasBlocks = false
  #hasRequests = false

  constructor(options: PeerOptions) {
    this.id = options.id
    this.direction = options.direction
    this.peerId = options.peerId
    this.remote = options.stream.remote
    this.address = formatEndpoint(this.remote)
    this.#clientByPeerId = options.client
    this.#stream = options.stream
    this.#clock = options.clock
    this.#observer = options.observer
    this.#extensions = options.extensions
    this.#gate = new ReadingGate(options.stream, options.download)
    this.connectedAt = this.#lastReceivedAt = this.#lastSentAt = this.#clock.now()
    options.stream.handler = this
  }

  // What is known of the remote.

  get client(): string {
    return this.#remoteExtensions.fields.client ?? this.#clientByPeerId
  }

  /** Where it accepts connections, when it told us (BEP 10 `p`), or when we dialled it. */
  get listenEndpoint(): Endpoint | undefined {
    if (this.direction === 'out') return this.remote
    const { port } = this.#remoteExtensions.fields
    return port === undefined ? undefined : { host: this.remote.host, port }
  }

  /** Bytes of the info dictionary, as it says (BEP 9). */
  get metadataSize(): number | undefined {
    return this.#remoteExtensions.fields.metadataSize
  }

  /** It wants nothing, by its bitfield or its word (BEP 21). */
  get isUploadOnly(): boolean {
    return this.isSeed || this.#remoteExtensions.fields.isUploadOnly === true
  }

  /** Whether it takes messages of the extension. */
  speaks(extension: string): boolean {
    return this.#remoteExtensions.has(extension)
  }

  /** Undefined until the metainfo is known. */
  get pieces(): Bitfield | undefined {
    return this.#pieces.field
  }

  has(piece: number): boolean {
    return this.#pieces.field?.has(piece) ?? false
  }

  get isSeed(): boolean {
    return this.#pieces.field?.isFull ?? false
  }

  get isChokingUs(): boolean {
    return this.#isChokingUs
  }

  get isInterestedInUs(): boolean {
    return this.#isInterestedInUs
  }

  /** We do not let it download. */
  get isChoked(): boolean {
    return this.#isChoked
  }

  /** We told it that we want pieces of it. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  /** Its requests that wait to be served; undefined until the metainfo is known. */
  get uploads(): UploadQueue | undefined {
    return this.#uploads
  }

  /** Bytes that wait in this process for the network. */
  get queuedBytes(): number {
    return this.#stream.queuedBytes
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  // Commands.

  /** Says hello and reads what came with the handshake. Call once, after the observer knows the connection. */
  start(handshakeRest: Uint8Array): void {
    this.#hasStarted = true
    this.introduce()
    if (handshakeRest.length > 0) this.onData(handshakeRest)
  }

  /**
   * The metainfo is known: what the remote said before is held against it. Call once; before {@link start} when it is
   * known by then.
   *
   * @param have our own pieces
   */
  onMetainfo(geometry: PieceGeometry, have: Bitfield): void {
    if (this.#isClosed) return
    this.#geometry = geometry
    this.#uploads = new UploadQueue(geometry.pieceLength)
    this.#decoder.expectPieces(geometry.pieceCount)
    // BEP 3 allows a bitfield only as the first message; a message of haves is its equal.
    if (this.#hasStarted) this.sendHaves(have.indices())
    else if (!have.isEmpty) this.#send(encodeBitfield(have.bytes))
    this.#guard(() => this.#pieces.onMetainfo(geometry))
  }

  /** Says what we are and speak (BEP 10): at the start, and again when that has changed. */
  introduce(): void {
    const { registry, fields } = this.#extensions ?? {}
    if (registry) this.#send(registry.encodeHandshake({ ...fields?.(), yourIp: this.remote.host }))
  }

  /** @returns false when the remote does not speak that extension */
  sendExtended(name: string, payload: Uint8Array): boolean {
    const message = this.#remoteExtensions.encode(name, payload)
    if (message) this.#send(message)
    return message !== undefined
  }

  sendHaves(pieces: readonly number[]): void {
    if (pieces.length > 0) this.#send(encodeHaves(pieces))
  }

  setWanted(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return
    this.#isWanted = isWanted
    this.#send(isWanted ? encodeInterested() : encodeNotInterested())
  }

  unchoke(): void {
    if (!this.#isChoked) return
    this.#isChoked = false
    this.#send(encodeUnchoke())
  }

  /** What it asked for and did not get is forgotten (BEP 3). */
  choke(): void {
    if (this.#isChoked) return
    this.#isChoked = true
    this.#uploads?.clear()
    this.#send(encodeChoke())
  }

  /** All in one write. */
  request(runs: readonly BlockRange[]): void {
    this.window.onRequested(runs[0]!, this.#clock.now())
    this.#send(encodeRequests(runs, BLOCK_LENGTH))
  }

  cancel(ranges: readonly BlockRange[]): void {
    this.window.onCancelled(ranges)
    this.#send(encodeCancels(ranges))
  }

  /**
   * @param bytes all blocks of the run, one after the other
   * @param release called once, when `bytes` are no longer needed
   */
  sendBlocks(run: readonly BlockRange[], bytes: Uint8Array, release: () => void): void {
    this.upRate.add(bytes.length, this.#clock.now())
    let end = 0
    for (const { piece, begin, length } of run) {
      this.#send(encodePieceHeader(piece, begin, length))
      const block = bytes.subarray(end, (end += length))
      this.#stream.write(block, end === bytes.length ? release : undefined)
    }
  }

  /** A block came that nobody asked for. Some cross a cancel; many are an attack or a broken client. */
  strike(): void {
    if (++this.#unrequestedBlocks > MAX_UNREQUESTED_BLOCKS) this.close('wire.unrequested')
  }

  /** Stops and restarts reading; what is in flight then waits in the network. */
  hold(why: Hold): void {
    this.#gate.hold(why)
  }

  unhold(why: Hold): void {
    this.#gate.unhold(why)
  }

  /** Keep-alives and the idle timeout. Call every few seconds. */
  onTick(now: Millis): void {
    if (this.#isClosed) return
    // Reading is held up by us: the silence is ours.
    if (this.#gate.isHeld) this.#lastReceivedAt = now
    if (now - this.#lastReceivedAt > IDLE_TIMEOUT_MS) this.close('idle')
    else if (now - this.#lastSentAt > KEEP_ALIVE_MS) this.#send(encodeKeepAlive())
  }

  /** @param reason for `peer_left`: an error code, or plain words */
  close(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#decoder.stop()
    this.#gate.close()
    this.#uploads?.clear()
    this.#stream.destroy()
    this.#observer.onClosed(this, reason)
  }

  // The stream.

  onData(chunk: Uint8Array): void {
    if (this.#isClosed) return
    this.#lastReceivedAt = this.#clock.now()
    this.#guard(() => this.#decoder.push(chunk, this.#onMessage))
    if (this.#isClosed) return
    if (this.#hasBlocks) this.#observer.onBlocksEnd(this)
    if (this.#hasRequests) this.#observer.onRequestsEnd(this)
    this.#hasBlocks = this.#hasRequests = false
    this.#gate.onReceived(chunk.length)
  }

  onDrain(): void {}

  onClose(error?: TransportError): void {
    this.close(error?.code ?? 'closed by the peer')
  }

  // Inside.

  /** The one place where what a remote did wrong is caught. */
  #guard(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.close(error.code)
    }
  }

  readonly #onMessage = (message: WireMessage): void => {
    switch (message.type) {
      case 'piece':
        return this.#onPiece(message.piece, message.begin, message.block)
      case 'request':
        return this.#onRequest(message)
      case 'have':
        return this.#pieces.onHave(message.piece)
      case 'cancel':
        this.#uploads?.cancel(message.piece, message.begin, message.length)
        return
      case 'choke':
        if (this.#isChokingUs) return
        this.#isChokingUs = true
        this.window.onReleased()
        return this.#observer.onChoke(this)
      case 'unchoke':
        if (!this.#isChokingUs) return
        this.#isChokingUs = false
        this.window.onResumed(this.#clock.now())
        return this.#observer.onUnchoke(this)
      case 'interested':
      case 'notInterested': {
        const isInterested = message.type === 'interested'
        if (isInterested === this.#isInterestedInUs) return
        this.#isInterestedInUs = isInterested
        return this.#observer.onInterest(this)
      }
      case 'bitfield':
        return this.#pieces.onBitfield(message.bytes)
      case 'extended':
        return this.#onExtended(message.id, message.payload)
    }
  }

  #onPiece(piece: number, begin: number, block: Uint8Array): void {
    if (this.#geometry === undefined) return this.strike()
    if (!this.#geometry.isRange(piece, begin, block.length))
      throw new ProtocolError('wire.bad-piece', `a block outside the pieces: ${piece}, ${begin}`)
    const now = this.#clock.now()
    const range = { piece, begin, length: block.length }
    this.#hasBlocks = true
    this.downRate.add(block.length, now)
    this.window.onBlock(range, now)
    this.#observer.onBlock(this, range, block)
  }

  #onRequest(range: BlockRange): void {
    if (this.#geometry === undefined) return
    if (range.length > MAX_REQUEST_LENGTH || !this.#geometry.isRange(range.piece, range.begin, range.length))
      throw new ProtocolError('wire.bad-piece', `asked outside the pieces: ${range.piece}, ${range.begin}`)
    // It may not have heard of the choke yet.
    if (this.#isChoked) return
    if (!this.#uploads!.push(range)) return
    this.#hasRequests = true
    this.#observer.onRequest(this, range.piece)
  }

  #onExtended(id: number, payload: Uint8Array): void {
    if (this.#extensions === undefined) return
    if (id !== EXTENSION_HANDSHAKE_ID) {
      this.#extensions.registry.dispatch(id, this, payload)
      return
    }
    this.#remoteExtensions.onHandshake(payload)
    const { requestQueue } = this.#remoteExtensions.fields
    if (requestQueue !== undefined) this.window.queueLimit = requestQueue
    this.#observer.onExtensions(this, this.#remoteExtensions.fields)
  }

  #send(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#lastSentAt = this.#clock.now()
    this.#stream.write(bytes)
  }
}
