/** The inputs that go on to be spoiled: the shortest one for each feature that was ever seen. */
import type { Random } from '../../../src/protocol/ports.ts'
import { MAX_FEATURES, pointOf, type Coverage, type Feature } from './coverage.ts'

interface Input {
  readonly data: Uint8Array
  /** Features for which no shorter input is known; without any it goes. */
  owned: number
}

export class Corpus {
  readonly #owners = new Map<Feature, Input>()
  /** Of the owner, 0 where there is none: kept apart, as it is asked for with every input. */
  readonly #lengths = new Uint32Array(MAX_FEATURES)
  readonly #points = new Set<number>()
  #inputs: Input[] = []

  /** Every one of them owns something; the newest come last. */
  get inputs(): readonly Uint8Array[] {
    return this.#inputs.map(({ data }) => data)
  }

  get size(): number {
    return this.#inputs.length
  }

  get features(): number {
    return this.#owners.size
  }

  get points(): ReadonlySet<number> {
    return this.#points
  }

  /** Keeps `data` if it shows something new, or is shorter than all that showed the same. @returns whether it is new */
  observe(data: Uint8Array, coverage: Coverage): boolean {
    // An empty input owns what it reaches, too.
    const length = data.length + 1
    const found: Feature[] = []
    let isNew = false
    coverage.forEachFeature((feature) => {
      const owned = this.#lengths[feature]!
      if (owned !== 0 && owned <= length) return
      found.push(feature)
      if (owned === 0) isNew = true
    })
    if (found.length > 0) this.#own({ data: data.slice(), owned: 0 }, found)
    return isNew
  }

  pick(random: Random): Uint8Array {
    const { length } = this.#inputs
    // The newest have been tried least.
    const at = random.int(4) === 0 ? length - 1 - random.int(Math.ceil(length / 8)) : random.int(length)
    return this.#inputs[at]!.data
  }

  /** The shortest for each point, however often it was passed: few enough to be kept in the repository. */
  gist(): readonly Uint8Array[] {
    const shortest = new Map<number, Uint8Array>()
    for (const [feature, owner] of this.#owners) {
      const known = shortest.get(pointOf(feature))
      if (known === undefined || owner.data.length < known.length) shortest.set(pointOf(feature), owner.data)
    }
    return [...new Set(shortest.values())]
  }

  #own(input: Input, features: readonly Feature[]): void {
    for (const feature of features) {
      const before = this.#owners.get(feature)
      if (before !== undefined && --before.owned === 0)
        this.#inputs = this.#inputs.filter((each) => each !== before)
      this.#owners.set(feature, input)
      this.#lengths[feature] = input.data.length + 1
      this.#points.add(pointOf(feature))
    }
    input.owned = features.length
    this.#inputs.push(input)
  }
}
