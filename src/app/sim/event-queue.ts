/**
 * Pending events in the order of their times, and at equal times in the order of planning. A heap in typed arrays: a hundred
 * thousand nodes keep as many timers in it, and each message passes through.
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
  /** The other way round. */
  #places = new Int32Array(FIRST_CAPACITY)
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

  /** @returns its handle, until it is taken */
  add(at: Millis, event: T): number {
    if (this.#size === this.#times.length) this.#grow()
    const slot = this.#freeSlots.pop() ?? this.#events.length
    this.#events[slot] = event
    this.#rise(this.#size++, at, this.#sequence++, slot)
    return slot
  }

  /** As if it had been removed and added again. */
  move(handle: number, at: Millis): void {
    const place = this.#places[handle]!
    const sequence = this.#sequence++
    if (at < this.#times[place]!) this.#rise(place, at, sequence, handle)
    else this.#sink(place, at, sequence, handle)
  }

  remove(handle: number): void {
    const place = this.#places[handle]!
    this.#free(handle)
    const last = --this.#size
    if (place === last) return
    // The last one takes the place, and its own from there, up or down.
    this.#rise(place, this.#times[last]!, this.#sequences[last]!, this.#slots[last]!)
    if (this.#slots[place] === this.#slots[last])
      this.#sink(place, this.#times[last]!, this.#sequences[last]!, this.#slots[last]!)
  }

  /** The next one, if there is one. */
  take(): T | undefined {
    if (this.#size === 0) return undefined
    const slot = this.#slots[0]!
    const event = this.#events[slot]
    this.#free(slot)
    const last = --this.#size
    if (last > 0) this.#sink(0, this.#times[last]!, this.#sequences[last]!, this.#slots[last]!)
    return event
  }

  #free(slot: number): void {
    this.#events[slot] = undefined
    this.#freeSlots.push(slot)
  }

  /** Puts something into a place that is free, or above it: whatever it comes before sinks. */
  #rise(place: number, at: Millis, sequence: number, slot: number): void {
    let hole = place
    while (hole > 0) {
      const parent = ((hole - 1) / ARITY) | 0
      if (!this.#isAfter(parent, at, sequence)) break
      this.#copy(parent, hole)
      hole = parent
    }
    this.#put(hole, at, sequence, slot)
  }

  /** Puts something into a place that is free, or below it: whatever comes before it rises. */
  #sink(place: number, at: Millis, sequence: number, slot: number): void {
    const times = this.#times
    const sequences = this.#sequences
    const size = this.#size
    let hole = place
    for (;;) {
      const first = ARITY * hole + 1
      if (first >= size) break
      let next = first
      const end = Math.min(first + ARITY, size)
      for (let child = first + 1; child < end; child++)
        if (this.#isAfter(next, times[child]!, sequences[child]!)) next = child
      if (this.#isAfter(next, at, sequence)) break
      this.#copy(next, hole)
      hole = next
    }
    this.#put(hole, at, sequence, slot)
  }

  #copy(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#sequences[from]!, this.#slots[from]!)
  }

  #put(place: number, at: Millis, sequence: number, slot: number): void {
    this.#times[place] = at
    this.#sequences[place] = sequence
    this.#slots[place] = slot
    this.#places[slot] = place
  }

  /** Whether the one in a place is due after another. */
  #isAfter(place: number, at: Millis, sequence: number): boolean {
    const own = this.#times[place]!
    return own > at || (own === at && this.#sequences[place]! > sequence)
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
    const places = new Int32Array(capacity)
    places.set(this.#places)
    this.#places = places
  }
}
