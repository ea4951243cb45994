/**
 * Whether ids are spread around a target as chance would spread them. An attacker that may choose ids places them right
 * beside the target and is all of the eight nearest; of nodes with random ids, hardly ever are two within a hundredth of the
 * usual distance.
 */
import type { LookupEntry } from './lookup-entry.ts'

/** Nodes that may be arbitrarily near a target, and how many more for each usual distance: others are refused. */
const ANYWHERE = 2
const PER_USUAL_DISTANCE = 6
/** The same for what is usual, of which one target in a hundred has more, and for what is likely: one in twenty has more. */
const USUAL_PER_DISTANCE = 3
const LIKELY_PER_DISTANCE = 1.5
/** The same at the other end: one target in thirty has fewer. */
const SPARSE_PER_DISTANCE = 4 / 7
/** In smaller networks there is nothing to gain: everybody knows everybody. */
const MIN_NETWORK = 100

export class Density {
  readonly #networkSize: number

  /** @param networkSize nodes in the network, within a factor of two; 0 makes everything plausible */
  constructor(networkSize: number) {
    this.#networkSize = networkSize
  }

  /** Whether there are enough nodes to tell. */
  get isTelling(): boolean {
    return this.#networkSize >= MIN_NETWORK
  }

  /** Whether so many nodes may lie within `fraction` of the space around a target. */
  isPlausible(nodes: number, fraction: number): boolean {
    return !this.isTelling || nodes <= ANYWHERE + PER_USUAL_DISTANCE * fraction * this.#networkSize
  }

  /**
   * Whether there may be one more at `distance`, given those on a list, nearest first. Entries that do not
   * count or have failed are ignored.
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

  /** Whether so many are unlikely to be the nearest to a target: they are too close together, or nearer ones are missing. */
  isOdd(nodes: number, fraction: number): boolean {
    const isSparse = this.isTelling && nodes < SPARSE_PER_DISTANCE * fraction * this.#networkSize
    return isSparse || !this.isLikely(nodes, fraction)
  }

  /** Whether something is so near to a target that only `nodes` are expected to be nearer. */
  isWithin(nodes: number, fraction: number): boolean {
    return fraction * this.#networkSize <= nodes
  }
}
