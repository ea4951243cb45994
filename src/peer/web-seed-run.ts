/**
 * Fetches one run of blocks that lie next to each other in the payload: a range request for each file that the run
 * touches, one after the other, cut into blocks again as the bytes come.
 */
import type { FileSpan, PieceGeometry } from '../metainfo/geometry.ts'
import { ProtocolError, TransportError } from '../protocol/errors.ts'
import { openRequest, type HttpPorts } from '../protocol/http-request.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Cancel, HttpExchange, Millis } from '../protocol/ports.ts'
import { faultOf, UselessSeed } from './web-seed-answer.ts'

/** How long a server may take until the headers of its answer are there. */
export const WEB_SEED_HEAD_TIMEOUT: Millis = 15_000
/** A server that sends nothing for this long, while we read, has stopped. */
export const WEB_SEED_IDLE_TIMEOUT: Millis = 30_000

export interface RunOptions {
  readonly ports: HttpPorts
  readonly geometry: PieceGeometry
  /** URL of a file by its index. */
  readonly urlOf: (file: number) => URL
  /** Next to each other, in order. */
  readonly blocks: readonly BlockRange[]
  readonly isPaused: boolean
  /** The headers of an answer are there, this long after the request. */
  readonly onAnswer: (took: Millis) => void
  /** Bytes came from the network. */
  readonly onReceived: (bytes: number) => void
  /** A whole block has come. `block` is a view, valid only during the call. */
  readonly onBlock: (range: BlockRange, block: Uint8Array) => void
  /** All that arrived together is handled. */
  readonly onBlocksEnd: () => void
  /** The last call, in a later turn: with an error if the run has failed. It does not come after {@link WebSeedRun.cancel}. */
  readonly onEnd: (error?: ProtocolError | TransportError) => void
}

export class WebSeedRun {
  readonly #options: RunOptions
  /** Parts of files that have not been requested yet. */
  readonly #spans: FileSpan[]
  /** Blocks that have not come, in order. */
  readonly #blocks: BlockRange[]
  /** Of those, the ones that nobody needs any more: what comes of them is thrown away. */
  readonly #unwanted = new Set<BlockRange>()
  /** The first of {@link #blocks}, while only a part of it has come. */
  #partial: Uint8Array | undefined
  #partialLength = 0
  #request: HttpExchange | undefined
  /** Bytes that the current request is still to bring. */
  #missing = 0
  #isAnswered = false
  #isPaused: boolean
  #cancelTimeout: Cancel = () => {}
  #isOver = false

  constructor(options: RunOptions) {
    this.#options = options
    this.#isPaused = options.isPaused
    this.#blocks = [...options.blocks]
    const [first] = options.blocks
    const length = options.blocks.reduce((sum, block) => sum + block.length, 0)
    this.#spans = options.geometry.spans(first!.piece, first!.begin, length)
  }

  /** Requests the next part of a file; at the end, reports that all has come. */
  start(): void {
    const span = this.#spans.shift()
    if (span === undefined) return this.#end()
    const { ports, geometry, urlOf } = this.#options
    this.#missing = span.length
    const { isPadding, length } = geometry.files[span.file]!
    if (isPadding) return this.#pad()
    const last = span.offset + span.length - 1
    const askedAt = ports.clock.now()
    this.#isAnswered = false
    this.#request = openRequest(
      ports,
      {
        url: urlOf(span.file),
        headers: { range: `bytes=${span.offset}-${last}` },
        headTimeoutMs: WEB_SEED_HEAD_TIMEOUT,
      },
      {
        onHead: (head) => {
          const fault = faultOf(head, span, length)
          if (fault) return this.#end(fault)
          this.#isAnswered = true
          this.#watch()
          this.#options.onAnswer(ports.clock.now() - askedAt)
        },
        onData: (chunk) => this.#onData(chunk),
        onEnd: (error) => {
          if (error instanceof ProtocolError) this.#end(new UselessSeed(error.code, error.message))
          else if (error) this.#end(error)
          else this.#onSpanEnd()
        },
      },
    )
    if (this.#isPaused) this.#request.pause()
  }

  pause(): void {
    this.#isPaused = true
    this.#cancelTimeout()
    this.#request?.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (this.#request === undefined) return this.#pad()
    // First, because within `resume` the bytes that were held back may come, and the request may end.
    this.#watch()
    this.#request.resume()
  }

  /** Nobody needs these blocks any more. @returns whether none is left that somebody needs */
  drop(range: BlockRange): boolean {
    for (const block of this.#blocks)
      if (block.piece === range.piece && block.begin === range.begin) this.#unwanted.add(block)
    return this.#unwanted.size === this.#blocks.length
  }

  cancel(): void {
    this.#isOver = true
    this.#cancelTimeout()
    this.#request?.cancel()
    this.#request = undefined
  }

  /** Nobody serves a padding file: it is zeros by definition (BEP 47), which come in a later turn as if they were sent. */
  #pad(): void {
    this.#cancelTimeout()
    if (this.#isPaused || this.#isOver) return
    this.#cancelTimeout = this.#options.ports.clock.after(0, () => {
      const zeros = new Uint8Array(this.#missing)
      this.#missing = 0
      this.#take(zeros)
      if (!this.#isOver) this.#options.onBlocksEnd()
      this.#onSpanEnd()
    })
  }

  #onData(chunk: Uint8Array): void {
    if (this.#isOver) return
    this.#watch()
    this.#missing -= chunk.length
    if (this.#missing < 0)
      return this.#end(new UselessSeed('http.bad-range', 'the server sends more than it was asked for'))
    this.#take(chunk)
    if (!this.#isOver) this.#options.onReceived(chunk.length)
    if (!this.#isOver) this.#options.onBlocksEnd()
  }

  /** Cuts what came into blocks. A block that lies whole in it is not copied. */
  #take(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length && !this.#isOver) {
      const block = this.#blocks[0]!
      const part = bytes.subarray(at, at + block.length - this.#partialLength)
      at += part.length
      if (part.length === block.length) {
        this.#deliver(part)
        continue
      }
      this.#partial ??= new Uint8Array(block.length)
      this.#partial.set(part, this.#partialLength)
      this.#partialLength += part.length
      if (this.#partialLength < block.length) return
      const whole = this.#partial
      this.#partial = undefined
      this.#partialLength = 0
      this.#deliver(whole)
    }
  }

  #deliver(bytes: Uint8Array): void {
    const block = this.#blocks.shift()!
    if (!this.#unwanted.delete(block)) this.#options.onBlock(block, bytes)
  }

  #onSpanEnd(): void {
    if (this.#isOver) return
    this.#cancelTimeout()
    this.#request = undefined
    if (this.#missing > 0) return this.#end(new TransportError('net.reset', 'the answer ended too early'))
    this.start()
  }

  /** Starts the idle timeout anew: something has come, or reading goes on. */
  #watch(): void {
    this.#cancelTimeout()
    // Until the headers come, the request has a timeout of its own: it may have to wait for others to the same server.
    if (this.#isPaused || !this.#isAnswered) return
    this.#cancelTimeout = this.#options.ports.clock.after(WEB_SEED_IDLE_TIMEOUT, () =>
      this.#end(new TransportError('net.timeout', `nothing came for ${WEB_SEED_IDLE_TIMEOUT / 1_000} s`)),
    )
  }

  #end(error?: ProtocolError | TransportError): void {
    if (this.#isOver) return
    this.cancel()
    this.#options.onEnd(error)
  }
}
