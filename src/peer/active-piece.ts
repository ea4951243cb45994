/** A piece that is being fetched: which blocks are in, who sent them, and who was asked for the others. */
import type { Millis } from '../protocol/ports.ts'
import { Claim } from './claim.ts'
import type { SourceQueue } from './source-queue.ts'

const NOBODY: readonly number[] = []

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
  /** Where it lies in the list of pieces with free blocks; -1 when it is not listed. */
  openAt = -1
  /** For each block the id of the source that sent it, or by which claim it is asked for; undefined when it is free. */
  readonly #blocks: (number | Claim | undefined)[]
  /** For each block by which claim it was asked for before, when two are: never more. */
  #copied: (Claim | undefined)[] | undefined
  /** Sources that were asked for a block of it. */
  #asked: readonly number[] = NOBODY
  /** No block below is free. */
  #firstFree = 0

  constructor(piece: number, length: number, blockCount: number) {
    this.piece = piece
    this.length = length
    this.blockCount = blockCount
    this.freeCount = blockCount
    this.missingCount = blockCount
    this.#blocks = new Array<number | Claim | undefined>(blockCount)
  }

  isIn(block: number): boolean {
    return typeof this.#blocks[block] === 'number'
  }

  /** Nothing of it is in, and nothing is on its way. */
  get isUntouched(): boolean {
    return this.requestCount === 0 && this.missingCount === this.blockCount
  }

  /** The newest claim on a block. */
  claimOn(block: number): Claim | undefined {
    const state = this.#blocks[block]
    return typeof state === 'number' ? undefined : state
  }

  /** The claim of one source on a block. */
  claimOf(block: number, queue: SourceQueue): Claim | undefined {
    const claim = this.claimOn(block)
    if (claim === undefined || claim.queue === queue) return claim
    const copied = this.#copied?.[block]
    return copied?.queue === queue ? copied : undefined
  }

  /** Is it asked of one source, by this claim? */
  isSole(block: number, claim: Claim): boolean {
    return this.#blocks[block] === claim && this.#copied?.[block] === undefined
  }

  /** @returns whether it is the first time that this source is asked for a block of this piece */
  noteAsked(source: number): boolean {
    if (this.#asked.includes(source)) return false
    this.#asked = [...this.#asked, source]
    return true
  }

  isOnlyAskedOf(source: number): boolean {
    return this.#asked.length === 1 && this.#asked[0] === source
  }

  /** The lowest free blocks, as many as lie in a row but no more than `limit`. One at least is free. */
  claimFree(queue: SourceQueue, limit: number, askedAt: Millis): Claim {
    let first = this.#firstFree
    while (!this.#isFree(first)) first++
    const last = Math.min(this.blockCount, first + limit)
    let end = first + 1
    while (end < last && this.#isFree(end)) end++
    const claim = new Claim(this, queue, { first, end, askedAt })
    for (let block = first; block < end; block++) this.#blocks[block] = claim
    this.#firstFree = end
    this.freeCount -= end - first
    this.requestCount += end - first
    return claim
  }

  /** A block that one other source is asked for already. */
  claimCopy(queue: SourceQueue, block: number, askedAt: Millis): Claim {
    const claim = new Claim(this, queue, { first: block, end: block + 1, askedAt })
    this.#copied ??= new Array<Claim | undefined>(this.blockCount).fill(undefined)
    this.#copied[block] = this.claimOn(block)
    this.#blocks[block] = claim
    this.requestCount++
    return claim
  }

  /** `claim` on a block is no more. */
  unclaim(block: number, claim: Claim): void {
    const copied = this.#copied
    if (this.#blocks[block] === claim) this.#blocks[block] = copied?.[block]
    if (copied !== undefined) copied[block] = undefined
    this.requestCount--
    if (!this.#isFree(block)) return
    this.freeCount++
    this.#firstFree = Math.min(this.#firstFree, block)
  }

  /** A free block came. */
  receive(block: number, source: number): void {
    this.#blocks[block] = source
    this.freeCount--
    this.missingCount--
  }

  /** The sources that sent blocks of it, each once. */
  get contributors(): number[] {
    return [...new Set(this.#senders)]
  }

  /** The source that sent most blocks of it. */
  get mainContributor(): number {
    const counts = new Map<number, number>()
    let main = 0
    for (const source of this.#senders) {
      const count = (counts.get(source) ?? 0) + 1
      counts.set(source, count)
      if (count > (counts.get(main) ?? 0)) main = source
    }
    return main
  }

  /** For each block that is in. */
  get #senders(): number[] {
    return this.#blocks.filter((state) => typeof state === 'number')
  }

  #isFree(block: number): boolean {
    return this.#blocks[block] === undefined
  }
}
