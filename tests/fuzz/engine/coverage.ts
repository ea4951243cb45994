/** Which ways the code has gone, as its counters tell. */

/** Counters that all sources together may have. */
const MAX_POINTS = 65_536
/** How often a point was passed is taken for the same within such a step: 1, 2, 3, 4 … 7, 8 … 15, 16 … 31, 32 … 127, more. */
const STEPS = 8
const STEP_OF = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count < 4) return Math.max(0, count - 1)
  return [8, 16, 32, 128, 256].findIndex((end) => count < end) + 3
})

/** A point and the step of how often it was passed: what inputs are kept for. */
export type Feature = number

export class Coverage {
  /** Written by instrumented code; wraps at 256. */
  readonly hits: Uint8Array<ArrayBuffer> = new Uint8Array(MAX_POINTS)
  /** Four counters each: most are zero, and are passed over together. */
  readonly #quads = new Uint32Array(this.hits.buffer)
  #points = 0

  get points(): number {
    return this.#points
  }

  /** @returns the number of the first of `count` new points */
  claim(count: number): number {
    const first = this.#points
    this.#points += count
    if (this.#points > MAX_POINTS) throw new RangeError(`more than ${MAX_POINTS} points`)
    return first
  }

  reset(): void {
    this.hits.fill(0, 0, this.#points)
  }

  /** What was passed since the last reset. @param onFeature called for each */
  forEachFeature(onFeature: (feature: Feature) => void): void {
    for (let point = 0; point < this.#points; point += 4) {
      if (this.#quads[point / 4] === 0) continue
      for (let at = point; at < point + 4; at++) {
        const count = this.hits[at]!
        if (count !== 0) onFeature(at * STEPS + STEP_OF[count]!)
      }
    }
  }
}

export function pointOf(feature: Feature): number {
  return Math.floor(feature / STEPS)
}

/** The number of features that there can be. */
export const MAX_FEATURES: number = MAX_POINTS * STEPS
