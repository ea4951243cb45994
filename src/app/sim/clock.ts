/** Virtual time: a heap of timers ordered by (time, sequence), so that a run is the same every time. */
import type { Cancel, Clock, Millis } from '../../protocol/ports.ts'

interface Timer {
  readonly at: Millis
  readonly sequence: number
  fn: (() => void) | undefined
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}

export class SimClock implements Clock {
  #now: Millis = 0
  #sequence = 0
  readonly #heap: Timer[] = []
  readonly #wallAtStart: number

  /** @param wallAtStart Unix milliseconds at virtual time zero */
  constructor(wallAtStart: number = Date.UTC(2026, 0, 1)) {
    this.#wallAtStart = wallAtStart
  }

  now(): Millis {
    return this.#now
  }

  wallNow(): number {
    return this.#wallAtStart + this.#now
  }

  after(delay: Millis, fn: () => void): Cancel {
    const timer: Timer = { at: this.#now + Math.max(0, delay), sequence: this.#sequence++, fn }
    this.#push(timer)
    return () => {
      timer.fn = undefined
    }
  }

  /** Timers that have not fired, cancelled ones that still lie in the heap included. */
  get pending(): number {
    return this.#heap.length
  }

  /** Fires the next timer. @returns false when there is none */
  step(): boolean {
    for (;;) {
      const timer = this.#pop()
      if (timer === undefined) return false
      if (timer.fn === undefined) continue
      this.#now = timer.at
      timer.fn()
      return true
    }
  }

  /** Runs all timers up to `until` and leaves the clock there. */
  runUntil(until: Millis): void {
    for (;;) {
      while (this.#heap.length > 0 && this.#heap[0]!.fn === undefined) this.#pop()
      if (this.#heap.length === 0 || this.#heap[0]!.at > until) break
      this.step()
    }
    this.#now = Math.max(this.#now, until)
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(timer)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}
