/** What one peer has asked us for and has not been sent. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import { ProtocolError } from '../protocol/errors.ts'

/** A range of bytes that a peer wants. It lies inside a piece that exists. */
export interface UploadRequest {
  readonly piece: number
  /** Bytes from the piece's first byte. */
  readonly begin: number
  readonly length: number
}

/** Requests that we queue for one peer; we say so in the extension handshake (`reqq`, BEP 10). */
export const MAX_QUEUED_REQUESTS = 2_048
/** Bytes that it may request at once; we say so there, too (`bitswarm_block`). */
export const MAX_REQUEST_LENGTH = 131_072

/** First in, first out. A request that is repeated while it waits counts once; a cancelled one is skipped when its turn comes. */
export class UploadQueue {
  readonly #pieceLength: number
  /** In the order of their arrival, from `#head` on. Those that are no longer in `#waiting` were cancelled or taken: they are skipped. */
  #line: UploadRequest[] = []
  #head = 0
  readonly #waiting = new Map<number, UploadRequest>()
  #bytes = 0

  /** @param pieceLength bytes: a request is known by its offset in the payload */
  constructor(pieceLength: number) {
    this.#pieceLength = pieceLength
  }

  /** Requests that wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Bytes that they ask for. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * @returns whether it is new; of two that start at the same byte the later one counts
   * @throws {ProtocolError} `wire.flood` beyond {@link MAX_QUEUED_REQUESTS}
   */
  push(request: UploadRequest): boolean {
    const key = this.#keyOf(request.piece, request.begin)
    const same = this.#waiting.get(key)
    if (same !== undefined) {
      if (same.length === request.length) return false
      this.#forget(key, same)
    }
    if (this.#waiting.size >= MAX_QUEUED_REQUESTS)
      throw new ProtocolError('wire.flood', `more than ${MAX_QUEUED_REQUESTS} requests wait`)
    // Cancelled requests stay in the line: without this it would grow with every request and cancel.
    if (this.#line.length >= 2 * MAX_QUEUED_REQUESTS) this.#compact()
    this.#waiting.set(key, request)
    this.#line.push(request)
    this.#bytes += request.length
    return true
  }

  /**
   * If only a part of a longer request is cancelled, the rest still waits, behind all others: we request rows of blocks, and cancel them
   * one by one.
   *
   * @returns whether it was waiting
   */
  cancel(piece: number, begin: number, length: number): boolean {
    const end = begin + length
    const request = this.#holderOf(piece, begin, end)
    if (request === undefined) return false
    this.#forget(this.#keyOf(piece, request.begin), request)
    const requestEnd = request.begin + request.length
    if (request.begin < begin) this.push({ piece, begin: request.begin, length: begin - request.begin })
    if (end < requestEnd) this.push({ piece, begin: end, length: requestEnd - end })
    return true
  }

  /** The request to be answered next. It stays until it is {@link take}n. */
  peek(): UploadRequest | undefined {
    for (; this.#head < this.#line.length; this.#head++) {
      const request = this.#line[this.#head]!
      if (this.#waiting.get(this.#keyOf(request.piece, request.begin)) === request) return request
    }
    this.#line = []
    this.#head = 0
    return undefined
  }

  /**
   * The request to be answered next, and those behind it that continue it in its piece without a gap, `maxBytes` together at most;
   * the first one is included however long it is. They stay until they are {@link take}n.
   */
  peekRun(maxBytes: number): UploadRequest[] {
    const run: UploadRequest[] = []
    const first = this.peek()
    if (first === undefined) return run
    let end = first.begin
    for (let at = this.#head; at < this.#line.length; at++) {
      const request = this.#line[at]!
      const { piece, begin, length } = request
      if (this.#waiting.get(this.#keyOf(piece, begin)) !== request) continue
      if (piece !== first.piece || begin !== end) break
      if (run.length > 0 && begin + length - first.begin > maxBytes) break
      run.push(request)
      end += length
    }
    return run
  }

  /** They are being answered. */
  take(requests: readonly UploadRequest[]): void {
    for (const request of requests) this.#forget(this.#keyOf(request.piece, request.begin), request)
  }

  /** Forgets all: we choke the peer, which will ask again (BEP 3). @returns how many waited */
  clear(): number {
    const { size } = this.#waiting
    this.#waiting.clear()
    this.#line = []
    this.#head = 0
    this.#bytes = 0
    return size
  }

  /** The request that contains a range, which begins with one of its blocks. The range is as it came: any numbers. */
  #holderOf(piece: number, begin: number, end: number): UploadRequest | undefined {
    if (begin === end) return undefined
    for (let at = begin; at >= 0 && end - at <= MAX_REQUEST_LENGTH; at -= BLOCK_LENGTH) {
      const request = this.#waiting.get(this.#keyOf(piece, at))
      // An offset beyond the end of the piece has the key of a request for the next one.
      if (request?.piece === piece && at + request.length >= end) return request
    }
    return undefined
  }

  #keyOf(piece: number, begin: number): number {
    return piece * this.#pieceLength + begin
  }

  #forget(key: number, request: UploadRequest): void {
    this.#waiting.delete(key)
    this.#bytes -= request.length
  }

  #compact(): void {
    this.#line = [...this.#waiting.values()]
    this.#head = 0
  }
}
