/** The direction from us to a remote: whether we let it download, whether it wants to, and what it has asked for (BEP 3). */
import {
  encodeChoke,
  encodeHaves,
  encodePieceHeader,
  encodeUnchoke,
  type BlockRange,
} from '../protocol/message.ts'
import type { Clock } from '../protocol/ports.ts'
import type { Conduct } from './conduct.ts'
import type { MessageStream } from './message-stream.ts'
import { RateMeter } from './rate-meter.ts'
import { UploadQueue } from './upload-queue.ts'

export interface UplinkOptions {
  readonly stream: MessageStream
  readonly conduct: Conduct
  readonly clock: Clock
}

export class Uplink {
  /** Payload bytes that it was sent. */
  readonly sent: RateMeter = new RateMeter()
  readonly #stream: MessageStream
  readonly #conduct: Conduct
  readonly #clock: Clock
  #queue: UploadQueue | undefined
  // A connection begins with everybody choking, and nobody interested (BEP 3).
  #isChoked = true
  #isInterested = false

  constructor({ stream, conduct, clock }: UplinkOptions) {
    this.#stream = stream
    this.#conduct = conduct
    this.#clock = clock
  }

  /** Its requests that wait to be served; undefined until the metainfo is known. */
  get queue(): UploadQueue | undefined {
    return this.#queue
  }

  /** We do not let it download. */
  get isChoked(): boolean {
    return this.#isChoked
  }

  /** It wants pieces of ours. */
  get isInterested(): boolean {
    return this.#isInterested
  }

  sendHaves(pieces: readonly number[]): void {
    if (pieces.length === 0) return
    this.#conduct.onExchanged(pieces.length)
    this.#stream.send(encodeHaves(pieces))
  }

  unchoke(): void {
    if (!this.#isChoked) return
    this.#isChoked = false
    this.#stream.send(encodeUnchoke())
  }

  /** What it has asked for and was not sent is forgotten: after the next unchoke it asks anew (BEP 3). */
  choke(): void {
    if (this.#isChoked) return
    this.#isChoked = true
    this.#queue?.clear()
    this.#stream.send(encodeChoke())
  }

  /**
   * Sends blocks that lie side by side in one piece.
   *
   * @param bytes of all of them, one after the other
   * @param release called once, when `bytes` are no longer needed
   */
  sendBlocks(run: readonly BlockRange[], bytes: Uint8Array, release: () => void): void {
    this.sent.add(bytes.length, this.#clock.now())
    this.#conduct.onExchanged(run.length)
    let end = 0
    for (const { piece, begin, length } of run) {
      const block = bytes.subarray(end, (end += length))
      const isLast = end === bytes.length
      this.#stream.sendBlock(encodePieceHeader(piece, begin, length), block, isLast ? release : undefined)
    }
  }

  /** @param pieceLength bytes: the metainfo is known, and with it what can be asked for */
  open(pieceLength: number): void {
    this.#queue = new UploadQueue(pieceLength)
  }

  /** Whatever it has asked for is void. */
  close(): void {
    this.#queue?.clear()
  }

  // What the remote says.

  onInterest(isInterested: boolean): void {
    this.#isInterested = isInterested
  }

  /**
   * @param range lies inside a piece
   * @returns whether there is one more request to serve
   * @throws {ProtocolError} `wire.flood` when more wait than we said we queue
   */
  onRequest(range: BlockRange): boolean {
    // Who is choked may have asked before it heard of that.
    return !this.#isChoked && this.#queue!.push(range)
  }

  /** @param range as it came: of a piece that may not exist */
  onCancel({ piece, begin, length }: BlockRange): void {
    this.#queue?.cancel(piece, begin, length)
  }
}
