/** Where the search for pieces that one source should send next stands: the notes of {@link RarestFirst}. */

/** Pieces looked at in vain for one source in one round, before its own pieces are searched instead. */
const MAX_MISSES = 4_096

export class Search {
  #round = -1
  #insertions = -1
  /** What was chosen last; -1 before. */
  last = -1
  /** Buckets below held nothing for it in this round. */
  bucket = 0
  missesLeft = 0
  /** Pieces of a bucket that it has, drawn together and in no order. */
  readonly drawn: number[] = []
  drawnFrom = -1
  /** Wanted pieces of its own, as the last walk in this round found them; the rarest is the last. */
  readonly sample: number[] = []
  /** Where the walk over its pieces goes on. */
  walkAt = 0
  /** How many pieces it had when a whole walk found none that is wanted: there is none until it has more. */
  barrenCount = -1

  /** Begins anew when it is another round or something is wanted again. */
  renew(round: number, insertions: number): void {
    if (this.#insertions !== insertions) {
      this.#insertions = insertions
      this.bucket = 0
      this.barrenCount = -1
    }
    if (this.#round === round) return
    this.#round = round
    this.bucket = 0
    this.missesLeft = MAX_MISSES
    this.sample.length = 0
  }
}
