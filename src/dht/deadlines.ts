/** Many timers behind one: a node of the DHT arms a single timer of the clock, for its earliest deadline. */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'
import { TimerQueue } from '../protocol/timer-queue.ts'

/** A clock on top of a clock. */
export class Deadlines implements Clock {
  readonly #clock: Clock
  readonly #timers = new TimerQueue()
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
    const timer = this.#timers.add(this.now() + Math.max(0, delay), fn)
    this.#arm()
    return () => {
      timer.fn = undefined
    }
  }

  /** Forgets all deadlines and takes no more. */
  close(): void {
    this.#isClosed = true
    this.#timers.clear()
    this.#armed?.cancel()
    this.#armed = undefined
  }

  #arm(): void {
    const next = this.#timers.peek()
    if (next === undefined || (this.#armed !== undefined && this.#armed.at <= next.at)) return
    this.#armed?.cancel()
    const cancel = this.#clock.after(next.at - this.now(), () => this.#fire())
    this.#armed = { at: next.at, cancel }
  }

  #fire(): void {
    this.#armed = undefined
    const now = this.now()
    // Only what was due when the timer fired: a deadline set by one of these runs in a later turn.
    const end = this.#timers.nextSequence
    for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
      if (next.at > now || next.sequence >= end) break
      this.#timers.pop()
      next.fn!()
    }
    this.#arm()
  }
}
