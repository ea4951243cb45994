/**
 * What is to happen, in the order of its time, and at equal times in the order in which it was planned. A heap in
 * typed arrays: a hundred thousand nodes keep as many timers in it, and each message passes through.
 */
import type { Millis } from '../../protocol/ports.ts'

const FIRST_CAPACITY = 1_024

/** Children of a node of the heap: four of them lie side by side in one line of the cache. */
const ARITY = 4

export class EventQueue<T> {
  #times = new Float64Array(FIRST_CAPACITY)
  /** Whole numbers that a double holds exactly. */
  #sequences = new Float64Array(FIRST_CAPACITY)
  /** Where the event of each place of the heap lies in `#events`. */
  #slots = new Int32Array(FIRST_CAPACITY)
  readonly #events: (T | undefined)[] = []
  readonly #freeSlots: number[] = []
  #size = 0
  #sequence = 0

  get size(): number {
    return this.#size
  }

  /** When the next one is due; infinity when there is none. */
  get nextAt(): Millis {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!
  }

  add(at: Millis, event: T): void {
    if (this.#size === this.#times.length) this.#grow()
    const slot = this.#freeSlots.pop() ?? this.#events.length
    this.#events[slot] = event
    const times = this.#times
    const sequences = this.#sequences
    const slots = this.#slots
    let hole = this.#size++
    // A newcomer is the last among its equals: it rises only above later ones.
    while (hole > 0) {
      const parent = ((hole - 1) / ARITY) | 0
      if (times[parent]! <= at) break
      times[hole] = times[parent]!
      sequences[hole] = sequences[parent]!
      slots[hole] = slots[parent]!
      hole = parent
    }
    times[hole] = at
    sequences[hole] = this.#sequence++
    slots[hole] = slot
  }

  /** The next one, if there is one. */
  take(): T | undefined {
    if (this.#size === 0) return undefined
    const slot = this.#slots[0]!
    const event = this.#events[slot]
    this.#events[slot] = undefined
    this.#freeSlots.push(slot)
    if (--this.#size > 0) this.#sink()
    return event
  }

  /** Puts the last one of the heap where the first was, and lets it sink to its place. */
  #sink(): void {
    const times = this.#times
    const sequences = this.#sequences
    const slots = this.#slots
    const size = this.#size
    const at = times[size]!
    const sequence = sequences[size]!
    const slot = slots[size]!
    let hole = 0
    for (;;) {
      const first = ARITY * hole + 1
      if (first >= size) break
      let next = first
      const end = Math.min(first + ARITY, size)
      for (let child = first + 1; child < end; child++)
        if (this.#isBefore(child, times[next]!, sequences[next]!)) next = child
      if (!this.#isBefore(next, at, sequence)) break
      times[hole] = times[next]!
      sequences[hole] = sequences[next]!
      slots[hole] = slots[next]!
      hole = next
    }
    times[hole] = at
    sequences[hole] = sequence
    slots[hole] = slot
  }

  #isBefore(place: number, at: Millis, sequence: number): boolean {
    const own = this.#times[place]!
    return own < at || (own === at && this.#sequences[place]! < sequence)
  }

  #grow(): void {
    const capacity = 2 * this.#times.length
    const times = new Float64Array(capacity)
    times.set(this.#times)
    this.#times = times
    const sequences = new Float64Array(capacity)
    sequences.set(this.#sequences)
    this.#sequences = sequences
    const slots = new Int32Array(capacity)
    slots.set(this.#slots)
    this.#slots = slots
  }
}
