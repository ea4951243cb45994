/** What the code compared and found different: what stands in the input for one side could be the other. */

/** The latest ones that are remembered. */
const MAX_KEPT = 64

export type Comparable = string | number

export interface Comparison {
  readonly left: Comparable
  readonly right: Comparable
}

export class Comparisons {
  readonly #kept: Comparison[] = []
  #next = 0

  get kept(): readonly Comparison[] {
    return this.#kept
  }

  /** `===`, and remembers what it was asked. */
  readonly isEqual = (left: unknown, right: unknown): boolean => {
    if (left === right) return true
    if (typeof left === 'string') {
      if (typeof right === 'string') this.#keep(left, right)
      // Single bytes are found by trying.
    } else if (typeof left === 'number' && typeof right === 'number' && (left > 255 || right > 255))
      this.#keep(left, right)
    return false
  }

  #keep(left: Comparable, right: Comparable): void {
    this.#kept[this.#next] = { left, right }
    this.#next = (this.#next + 1) % MAX_KEPT
  }
}
