/**
 * The end of a download: every block is asked for, and some hang at slow sources. Then a second source is asked for the
 * oldest of them: at once within a budget that bounds what can be wasted, and without one for what has hung too long.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Millis } from '../protocol/ports.ts'
import type { BlockOfPiece } from './requests.ts'
import type { SourceQueue } from './source-queue.ts'

/** Duplicates that may be asked for at once, in a whole download: so many in a thousand of its blocks … */
const BUDGET_PER_MILLE = 5
/** … but at least this many. */
const MIN_BUDGET = 4
/** Duplicates are requested only from sources with no more than this in flight. */
const MAX_IN_FLIGHT = 4
/** A block is not requested a second time until it has been in flight for this long … */
const MIN_AGE: Millis = 100
/** … or for this long, and several times as long as the second source usually takes, once the budget is spent: nobody waits for a modem while others idle. */
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

  /** Up to `count` blocks that hang at one other source and that `queue` is asked for now, too; the oldest first. */
  choose(queue: SourceQueue, count: number, now: Millis): readonly BlockOfPiece[] {
    const isSpent = this.#budget === 0
    const room = Math.min(count, MAX_IN_FLIGHT - queue.count, isSpent ? Infinity : this.#budget)
    // While anything waits for us to read it, it is us who are slow.
    if (room <= 0 || (isSpent && this.#isHeldUp)) return []
    // Only when this source would likely have sent the block by now, had it been asked at first.
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

/** In all pieces that are not had. */
export function blocksMissing(geometry: PieceGeometry, have: Bitfield): number {
  let blocks = 0
  for (let piece = 0; piece < have.length; piece++) if (!have.has(piece)) blocks += geometry.blockCount(piece)
  return blocks
}

/** The oldest blocks that hang at `other` and that `queue` may be asked for, too. */
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
