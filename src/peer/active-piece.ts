/** A piece that is being fetched: which blocks are in, who sent them, and who was asked for the others. */
import type { Millis } from '../protocol/ports.ts'
import { Claim } from './claim.ts'
import type { SourceQueue } from './source-queue.ts'

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
  /** For each block the source that sent it, or 0. */
  readonly #senders: number[]
  /** For each block who is asked for it … */
  readonly #claims: (Claim | undefined)[]
  /** … and who was asked before, when two are: never more. */
  #copied: (Claim | undefined)[] | undefined
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
    this.#claims = new Array<Claim | undefined>(blockCount).fill(undefined)
  }

  isIn(block: number): boolean {
    return this.#senders[block] !== 0
  }

  /** Nothing of it is in, and nothing is on its way. */
  get isUntouched(): boolean {
    return this.requestCount === 0 && this.missingCount === this.blockCount
  }

  /** The newest claim on a block. */
  claimOn(block: number): Claim | undefined {
    return this.#claims[block]
  }

  /** The claim of one source on a block. */
  claimOf(block: number, queue: SourceQueue): Claim | undefined {
    const claim = this.#claims[block]
    if (claim === undefined || claim.queue === queue) return claim
    const copied = this.#copied?.[block]
    return copied?.queue === queue ? copied : undefined
  }

  /** Is it asked of one source, by this claim? */
  isSole(block: number, claim: Claim): boolean {
    return this.#claims[block] === claim && this.#copied?.[block] === undefined
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

  /** The lowest free blocks, as many as lie in a row but no more than `limit`. One at least is free. */
  claimFree(queue: SourceQueue, limit: number, askedAt: Millis): Claim {
    let first = this.#firstFree
    while (!this.#isFree(first)) first++
    const last = Math.min(this.blockCount, first + limit)
    let end = first + 1
    while (end < last && this.#isFree(end)) end++
    const claim = new Claim(this, queue, { first, end, askedAt })
    for (let block = first; block < end; block++) this.#claims[block] = claim
    this.#firstFree = end
    this.freeCount -= end - first
    this.requestCount += end - first
    return claim
  }

  /** A block that one other source is asked for already. */
  claimCopy(queue: SourceQueue, block: number, askedAt: Millis): Claim {
    const claim = new Claim(this, queue, { first: block, end: block + 1, askedAt })
    this.#copied ??= new Array<Claim | undefined>(this.blockCount).fill(undefined)
    this.#copied[block] = this.#claims[block]
    this.#claims[block] = claim
    this.requestCount++
    return claim
  }

  /** `claim` on a block is no more. */
  unclaim(block: number, claim: Claim): void {
    const copied = this.#copied
    if (this.#claims[block] === claim) this.#claims[block] = copied?.[block]
    if (copied !== undefined) copied[block] = undefined
    this.requestCount--
    if (!this.#isFree(block)) return
    this.freeCount++
    this.#firstFree = Math.min(this.#firstFree, block)
  }

  /** Block `block` came from `source`; claims on it are removed by the caller. */
  receive(block: number, source: number): void {
    if (this.#claims[block] === undefined) this.freeCount--
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

  #isFree(block: number): boolean {
    return this.#claims[block] === undefined && this.#senders[block] === 0
  }
}
