/** Measured values, and what is said of them. */
export class Samples {
  readonly #values: number[] = []
  #isSorted = true

  add(value: number): void {
    this.#values.push(value)
    this.#isSorted = false
  }

  get count(): number {
    return this.#values.length
  }

  /** NaN of nothing. */
  get mean(): number {
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length
  }

  /** The smallest value that is not below a share `q` of all; NaN of nothing. */
  quantile(q: number): number {
    if (!this.#isSorted) this.#values.sort((a, b) => a - b)
    this.#isSorted = true
    return this.#values[Math.max(0, Math.ceil(q * this.#values.length) - 1)] ?? Number.NaN
  }
}
