/**
 * Limits how often we dial endpoints that a single peer has named: peer exchange (BEP 11) proves nothing, and a peer that names
 * a network address by address would have a whole swarm dial it. Endpoints that a second peer names, that are known by other
 * means, or that we were connected to are no hearsay.
 */
import type { Millis } from '../protocol/ports.ts'

/** Dials to endpoints named by one peer alone that may be saved up: as many as a newcomer has use for … */
export const MAX_HEARSAY_DIALS = 64
/** … and how soon each of them may be followed by another: sixty a minute. */
export const HEARSAY_DIAL_INTERVAL: Millis = 1_000

export class HearsayBudget {
  /** When all that was spent will have been earned again. */
  #repaidAt: Millis = Number.NEGATIVE_INFINITY

  /** When the next dial is allowed. */
  get nextAt(): Millis {
    return this.#repaidAt - (MAX_HEARSAY_DIALS - 1) * HEARSAY_DIAL_INTERVAL
  }

  spend(now: Millis): void {
    this.#repaidAt = Math.max(this.#repaidAt, now) + HEARSAY_DIAL_INTERVAL
  }
}
