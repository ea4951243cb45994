/** Timers in the order in which they are due, and of equal ones in the order in which they were set. */
import type { Millis } from './ports.ts'

export interface Timer {
  readonly at: Millis
  /** Counts up with each timer of a queue. */
  readonly sequence: number
  /** Undefined once cancelled. */
  fn: (() => void) | undefined
  /** Links of the heap: the first of the timers below this one, and the next one below the same parent. */
  child: Timer | undefined
  next: Timer | undefined
}

/**
 * A pairing heap: adding a timer takes one comparison, and there is no array, which would be larger than the two or three timers of
 * an idle node. Cancelled timers stay in it until they reach the top; they are never visible from outside.
 */
export class TimerQueue {
  #top: Timer | undefined
  #sequence = 0

  /** The number that the next timer gets. */
  get nextSequence(): number {
    return this.#sequence
  }

  /** Cancelled by removing its `fn`. */
  add(at: Millis, fn: () => void): Timer {
    const timer: Timer = { at, sequence: this.#sequence++, fn, child: undefined, next: undefined }
    this.#top = merge(this.#top, timer)
    return timer
  }

  /** The next timer that is not cancelled; it stays in the queue. */
  peek(): Timer | undefined {
    while (this.#top !== undefined && this.#top.fn === undefined) this.pop()
    return this.#top
  }

  /** Removes the timer that {@link peek} returned. */
  pop(): void {
    this.#top = mergeAll(this.#top?.child)
  }

  clear(): void {
    this.#top = undefined
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}

function merge(a: Timer | undefined, b: Timer): Timer {
  if (a === undefined) return b
  return isBefore(b, a) ? adopt(b, a) : adopt(a, b)
}

function adopt(parent: Timer, child: Timer): Timer {
  child.next = parent.child
  parent.child = child
  return parent
}

/** Merges siblings in pairs, then the pairs from last to first: this order keeps `pop` logarithmic (amortized). */
function mergeAll(first: Timer | undefined): Timer | undefined {
  let pairs: Timer | undefined
  for (let one = first; one !== undefined;) {
    const two: Timer | undefined = one.next
    const rest: Timer | undefined = two?.next
    const pair: Timer = two === undefined ? one : merge(one, two)
    pair.next = pairs
    pairs = pair
    one = rest
  }
  let top: Timer | undefined
  for (let pair = pairs; pair !== undefined;) {
    const rest: Timer | undefined = pair.next
    pair.next = undefined
    top = merge(top, pair)
    pair = rest
  }
  return top
}
