/** Which machines cannot reach each other. Several faults may cut the same pair, which is joined when the last one ends. */
import type { SimStreams } from '../stream-network.ts'

export class NetworkCuts {
  readonly #streams: SimStreams
  readonly #counts = new Map<string, number>()

  constructor(streams: SimStreams) {
    this.#streams = streams
  }

  /** @param between addresses on either side @returns what joins them again */
  cut(side: readonly string[], others: readonly string[]): () => void {
    const pairs = side.flatMap((a) => others.map((b) => [a, b].toSorted() as [string, string]))
    for (const [a, b] of pairs) if (this.#count(a, b, 1) === 1) this.#streams.partition(a, b)
    return () => {
      for (const [a, b] of pairs) if (this.#count(a, b, -1) === 0) this.#streams.heal(a, b)
    }
  }

  #count(a: string, b: string, by: number): number {
    const key = `${a} ${b}`
    const count = (this.#counts.get(key) ?? 0) + by
    this.#counts.set(key, count)
    return count
  }
}
