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

/** A binary heap. Cancelled timers lie in it until they come up; they are never seen from outside. */
export class TimerQueue {
  readonly #heap: Timer[] = []
  #sequence = 0

  /** Timers that lie here, cancelled ones included. */
  get size(): number {
    return this.#heap.length
  }

  /** The number that the next timer gets. */
  get nextSequence(): number {
    return this.#sequence
  }

  /** Cancel it by taking its `fn` away. */
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

  /** The next one that is not cancelled; it stays. */
  peek(): Timer | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.fn === undefined) this.pop()
    return this.#heap[0]
  }

  /** Takes off the one on top, which {@link peek} has shown. */
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
