/**
 * Whether ids lie about a target as chance puts them. Who may choose ids puts its own right beside the target and is all
 * eight of the nearest; of nodes with ids by chance, two are hardly ever within a hundredth of the usual distance.
 */
import type { LookupEntry } from './lookup-entry.ts'

/** Nodes that may lie arbitrarily near to a target, and more for each usual distance: others are refused. */
const ANYWHERE = 2
const PER_USUAL_DISTANCE = 6
/** The same for what is usual, of which one target in a hundred has more, and for what is likely: one in twenty has more. */
const USUAL_PER_DISTANCE = 3
const LIKELY_PER_DISTANCE = 1.5
/** And for what is as rare at the other end: one target in thirty has fewer. */
const SPARSE_PER_DISTANCE = 4 / 7
/** In smaller networks there is nothing to gain: everybody knows everybody. */
const MIN_NETWORK = 100

export class Density {
  readonly #networkSize: number

  /** @param networkSize how many nodes there are, give or take a factor of two; 0 to find anything plausible */
  constructor(networkSize: number) {
    this.#networkSize = networkSize
  }

  /** Whether there are so many nodes that it can be told. */
  get isTelling(): boolean {
    return this.#networkSize >= MIN_NETWORK
  }

  /** Whether so many nodes may lie within `fraction` of the space around a target. */
  isPlausible(nodes: number, fraction: number): boolean {
    return !this.isTelling || nodes <= ANYWHERE + PER_USUAL_DISTANCE * fraction * this.#networkSize
  }

  /**
   * Whether there may be one more at `distance`, given those on a list, nearest first. Who does not count or has failed is
   * not there.
   */
  admits(distance: number, list: readonly LookupEntry[]): boolean {
    let within = 0
    let isIn = false
    for (const entry of list) {
      if (!entry.counts || entry.state === 'failed') continue
      if (!isIn && entry.distance > distance) {
        isIn = true
        if (!this.isPlausible(++within, distance)) return false
      }
      within++
      if (isIn && !this.isPlausible(within, entry.distance)) return false
    }
    return isIn || this.isPlausible(within + 1, distance)
  }

  isUsual(nodes: number, fraction: number): boolean {
    return !this.isTelling || nodes <= ANYWHERE + USUAL_PER_DISTANCE * fraction * this.#networkSize
  }

  isLikely(nodes: number, fraction: number): boolean {
    return !this.isTelling || nodes <= ANYWHERE + LIKELY_PER_DISTANCE * fraction * this.#networkSize
  }

  /** Whether so many are not likely to be the nearest to a target: they lie too near together, or nearer ones are missing. */
  isOdd(nodes: number, fraction: number): boolean {
    const isSparse = this.isTelling && nodes < SPARSE_PER_DISTANCE * fraction * this.#networkSize
    return isSparse || !this.isLikely(nodes, fraction)
  }

  /** Whether something is so near to a target that only `nodes` are expected to be nearer. */
  isWithin(nodes: number, fraction: number): boolean {
    return fraction * this.#networkSize <= nodes
  }
}
