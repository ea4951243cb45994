/** One remote after the handshake: what it may do, what we may do, and every message between the two (BEP 3). */
import { blocksIn, type PieceGeometry } from '../metainfo/geometry.ts'
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
import { checkRange, Conduct } from './conduct.ts'
import { Liveness } from './liveness.ts'
import type { PeerObserver, PeerOptions } from './peer-observer.ts'
import { RateMeter } from './rate-meter.ts'
import { ReadingGate, type Hold } from './reading-gate.ts'
import { RemotePieces } from './remote-pieces.ts'
import { RequestWindow } from './request-window.ts'
import type { BlockSource } from './source-queue.ts'
import { UploadQueue } from './upload-queue.ts'

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
  readonly #liveness: Liveness
  readonly #conduct: Conduct
  readonly #pieces: RemotePieces = new RemotePieces({
    onAll: () => this.#observer.onPieces(this),
    onOne: (piece) => this.#isClosed || this.#observer.onHave(this, piece),
  })
  readonly #clientByPeerId: string
  #geometry: PieceGeometry | undefined
  #uploads: UploadQueue | undefined
  #isChokingUs = true
  #isInterestedInUs = false
  #isChoked = true
  #isWanted = false
  #hasStarted = false
  #isClosed = false
  #hasSupply = false
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
    this.connectedAt = this.#clock.now()
    this.#liveness = new Liveness(this.connectedAt)
    this.#conduct = new Conduct(this.connectedAt)
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
    return this.pieces?.has(piece) ?? false
  }

  get isSeed(): boolean {
    return this.pieces?.isFull ?? false
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

  get isHeld(): boolean {
    return this.#gate.isHeld
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
   * The metainfo is known: what the remote said before is held against it, and it is told what we have. Call once; before
   * {@link start} when it is known by then.
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
    if (pieces.length === 0) return
    this.#conduct.onExchanged(pieces.length)
    this.#send(encodeHaves(pieces))
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
    this.#send(encodeRequests(runs, this.window.requestLength))
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
    const now = this.#clock.now()
    this.upRate.add(bytes.length, now)
    this.#conduct.onExchanged(run.length)
    this.#liveness.onSent(bytes.length, now)
    let end = 0
    for (const { piece, begin, length } of run) {
      this.#send(encodePieceHeader(piece, begin, length))
      const block = bytes.subarray(end, (end += length))
      this.#stream.write(block, end === bytes.length ? release : undefined)
    }
  }

  /** A block came that nobody asked for. */
  strike(): void {
    this.#guard(() => this.#conduct.onUnrequestedBlock())
  }

  /** Stops and restarts reading; what is in flight then waits in the network. */
  hold(why: Hold): void {
    this.#gate.hold(why)
  }

  unhold(why: Hold): void {
    this.#gate.unhold(why)
  }

  /** Keep-alives and timeouts. Call every few seconds. */
  onTick(now: Millis): void {
    if (this.#isClosed) return
    // Reading is held up by us: the silence is ours.
    if (this.#gate.isHeld) this.#liveness.onReceived(now)
    const fault = this.#liveness.faultOf(this.#stream.queuedBytes, now)
    if (fault !== undefined) this.close(fault)
    else if (this.#liveness.isKeepAliveDue(now)) this.#send(encodeKeepAlive())
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
    const now = this.#clock.now()
    this.#liveness.onReceived(now)
    this.#conduct.fill(now)
    const wasInterestedInUs = this.#isInterestedInUs
    this.#guard(() => this.#decoder.push(chunk, this.#onMessage))
    if (this.#isClosed) return
    if (this.#isInterestedInUs !== wasInterestedInUs) this.#observer.onInterest(this)
    if (this.#hasSupply && !this.#isClosed) this.#observer.onSupplyEnd(this)
    if (this.#hasRequests && !this.#isClosed) this.#observer.onRequestsEnd(this)
    this.#hasSupply = this.#hasRequests = false
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
    this.#conduct.onMessage(message.type)
    switch (message.type) {
      case 'piece':
        return this.#onPiece(message.piece, message.begin, message.block)
      case 'request':
        return this.#onRequest(message)
      case 'have':
        this.#hasSupply = true
        if (this.#pieces.onHave(message.piece)) this.#conduct.onExchanged(1)
        return
      case 'cancel':
        return void this.#uploads?.cancel(message.piece, message.begin, message.length)
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
      case 'notInterested':
        this.#isInterestedInUs = message.type === 'interested' // told when all that came with it is read
        return
      case 'bitfield':
        this.#hasSupply = true
        return this.#pieces.onBitfield(message.bytes)
      case 'extended':
        return this.#onExtended(message.id, message.payload)
    }
  }

  #onPiece(piece: number, begin: number, block: Uint8Array): void {
    if (this.#geometry === undefined) return this.strike()
    const range = { piece, begin, length: block.length }
    checkRange(this.#geometry, range, 'a block')
    const now = this.#clock.now()
    this.#hasSupply = true
    this.downRate.add(block.length, now)
    this.#conduct.onExchanged(blocksIn(block.length))
    this.window.onBlock(range, now)
    this.#observer.onBlocks(this, range, block)
  }

  #onRequest(range: BlockRange): void {
    if (this.#geometry === undefined) return
    checkRange(this.#geometry, range, 'a request')
    // It may not have heard of the choke yet.
    if (this.#isChoked) return
    if (!this.#uploads!.push(range)) return
    this.#hasRequests = true
    this.#observer.onRequest(this, range.piece)
  }

  #onExtended(id: number, payload: Uint8Array): void {
    if (this.#extensions === undefined) return
    if (id !== EXTENSION_HANDSHAKE_ID) return void this.#extensions.registry.dispatch(id, this, payload)
    this.#conduct.onExtensionHandshake()
    this.#remoteExtensions.onHandshake(payload)
    const { fields } = this.#remoteExtensions
    if (fields.requestQueue !== undefined) this.window.queueLimit = fields.requestQueue
    if (fields.longestBlock !== undefined) this.window.longestRequest = fields.longestBlock
    this.#observer.onExtensions(this, fields)
  }

  #send(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#liveness.onSent(bytes.length, this.#clock.now())
    this.#stream.write(bytes)
  }
}
