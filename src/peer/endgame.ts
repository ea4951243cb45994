/**
 * The end of a download (BEP 3, "end game mode"): every block has been requested, and some hang at slow sources. The oldest of them
 * are then requested from a second source, too: readily within a budget, which bounds what is wasted, and beyond it only if they
 * have hung for long.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Millis } from '../protocol/ports.ts'
import type { BlockOfPiece } from './requests.ts'
import type { SourceQueue } from './source-queue.ts'

/** Blocks that may be requested twice readily, in a whole download: this many in a thousand … */
const BUDGET_PER_MILLE = 5
/** … and at least this many. */
const MIN_BUDGET = 4
/** A source is asked for duplicates only while it has no more than this in flight. */
const MAX_IN_FLIGHT = 4
/** A block is not requested a second time until it has been in flight for this long … */
const MIN_AGE: Millis = 100
/** … or, once the budget is spent, for this long and several times as long as the second source takes: nobody waits for a modem. */
const LATE_AGE: Millis = 2_000
const LATE_LATENCIES = 4

interface LateBlock extends BlockOfPiece {
  readonly askedAt: Millis
}

export class Endgame {
  readonly #sources: ReadonlyMap<number, SourceQueue>
  #budget: number

  /**
   * @param blocks how many blocks are missing at the start
   * @param sources all of them, by their ids: the live map
   */
  constructor(blocks: number, sources: ReadonlyMap<number, SourceQueue>) {
    this.#sources = sources
    this.#budget = Math.max(MIN_BUDGET, Math.floor((blocks * BUDGET_PER_MILLE) / 1_000))
  }

  /** Up to `count` blocks that hang at one other source and are to be requested from `queue`, too; the oldest first. */
  choose(queue: SourceQueue, count: number, now: Millis): readonly BlockOfPiece[] {
    const isSpent = this.#budget === 0
    const room = Math.min(count, MAX_IN_FLIGHT - queue.count, isSpent ? Infinity : this.#budget)
    // While anything lies unread in our sockets, we are the slow ones.
    if (room <= 0 || (isSpent && this.#isHeldUp)) return []
    // Only if this source, had it been asked first, would probably have sent the block by now.
    const { latency } = queue
    const age = isSpent ? Math.max(LATE_AGE, LATE_LATENCIES * latency) : Math.max(MIN_AGE, latency)
    const late: LateBlock[] = []
    for (const other of this.#sources.values())
      if (other !== queue) late.push(...lateAt(other, queue, { room, since: now - age }))
    late.sort((a, b) => a.askedAt - b.askedAt || a.active.piece - b.active.piece || a.block - b.block)
    const chosen = late.slice(0, room)
    if (!isSpent) this.#budget -= chosen.length
    return chosen
  }

  get #isHeldUp(): boolean {
    for (const { source } of this.#sources.values()) if (source.isHeld) return true
    return false
  }
}

/** Blocks of all pieces that we do not have. */
export function blocksMissing(geometry: PieceGeometry, have: Bitfield): number {
  let blocks = 0
  for (let piece = 0; piece < have.length; piece++) if (!have.has(piece)) blocks += geometry.blockCount(piece)
  return blocks
}

/** The oldest blocks that hang at `other` and that `queue` has, too. */
function lateAt(
  other: SourceQueue,
  queue: SourceQueue,
  { room, since }: { readonly room: number; readonly since: Millis },
): LateBlock[] {
  const late: LateBlock[] = []
  for (let claim = other.oldest; claim !== undefined && claim.askedAt <= since; claim = claim.newer) {
    const { active, first, end } = claim
    if (active.isExclusive || !queue.bitfield.has(active.piece)) continue
    for (let block = first; block < end; block++) {
      if (!active.isSole(block, claim)) continue
      late.push({ active, block, askedAt: claim.askedAt })
      if (late.length === room) return late
    }
  }
  return late
}
