/**
 * How often we go where a single peer sends us: peer exchange (BEP 11) proves nothing, and who names a network address by
 * address would have a whole swarm knock there. Those whom a second one names, or who are heard of by other means, are no
 * hearsay, nor are those with whom we were connected.
 */
import type { Millis } from '../protocol/ports.ts'

/** Dials to endpoints that one peer alone has told of which may be saved up: as many as a newcomer has use for … */
export const MAX_HEARSAY_DIALS = 64
/** … and how soon each of them may be followed by another: sixty a minute. */
export const HEARSAY_DIAL_INTERVAL: Millis = 1_000

export class HearsayBudget {
  /** When all that was spent will have been earned again. */
  #repaidAt: Millis = Number.NEGATIVE_INFINITY

  /** From when on the next dial is allowed. */
  get nextAt(): Millis {
    return this.#repaidAt - (MAX_HEARSAY_DIALS - 1) * HEARSAY_DIAL_INTERVAL
  }

  spend(now: Millis): void {
    this.#repaidAt = Math.max(this.#repaidAt, now) + HEARSAY_DIAL_INTERVAL
  }
}
