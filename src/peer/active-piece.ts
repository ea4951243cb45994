/** A piece that is being fetched: which blocks are in, who sent them, and who was asked for the others. */
import type { Millis } from '../protocol/ports.ts'

/** A block asked of one source. Several sources may be asked for one block: their requests form a chain. */
export interface Request {
  readonly piece: number
  /** Bytes from the piece's first byte. */
  readonly begin: number
  readonly length: number
  readonly isFirstOfPiece: boolean
  readonly source: number
  readonly askedAt: Millis
  /** The next request for the same block. */
  copy: Request | undefined
  /** Neighbours among the requests of the same source, oldest first. */
  older: Request | undefined
  newer: Request | undefined
}

export class ActivePiece {
  readonly piece: number
  /** Bytes. */
  readonly length: number
  readonly blockCount: number
  /** Blocks that are neither in nor asked for. */
  freeCount: number
  /** Blocks that are not in. */
  missingCount: number
  /** Requests outstanding, copies counted. */
  requestCount = 0
  /** The source that it is left to while it gets on with it; 0 for none. */
  reservedFor = 0
  reservedAt: Millis = 0
  /** No other source may send a block of it: its owner is on parole. */
  isExclusive = false
  /** Where it lies in the picker's list of pieces with free blocks; -1 when it has none. */
  openAt = -1
  /** For each block the source that sent it, or 0. */
  readonly #senders: number[]
  readonly #requests: (Request | undefined)[]
  /** Sources that were asked for a block of it. */
  readonly #asked: number[] = []
  /** No block below is free. */
  #firstFree = 0

  constructor(piece: number, length: number, blockCount: number) {
    this.piece = piece
    this.length = length
    this.blockCount = blockCount
    this.freeCount = blockCount
    this.missingCount = blockCount
    this.#senders = new Array<number>(blockCount).fill(0)
    this.#requests = new Array<Request | undefined>(blockCount).fill(undefined)
  }

  isIn(block: number): boolean {
    return this.#senders[block] !== 0
  }

  /** The newest request for a block; others follow by `copy`. */
  requestsOf(block: number): Request | undefined {
    return this.#requests[block]
  }

  /** The lowest block that nobody was asked for. There is one: `freeCount` is above zero. */
  nextFree(): number {
    let block = this.#firstFree
    while (this.#senders[block] !== 0 || this.#requests[block] !== undefined) block++
    this.#firstFree = block
    return block
  }

  /** @returns whether it is the first time that this source is asked for a block of this piece */
  noteAsked(source: number): boolean {
    if (this.#asked.includes(source)) return false
    this.#asked.push(source)
    return true
  }

  isOnlyAskedOf(source: number): boolean {
    return this.#asked.length === 1 && this.#asked[0] === source
  }

  addRequest(block: number, request: Request): void {
    if (this.#requests[block] === undefined) this.freeCount--
    request.copy = this.#requests[block]
    this.#requests[block] = request
    this.requestCount++
  }

  removeRequest(block: number, request: Request): void {
    let before: Request | undefined
    let at = this.#requests[block]
    while (at !== request && at !== undefined) {
      before = at
      at = at.copy
    }
    if (before === undefined) this.#requests[block] = request.copy
    else before.copy = request.copy
    request.copy = undefined
    this.requestCount--
    if (this.#requests[block] === undefined && this.#senders[block] === 0) {
      this.freeCount++
      this.#firstFree = Math.min(this.#firstFree, block)
    }
  }

  /** Block `block` came from `source`; its requests are removed by the caller. */
  receive(block: number, source: number): void {
    if (this.#requests[block] === undefined) this.freeCount--
    this.#senders[block] = source
    this.missingCount--
  }

  /** The sources that sent blocks of it, each once. */
  get contributors(): number[] {
    const sources = new Set(this.#senders)
    sources.delete(0)
    return [...sources]
  }

  /** The source that sent most blocks of it. */
  get mainContributor(): number {
    const counts = new Map<number, number>()
    let main = 0
    for (const source of this.#senders) {
      if (source === 0) continue
      const count = (counts.get(source) ?? 0) + 1
      counts.set(source, count)
      if (count > (counts.get(main) ?? 0)) main = source
    }
    return main
  }
}
