/** An announce list (BEP 12): which of a torrent's trackers is asked next. */
import { shuffle } from '../../protocol/chance.ts'
import type { Random } from '../../protocol/ports.ts'

/**
 * Tiers are tried in their order. Within a tier, the order is drawn once, by chance; a tracker that answers moves to the front of its tier.
 */
export class Tiers<T> {
  readonly #tiers: readonly T[][]

  constructor(tiers: readonly (readonly T[])[], random: Random) {
    this.#tiers = tiers.map((tier) => shuffle([...tier], random))
  }

  /** All trackers, in the order in which they should be asked now. */
  get inOrder(): readonly T[] {
    return this.#tiers.flat()
  }

  onAnswer(tracker: T): void {
    for (const tier of this.#tiers) {
      const at = tier.indexOf(tracker)
      if (at > 0) tier.unshift(...tier.splice(at, 1))
    }
  }
}
