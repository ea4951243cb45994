/** What one source was asked for and has not sent yet, and how fast it answers. */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { Claim } from './claim.ts'
import { Search } from './search.ts'

/** Anything that blocks can be asked of: a peer, or a web seed. */
export interface BlockSource {
  /** From 1; unique in the session and never reused: blame is recorded under it. */
  readonly id: number
  has(piece: number): boolean
  /** We do not read what it sends: meanwhile its requests do not grow old. */
  readonly isHeld?: boolean
  /** It is cheaper to get neighbouring pieces from it than scattered ones: a web seed (BEP 19). */
  readonly prefersRuns?: boolean
}

/** Withdrawn requests that are remembered per source: twice as many as may be in flight. */
const MAX_LAPSED = 4_096

/** A source with open requests that sends nothing for several times as long as it usually takes is stalled, but not before this … */
const STALL_MIN: Millis = 10_000
/** … and always after this. */
const STALL_MAX: Millis = 60_000
/** How many of its usual waiting times a source may be silent. */
const STALL_LATENCIES = 4

export class SourceQueue {
  readonly id: number
  readonly source: BlockSource
  /** The live bitfield behind `source.has`. */
  readonly bitfield: Bitfield
  /** It had every piece when it came, and was counted so: it changes no piece's rank. */
  readonly isSeed: boolean
  /** The piece that was last reserved for it, which it continues while it has free blocks. */
  current: ActivePiece | undefined
  /** Time from request to block, smoothed; 0 before the first block. */
  latency: Millis = 0
  lastBlockAt: Millis = 0
  /** It has sent a block that it was asked for. */
  hasSent = false
  /** A piece that it has and we do not, see {@link Interest}; -1 for none. */
  witness = -1
  readonly search: Search = new Search()
  #count = 0
  #oldest: Claim | undefined
  #newest: Claim | undefined
  /** Blocks that it may still send although their requests were withdrawn; oldest first. */
  readonly #lapsed = new Set<number>()

  constructor(source: BlockSource, bitfield: Bitfield, now: Millis) {
    this.id = source.id
    this.source = source
    this.bitfield = bitfield
    this.isSeed = bitfield.isFull
    this.lastBlockAt = now
  }

  /** Blocks requested that have not come. */
  get count(): number {
    return this.#count
  }

  get oldest(): Claim | undefined {
    return this.#oldest
  }

  add(claim: Claim): void {
    claim.older = this.#newest
    if (this.#newest === undefined) this.#oldest = claim
    else this.#newest.newer = claim
    this.#newest = claim
    this.#count += claim.openCount
  }

  /** A block of a claim came, or its request was withdrawn. With the last one the claim leaves the list. */
  removeBlock(claim: Claim): void {
    this.#count--
    if (--claim.openCount > 0) return
    if (claim.older === undefined) this.#oldest = claim.newer
    else claim.older.newer = claim.newer
    if (claim.newer === undefined) this.#newest = claim.older
    else claim.newer.older = claim.older
    claim.older = undefined
    claim.newer = undefined
  }

  /** Remembers that `block` may still come. */
  lapse(block: number): void {
    this.#lapsed.delete(block)
    this.#lapsed.add(block)
    if (this.#lapsed.size <= MAX_LAPSED) return
    for (const oldest of this.#lapsed) {
      this.#lapsed.delete(oldest)
      break
    }
  }

  /** Whether a request for `block` was withdrawn. Then it may come once: the next answer is no. */
  takeLapsed(block: number): boolean {
    return this.#lapsed.size > 0 && this.#lapsed.delete(block)
  }

  onBlock(askedAt: Millis, now: Millis): void {
    const took = Math.max(0, now - askedAt)
    this.latency = this.latency === 0 ? took : this.latency + (took - this.latency) / 8
    this.lastBlockAt = now
    this.hasSent = true
  }

  /** When its silence becomes a stall; `Infinity` while nothing is requested. */
  get stallAt(): Millis {
    if (this.#oldest === undefined) return Infinity
    const patience = Math.min(STALL_MAX, Math.max(STALL_MIN, STALL_LATENCIES * this.latency))
    return Math.max(this.lastBlockAt, this.#oldest.askedAt) + patience
  }
}
