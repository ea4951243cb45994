/** Timers in the order in which they are due, and of equal ones in the order in which they were set. */
import type { Millis } from './ports.ts'

export interface Timer {
  readonly at: Millis
  /** Counts up with each timer of a queue. */
  readonly sequence: number
  /** Undefined once cancelled. */
  fn: (() => void) | undefined
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}

/** A binary heap. Cancelled timers stay in it until they reach the top; they are never visible from outside. */
export class TimerQueue {
  readonly #heap: Timer[] = []
  #sequence = 0

  /** Timers in the heap, including cancelled ones. */
  get size(): number {
    return this.#heap.length
  }

  /** The number that the next timer gets. */
  get nextSequence(): number {
    return this.#sequence
  }

  /** Cancelled by removing its `fn`. */
  add(at: Millis, fn: () => void): Timer {
    const heap = this.#heap
    const timer: Timer = { at, sequence: this.#sequence++, fn }
    let hole = heap.length
    while (hole > 0) {
      const parent = (hole - 1) >>> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[hole] = heap[parent]!
      hole = parent
    }
    heap[hole] = timer
    return timer
  }

  /** The next timer that is not cancelled; it stays in the queue. */
  peek(): Timer | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.fn === undefined) this.pop()
    return this.#heap[0]
  }

  /** Removes the timer that {@link peek} returned. */
  pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[hole] = heap[child]!
      hole = child
    }
    heap[hole] = last
  }

  clear(): void {
    this.#heap.length = 0
  }
}
