/** How far the search for the next piece of one source has come: what {@link RarestFirst} remembers of each source. */

/** Pieces that are looked at in vain for one source in one round, before its own pieces are searched instead. */
const MAX_MISSES = 4_096

export class Search {
  #round = -1
  #insertions = -1
  /** The piece that was chosen last; -1 for none. */
  last = -1
  /** Lower buckets had nothing for it in this round. */
  bucket = 0
  missesLeft = 0
  /** Pieces of a bucket that it has, drawn together, in no order; and that bucket. */
  readonly drawn: number[] = []
  drawnFrom = -1
  /** Wanted pieces that it has, found by the last walk over its own ones; the rarest comes last. */
  readonly sample: number[] = []
  /** Where that walk continues. */
  walkAt = 0
  /** How many pieces it had when a whole walk found none that we want: until it has more, no walk will. */
  barrenCount = -1

  /** Begins anew in another round, and when a piece has become wanted again. */
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
