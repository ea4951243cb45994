/** Recent round trips, which give the timeout for a remote that was never measured. */
import type { Millis } from '../../protocol/ports.ts'
import type { Profile } from '../wire/source-limiter.ts'

/** Samples kept. A power of two; 256 bytes a window. */
const SAMPLES = 64

/** The quantile is recomputed after this many new samples. */
const RECOMPUTE_EVERY = 8

/**
 * The share of round trips that is shorter than that timeout. Asking one of five again, or another instead, costs less than
 * waiting for what was lost.
 */
const IN_TIME = 0.8

/** Bounds of a soft timeout: a shorter one would measure scheduling noise; beyond the longest, asking another node is cheaper. */
const RTO_BOUNDS: Readonly<Record<Profile, { readonly min: Millis; readonly max: Millis }>> = {
  lan: { min: 5, max: 200 },
  wan: { min: 80, max: 1_000 },
}

/** Shared by all windows, since one is examined at a time. */
const sorted = new Float32Array(SAMPLES)

/** The samples of all windows in a process: an array for each would take as much again as its samples. */
export class RttSamples {
  #samples = new Float32Array(0)
  #used = 0
  readonly #free: number[] = []

  /** @returns where {@link SAMPLES} begin that nobody else has; their owner closes them */
  open(): number {
    const first = this.#free.pop() ?? this.#used
    if (first < this.#used) return first
    this.#used += SAMPLES
    if (this.#used > this.#samples.length) {
      const longer = new Float32Array(Math.max(this.#used, 2 * this.#samples.length))
      longer.set(this.#samples)
      this.#samples = longer
    }
    return first
  }

  close(first: number): void {
    this.#free.push(first)
  }

  put(at: number, rttMs: Millis): void {
    this.#samples[at] = rttMs
  }

  /** The first `count` from `first` on, in order of size: valid until the next call. */
  sorted(first: number, count: number): Float32Array {
    for (let at = 0; at < count; at++) sorted[at] = this.#samples[first + at]!
    return sorted.fill(Number.POSITIVE_INFINITY, count).sort()
  }
}

export class RttWindow {
  readonly #profile: Profile
  readonly #samples: RttSamples
  /** Where its own samples begin; undefined before there are any. */
  #first: number | undefined
  #count = 0
  /** Samples that `#rto` knows of. */
  #counted = 0
  #rto: Millis

  constructor(profile: Profile, samples: RttSamples) {
    this.#profile = profile
    this.#samples = samples
    this.#rto = RTO_BOUNDS[profile].max
  }

  onSample(rttMs: Millis): void {
    this.#first ??= this.#samples.open()
    this.#samples.put(this.#first + (this.#count++ % SAMPLES), rttMs)
  }

  /** The soft timeout of one request. @param measured the remote's own, when there is one */
  timeout(measured: Millis | undefined): Millis {
    const { min, max } = RTO_BOUNDS[this.#profile]
    return Math.min(max, Math.max(min, measured ?? this.#usualRto()))
  }

  #usualRto(): Millis {
    if (this.#first !== undefined && this.#count - this.#counted >= RECOMPUTE_EVERY) {
      const size = Math.min(this.#count, SAMPLES)
      this.#rto = this.#samples.sorted(this.#first, size)[Math.floor(IN_TIME * (size - 1))]!
      this.#counted = this.#count
    }
    return this.#rto
  }

  /** Forgets everything. */
  close(): void {
    if (this.#first !== undefined) this.#samples.close(this.#first)
    this.#first = undefined
    this.#count = 0
    this.#counted = 0
  }
}
