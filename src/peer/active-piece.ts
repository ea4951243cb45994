/** A piece that is being fetched: which blocks have come and who sent them, and by which claims the others are requested. */
import type { Millis } from '../protocol/ports.ts'
import type { Claim } from './claim.ts'

/** Reused for another piece once this one is written or given up: see {@link begin}. */
export class ActivePiece {
  piece = -1
  /** Bytes. */
  length = 0
  blockCount = 0
  /** Blocks that have neither come nor been requested. */
  freeCount = 0
  /** Blocks that have not come. */
  missingCount = 0
  /** Open requests; a block that is requested twice counts twice. */
  requestCount = 0
  /** Id of the source that it is reserved for while that one makes progress; 0 for none. */
  reservedFor = 0
  reservedAt: Millis = 0
  /** No source but the one that it is reserved for may send blocks of it, see {@link Parole}. */
  isExclusive = false
  /** Where it lies in the list of pieces with free blocks; -1 when it is not listed. */
  openAt = -1
  /**
   * One number tells all about a block: 0, it is free; greater, the id of the source that sent it; less, the negated number of the
   * claim by which it is requested, of two claims the newer one.
   */
  readonly #blocks: Int32Array
  /** For each block that is requested twice (never more often), the number of the older claim. */
  #copied: Int32Array | undefined = undefined
  /** Who has been asked for blocks of it: the first source (0 for none), and those after it. */
  #askedFirst = 0
  #askedLater: number[] | undefined = undefined
  /** No block before this one is free. */
  #firstFree = 0

  /** @param maxBlocks of the longest piece that it will be used for */
  constructor(maxBlocks: number) {
    this.#blocks = new Int32Array(maxBlocks)
  }

  /** Becomes `piece`, of which nothing has been requested yet. */
  begin(piece: number, length: number, blockCount: number): void {
    this.piece = piece
    this.length = length
    this.blockCount = this.freeCount = this.missingCount = blockCount
    this.requestCount = 0
    this.reservedFor = 0
    this.isExclusive = false
    // A call of `fill` would take longer than the few blocks that most pieces have.
    for (let block = 0; block < blockCount; block++) this.#blocks[block] = 0
    this.#copied = undefined
    this.#askedFirst = 0
    this.#askedLater = undefined
    this.#firstFree = 0
  }

  isIn(block: number): boolean {
    return this.#blocks[block]! > 0
  }

  /** No block of it has come, and none is requested. */
  get isUntouched(): boolean {
    return this.requestCount === 0 && this.missingCount === this.blockCount
  }

  /** The number of the claim on a block, the newer one if there are two; 0 for none. */
  claimOn(block: number): number {
    return Math.max(0, -this.#blocks[block]!)
  }

  /** The number of the older one of two claims on a block; 0 for none. */
  copiedClaimOn(block: number): number {
    return this.#copied?.[block] ?? 0
  }

  /** Whether the block is requested once only, by this claim. */
  isSole(block: number, claim: Claim): boolean {
    return this.claimOn(block) === claim.number && this.copiedClaimOn(block) === 0
  }

  /** @returns whether it is the first time that this source is asked for a block of this piece */
  noteAsked(source: number): boolean {
    if (this.#askedFirst === source || this.#askedLater?.includes(source)) return false
    if (this.#askedFirst === 0) this.#askedFirst = source
    else (this.#askedLater ??= []).push(source)
    return true
  }

  isOnlyAskedOf(source: number): boolean {
    return this.#askedFirst === source && this.#askedLater === undefined
  }

  /** Claims the first free blocks, as many as lie in a row and `limit` at most. One at least must be free. */
  claimFree(claim: Claim, limit: number): void {
    const blocks = this.#blocks
    let first = this.#firstFree
    while (blocks[first] !== 0) first++
    const last = Math.min(this.blockCount, first + limit)
    let end = first
    for (; end < last && blocks[end] === 0; end++) blocks[end] = -claim.number
    claim.put(this, first, end)
    this.#firstFree = end
    this.freeCount -= end - first
    this.requestCount += end - first
  }

  /** Claims a block that is requested from one other source already. */
  claimCopy(claim: Claim, block: number): void {
    this.#copied ??= new Int32Array(this.blockCount)
    this.#copied[block] = this.claimOn(block)
    this.#blocks[block] = -claim.number
    claim.put(this, block, block + 1)
    this.requestCount++
  }

  /** The block has come, or its request was withdrawn. */
  unclaim(block: number, claim: Claim): void {
    if (this.claimOn(block) === claim.number) this.#blocks[block] = -this.copiedClaimOn(block)
    if (this.#copied !== undefined) this.#copied[block] = 0
    this.requestCount--
    if (this.#blocks[block] !== 0) return
    this.freeCount++
    this.#firstFree = Math.min(this.#firstFree, block)
  }

  /** A block came, on which no claim is left. */
  receive(block: number, source: number): void {
    this.#blocks[block] = source
    this.freeCount--
    this.missingCount--
  }

  /** If `source` sent this block, it is free again. @returns whether it did */
  forget(block: number, source: number): boolean {
    if (this.#blocks[block] !== source) return false
    this.#blocks[block] = 0
    this.freeCount++
    this.missingCount++
    this.#firstFree = Math.min(this.#firstFree, block)
    return true
  }

  /** The sources that sent blocks of it, each once. */
  get contributors(): number[] {
    return [...this.#shares.keys()]
  }

  /** For each block the id of the source that sent it; less than 1 if it has not come. */
  get senders(): Int32Array {
    return this.#blocks.slice(0, this.blockCount)
  }

  /** The source that sent most blocks of it. */
  get mainContributor(): number {
    let main = 0
    let most = 0
    for (const [source, count] of this.#shares) {
      if (count <= most) continue
      main = source
      most = count
    }
    return main
  }

  /** How many blocks of it each source sent. */
  get #shares(): Map<number, number> {
    const shares = new Map<number, number>()
    for (let block = 0; block < this.blockCount; block++) {
      const sender = this.#blocks[block]!
      if (sender > 0) shares.set(sender, (shares.get(sender) ?? 0) + 1)
    }
    return shares
  }
}
