/** What round trips were like lately: the timeout for a remote that was never measured. */
import type { Millis } from '../../protocol/ports.ts'
import type { Profile } from '../wire/source-limiter.ts'

/** Samples kept. A power of two; 256 bytes a window. */
const SAMPLES = 64

/** A quantile is recomputed after so many new samples. */
const RECOMPUTE_EVERY = 8

/**
 * Of the round trips to others, the share that is shorter than the timeout for a remote that was never measured. To
 * ask one of five once more, or another instead, costs less than to wait for what was lost.
 */
const IN_TIME = 0.8

/** Bounds of a soft timeout: below, scheduling noise rules; above, waiting longer than asking another costs more. */
export const RTO_BOUNDS: Readonly<Record<Profile, { readonly min: Millis; readonly max: Millis }>> = {
  lan: { min: 5, max: 200 },
  wan: { min: 80, max: 1_000 },
}

/** For all windows, as one is looked at at a time. */
const sorted = new Float32Array(SAMPLES)

export class RttWindow {
  readonly #profile: Profile
  #samples: Float32Array | undefined
  #count = 0
  /** Samples that `#rto` knows of. */
  #counted = 0
  #rto: Millis

  constructor(profile: Profile) {
    this.#profile = profile
    this.#rto = RTO_BOUNDS[profile].max
  }

  onSample(rttMs: Millis): void {
    this.#samples ??= new Float32Array(SAMPLES)
    this.#samples[this.#count++ % SAMPLES] = rttMs
  }

  /** The soft timeout of one request. @param measured the remote's own, when there is one */
  timeout(measured: Millis | undefined): Millis {
    const { min, max } = RTO_BOUNDS[this.#profile]
    return Math.min(max, Math.max(min, measured ?? this.#usualRto()))
  }

  #usualRto(): Millis {
    if (this.#samples !== undefined && this.#count - this.#counted >= RECOMPUTE_EVERY) {
      const size = Math.min(this.#count, SAMPLES)
      sorted.set(this.#samples)
      sorted.fill(Number.POSITIVE_INFINITY, size).sort()
      this.#rto = sorted[Math.floor(IN_TIME * (size - 1))]!
      this.#counted = this.#count
    }
    return this.#rto
  }
}
