/** Many timers behind one: a node of the DHT arms a single timer of the clock, for its earliest deadline. */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'

interface Deadline {
  readonly at: Millis
  readonly sequence: number
  /** Undefined once cancelled. */
  fn: (() => void) | undefined
}

function isBefore(a: Deadline, b: Deadline): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}

/** A clock on top of a clock. */
export class Deadlines implements Clock {
  readonly #clock: Clock
  /** A binary heap; cancelled deadlines lie in it until they come up. */
  readonly #heap: Deadline[] = []
  #sequence = 0
  #armed: { readonly at: Millis; readonly cancel: Cancel } | undefined
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): Millis {
    return this.#clock.now()
  }

  wallNow(): number {
    return this.#clock.wallNow()
  }

  after(delay: Millis, fn: () => void): Cancel {
    if (this.#isClosed) return () => undefined
    const deadline: Deadline = { at: this.now() + Math.max(0, delay), sequence: this.#sequence++, fn }
    this.#push(deadline)
    this.#arm()
    return () => {
      deadline.fn = undefined
    }
  }

  /** Forgets all deadlines and takes no more. */
  close(): void {
    this.#isClosed = true
    this.#heap.length = 0
    this.#armed?.cancel()
    this.#armed = undefined
  }

  #arm(): void {
    const next = this.#heap[0]
    if (next === undefined || (this.#armed !== undefined && this.#armed.at <= next.at)) return
    this.#armed?.cancel()
    const cancel = this.#clock.after(next.at - this.now(), () => this.#fire())
    this.#armed = { at: next.at, cancel }
  }

  #fire(): void {
    this.#armed = undefined
    const now = this.now()
    // Only what was due when the timer fired: a deadline set by one of these runs in a later turn.
    const end = this.#sequence
    while (this.#heap.length > 0) {
      const next = this.#heap[0]!
      if (next.fn !== undefined && (next.at > now || next.sequence >= end)) break
      this.#pop()
      next.fn?.()
    }
    this.#arm()
  }

  #push(deadline: Deadline): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!isBefore(deadline, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = deadline
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
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
  }
}
