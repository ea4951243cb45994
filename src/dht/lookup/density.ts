/**
 * Whether ids lie about a target as chance puts them. Who may choose ids puts his right beside the target and is all
 * eight of the nearest; of nodes with ids by chance, two are hardly ever within a hundredth of the usual distance.
 */

/** Nodes that may lie arbitrarily near to a target, and more for each usual distance. */
const ANYWHERE = 2
const PER_USUAL_DISTANCE = 6
/** In smaller networks there is nothing to gain: everybody knows everybody. */
const MIN_NETWORK = 100

export class Density {
  readonly #networkSize: number

  /** @param networkSize how many nodes there are, give or take a factor of two; 0 to find anything plausible */
  constructor(networkSize: number) {
    this.#networkSize = networkSize
  }

  /** Whether so many nodes may lie within `fraction` of the space around a target. */
  isPlausible(nodes: number, fraction: number): boolean {
    if (this.#networkSize < MIN_NETWORK) return true
    return nodes <= ANYWHERE + PER_USUAL_DISTANCE * fraction * this.#networkSize
  }
}
