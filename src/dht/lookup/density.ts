/**
 * Whether ids lie about a target as chance puts them. Who may choose ids puts his right beside the target and is all
 * eight of the nearest; of nodes with ids by chance, two are hardly ever within a hundredth of the usual distance.
 */

/** Nodes that may lie arbitrarily near to a target, and more for each usual distance: others are refused. */
const ANYWHERE = 2
const PER_USUAL_DISTANCE = 6
/** The same for what is usual: more of them, and it is worth a second look. */
const USUAL_PER_DISTANCE = 3
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

  /** Whether no more nodes lie there than is usual: of a hundred targets, one has more. */
  isUsual(nodes: number, fraction: number): boolean {
    return !this.isTelling || nodes <= ANYWHERE + USUAL_PER_DISTANCE * fraction * this.#networkSize
  }

  /** Whether something is so near to a target that only `nodes` are expected to be nearer. */
  isWithin(nodes: number, fraction: number): boolean {
    return fraction * this.#networkSize <= nodes
  }
}
