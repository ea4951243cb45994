/** Opens a peer connection: 68 bytes each way (BEP 3, "peer protocol"), in bounded time and memory. */
import { ProtocolError, TransportError } from '../protocol/errors.ts'
import { decodeHandshake, HANDSHAKE_LENGTH, isHandshakeStart, type Handshake } from '../protocol/handshake.ts'
import { bytesEqual, idFrom, toHex, type InfoHash } from '../protocol/ids.ts'
import type { ByteStream, Cancel, Clock, StreamHandler } from '../protocol/ports.ts'

/** How long the other side may take for its 68 bytes. */
export const HANDSHAKE_TIMEOUT_MS = 10_000

/** Where the info hash ends: protocol name, reserved bytes, hash. Enough to know which torrent is meant. */
const INFO_HASH_END = 48

/** Both handshakes are through. The receiver sets `stream.handler` before the turn ends, then reads `rest`. */
export interface Shaken {
  readonly stream: ByteStream
  readonly handshake: Handshake
  /** Bytes that came behind the handshake. */
  readonly rest: Uint8Array
}

export interface HandshakerOptions {
  readonly clock: Clock
  /** The torrent that we dialled for; undefined for an incoming stream, whose handshake names it. */
  readonly expected?: InfoHash
  /** Our 68 bytes for a torrent, or undefined when it is not served here. */
  readonly answer: (infoHash: InfoHash) => Uint8Array | undefined
  /** Called once; the stream is destroyed already when it is an error. */
  readonly onDone: (result: Shaken | ProtocolError | TransportError) => void
}

export class Handshaker implements StreamHandler {
  readonly #stream: ByteStream
  readonly #options: HandshakerOptions
  readonly #received = new Uint8Array(HANDSHAKE_LENGTH)
  #length = 0
  #hasAnswered = false
  #isDone = false
  readonly #cancelTimeout: Cancel

  constructor(stream: ByteStream, options: HandshakerOptions) {
    this.#stream = stream
    this.#options = options
    stream.handler = this
    this.#cancelTimeout = options.clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      this.#fail(new TransportError('net.timeout', `no handshake within ${HANDSHAKE_TIMEOUT_MS / 1000} s`)),
    )
    if (options.expected) this.#answer(options.expected)
  }

  onData(chunk: Uint8Array): void {
    if (this.#isDone) return
    const taken = Math.min(chunk.length, HANDSHAKE_LENGTH - this.#length)
    this.#received.set(chunk.subarray(0, taken), this.#length)
    this.#length += taken
    try {
      this.#read(chunk.subarray(taken))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#fail(error)
    }
  }

  onDrain(): void {}

  onClose(error?: TransportError): void {
    this.#end(error ?? new TransportError('net.reset', 'the connection closed during the handshake'))
  }

  /** Gives up: the node is closing. */
  abort(): void {
    this.#fail(new TransportError('net.reset', 'closed by this node'))
  }

  #read(rest: Uint8Array): void {
    if (!isHandshakeStart(this.#received.subarray(0, this.#length)))
      throw new ProtocolError('wire.not-bittorrent', 'the remote speaks some other protocol')
    if (!this.#hasAnswered && this.#length >= INFO_HASH_END)
      this.#answer(idFrom<InfoHash>(this.#received.subarray(INFO_HASH_END - 20, INFO_HASH_END)))
    if (this.#length < HANDSHAKE_LENGTH) return
    const handshake = decodeHandshake(this.#received)
    const { expected } = this.#options
    if (expected && !bytesEqual(handshake.infoHash, expected))
      throw new ProtocolError(
        'wire.wrong-info-hash',
        `asked for another torrent: ${toHex(handshake.infoHash)}`,
      )
    this.#end({ stream: this.#stream, handshake, rest: rest.slice() })
  }

  #answer(infoHash: InfoHash): void {
    const ours = this.#options.answer(infoHash)
    if (ours === undefined)
      throw new ProtocolError('wire.wrong-info-hash', `the torrent ${toHex(infoHash)} is not served here`)
    this.#hasAnswered = true
    this.#stream.write(ours)
  }

  #fail(error: ProtocolError | TransportError): void {
    this.#stream.destroy()
    this.#end(error)
  }

  #end(result: Shaken | ProtocolError | TransportError): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#cancelTimeout()
    this.#options.onDone(result)
  }
}
