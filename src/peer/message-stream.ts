/** A byte stream as a stream of peer messages (BEP 3): ends when the remote breaks a rule, falls silent, or hangs up. */
import { WireDecoder, type OnMessage } from '../protocol/decoder.ts'
import { ProtocolError, type TransportError } from '../protocol/errors.ts'
import { encodeKeepAlive } from '../protocol/message.ts'
import type { Bandwidth, ByteStream, Clock, Millis, StreamHandler } from '../protocol/ports.ts'
import type { Conduct } from './conduct.ts'
import { Liveness, NOBODY_WAITS, type Waiting } from './liveness.ts'
import { ReadingGate } from './reading-gate.ts'

export interface MessageStreamOptions {
  readonly stream: ByteStream
  readonly clock: Clock
  /** What may be received, by all connections that share this budget. */
  readonly download: Bandwidth
  /** The credit for talk, which is topped up here and spent by whoever is told of the messages. */
  readonly conduct: Conduct
  /** A message has come. Views in it are valid only during the call; a `ProtocolError` thrown here ends the stream. */
  readonly onMessage: OnMessage
  /** Every message that a chunk completed has been told. Not called after {@link MessageStream.close}. */
  readonly onChunkEnd: () => void
  /** There is nothing more to be had from the remote: time to close. The reason is an error code, or plain words. */
  readonly onEnd: (reason: string) => void
}

/** Knows no meaning of any message, and decides nothing but when it is over. */
export class MessageStream implements StreamHandler {
  /** Whether we read. */
  readonly gate: ReadingGate
  readonly #options: MessageStreamOptions
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #decoder = new WireDecoder()
  readonly #liveness: Liveness
  #isClosed = false

  constructor(options: MessageStreamOptions) {
    const { stream, clock, download } = options
    this.gate = new ReadingGate(stream, download)
    this.#options = options
    this.#stream = stream
    this.#clock = clock
    this.#liveness = new Liveness(clock.now())
    stream.handler = this
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes that wait in this process for the network. */
  get queuedBytes(): number {
    return this.#stream.queuedBytes
  }

  /** For how long nothing has come from the remote. */
  silence(now: Millis): Millis {
    return this.#liveness.silence(now)
  }

  /** From now on a bitfield must have the size for so many pieces. */
  expectPieces(pieceCount: number): void {
    this.#decoder.expectPieces(pieceCount)
  }

  /** @param message encoded, with its length prefix; must not change afterwards */
  send(message: Uint8Array): void {
    if (this.#isClosed) return
    this.#liveness.onSent(message.length, this.#clock.now())
    this.#stream.write(message)
  }

  /**
   * A `piece` message, whose block is not copied behind its header.
   *
   * @param release called once, when the block is no longer needed: sent, or lost with the connection
   */
  sendBlock(header: Uint8Array, block: Uint8Array, release: (() => void) | undefined): void {
    this.#liveness.onSent(header.length + block.length, this.#clock.now())
    this.#stream.write(header)
    this.#stream.write(block, release)
  }

  /** Runs what reads the words of the remote: the one place where its breaches of the protocol are caught. */
  guard(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#options.onEnd(error.code)
    }
  }

  /** Sends keep-alives, and notices that the remote is gone. Call every few seconds. */
  onTick(now: Millis, waiting: Waiting = NOBODY_WAITS): void {
    if (this.#isClosed) return
    // While we do not read, the silence is our own.
    if (this.gate.isHeld) this.#liveness.onReceived(now)
    const fault = this.#liveness.faultOf(this.queuedBytes, waiting, now)
    if (fault !== undefined) this.#options.onEnd(fault)
    else if (this.#liveness.isKeepAliveDue(waiting, now)) this.send(encodeKeepAlive())
  }

  /** Nothing is told any more, not even the rest of the current chunk; what is queued is dropped. */
  close(): void {
    this.#isClosed = true
    this.#decoder.stop()
    this.gate.close()
    this.#stream.destroy()
  }

  // StreamHandler

  onData(chunk: Uint8Array): void {
    if (this.#isClosed) return
    const { conduct, onMessage, onChunkEnd } = this.#options
    const now = this.#clock.now()
    this.#liveness.onReceived(now)
    conduct.fill(now)
    this.guard(() => this.#decoder.push(chunk, onMessage))
    if (!this.#isClosed) onChunkEnd()
    this.gate.onReceived(chunk.length)
  }

  onDrain(): void {}

  onClose(error?: TransportError): void {
    this.#options.onEnd(error?.code ?? 'closed by the peer')
  }
}
