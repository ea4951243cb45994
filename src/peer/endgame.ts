/**
 * The end of a download: every block is asked for, and some hang at slow sources. Then a second source is asked for the
 * oldest of them, within a budget that bounds what can be wasted.
 */
import type { Millis } from '../protocol/ports.ts'
import type { Request } from './active-piece.ts'

/** Sources that are asked for the same block at the same time. */
export const MAX_COPIES = 2
/** Duplicates that may be asked for in a whole download: so many in a thousand of its blocks … */
const BUDGET_PER_MILLE = 5
/** … but at least this many. */
const MIN_BUDGET = 8
/** Duplicates are asked of sources that have no more than this in flight. */
const MAX_IN_FLIGHT = 4
/** A block is not asked for a second time before it was in flight for so long. */
const MIN_AGE: Millis = 100

export class Endgame {
  #budget: number

  /** @param blocks how many blocks are missing at the start */
  constructor(blocks: number) {
    this.#budget = Math.max(MIN_BUDGET, Math.floor((blocks * BUDGET_PER_MILLE) / 1_000))
  }

  /** Duplicates that may still be asked for. */
  get budget(): number {
    return this.#budget
  }

  /** How many duplicates a source with `inFlight` requests may be asked for now. */
  room(inFlight: number): number {
    return Math.max(0, Math.min(MAX_IN_FLIGHT - inFlight, this.#budget))
  }

  /**
   * May a source that usually takes `latency` be asked for the block of `request`, too? Only when it would likely have
   * sent it by now, had it been asked at first.
   */
  isLate(request: Request, latency: Millis, now: Millis): boolean {
    return now - request.askedAt >= Math.max(MIN_AGE, latency)
  }

  onDuplicate(): void {
    this.#budget--
  }
}
