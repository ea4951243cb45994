/** Throughput: bytes per second over the last few seconds. */
import type { Millis } from '../protocol/ports.ts'

/** The time over which a rate is measured. */
export const RATE_WINDOW: Millis = 5_000
const SLOT: Millis = 250
const SLOTS = RATE_WINDOW / SLOT
const NO_SLOTS = new Float64Array(0)

export class RateMeter {
  /** Bytes of the slots of the window, in a ring by slot number; none before the first byte: most peers are idle. */
  #slots = NO_SLOTS
  #slot = -1
  #sum = 0
  #total = 0
  #startedAt: Millis = 0

  add(bytes: number, now: Millis): void {
    this.#advance(now)
    this.#slots[this.#slot % SLOTS]! += bytes
    this.#sum += bytes
    this.#total += bytes
  }

  /** Bytes since the start. */
  get total(): number {
    return this.#total
  }

  /** Bytes a second; of a meter that is younger than its window: since its first byte, a slot at least. */
  rate(now: Millis): number {
    if (this.#slot < 0) return 0
    this.#advance(now)
    const windowStart = (this.#slot - SLOTS + 1) * SLOT
    return (this.#sum * 1_000) / Math.max(SLOT, now - Math.max(windowStart, this.#startedAt))
  }

  #advance(now: Millis): void {
    const slot = Math.floor(now / SLOT)
    if (this.#slot < 0) {
      this.#slots = new Float64Array(SLOTS)
      this.#slot = slot
      this.#startedAt = now
      return
    }
    if (slot - this.#slot >= SLOTS) {
      this.#slots.fill(0)
      this.#sum = 0
      this.#slot = slot
    }
    while (this.#slot < slot) {
      this.#slot++
      this.#sum -= this.#slots[this.#slot % SLOTS]!
      this.#slots[this.#slot % SLOTS] = 0
    }
  }
}
