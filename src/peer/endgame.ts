/**
 * The end of a download: every block is asked for, and some hang at slow sources. Then a second source is asked for the
 * oldest of them, within a budget that bounds what can be wasted.
 */
import type { Millis } from '../protocol/ports.ts'
import type { Claim } from './claim.ts'
import type { SourceQueue } from './source-queue.ts'

/** Duplicates that may be asked for in a whole download: so many in a thousand of its blocks … */
const BUDGET_PER_MILLE = 5
/** … but at least this many. */
const MIN_BUDGET = 4
/** Duplicates are asked of sources that have no more than this in flight. */
const MAX_IN_FLIGHT = 4
/** A block is not asked for a second time before it was in flight for so long. */
const MIN_AGE: Millis = 100

export interface EndgameView {
  readonly sources: Iterable<SourceQueue>
  readonly now: Millis
}

interface LateBlock {
  /** By which another source is asked for it. */
  readonly claim: Claim
  readonly block: number
}

export class Endgame {
  #budget: number

  /** @param blocks how many blocks are missing at the start */
  constructor(blocks: number) {
    this.#budget = Math.max(MIN_BUDGET, Math.floor((blocks * BUDGET_PER_MILLE) / 1_000))
  }

  /**
   * Claims up to `count` blocks for `queue` that hang at one other source, the oldest first.
   *
   * @param view all sources, and the time
   */
  claim(queue: SourceQueue, count: number, { sources, now }: EndgameView): Claim[] {
    const room = Math.min(count, MAX_IN_FLIGHT - queue.count, this.#budget)
    if (room <= 0) return []
    const late: LateBlock[] = []
    for (const other of sources) if (other !== queue) late.push(...lateAt(other, queue, { room, now }))
    late.sort(
      (a, b) => a.claim.askedAt - b.claim.askedAt || a.claim.piece - b.claim.piece || a.block - b.block,
    )
    const claims = late.slice(0, room).map(({ claim, block }) => claim.active.claimCopy(queue, block, now))
    this.#budget -= claims.length
    return claims
  }
}

/** The oldest blocks that hang at `other` and that `queue` may be asked for, too. */
function lateAt(
  other: SourceQueue,
  queue: SourceQueue,
  { room, now }: { readonly room: number; readonly now: Millis },
): LateBlock[] {
  // Only when this source would likely have sent the block by now, had it been asked at first.
  const lateSince = now - Math.max(MIN_AGE, queue.latency)
  const late: LateBlock[] = []
  for (let claim = other.oldest; claim !== undefined && claim.askedAt <= lateSince; claim = claim.newer) {
    const { active, first, end } = claim
    if (active.isExclusive || !queue.bitfield.has(active.piece)) continue
    for (let block = first; block < end; block++) {
      if (!active.isSole(block, claim)) continue
      late.push({ claim, block })
      if (late.length === room) return late
    }
  }
  return late
}
