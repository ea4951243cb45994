/** Many timers behind one: a node of the DHT arms a single timer of the clock, for its earliest deadline. */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'
import { TimerQueue } from '../protocol/timer-queue.ts'

/** A clock on top of a clock. */
export class Deadlines implements Clock {
  readonly #clock: Clock
  readonly #timers = new TimerQueue()
  /** When the clock will wake us, unless it is {@link #disarm}ed; infinity when it will not. */
  #armedAt: Millis = Number.POSITIVE_INFINITY
  #disarm: Cancel | undefined
  readonly #onDue = (): void => this.#fire()
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
    this.#disarm?.()
  }

  #arm(): void {
    const next = this.#timers.peek()
    if (next === undefined || this.#armedAt <= next.at) return
    this.#disarm?.()
    this.#armedAt = next.at
    this.#disarm = this.#clock.after(next.at - this.now(), this.#onDue)
  }

  #fire(): void {
    this.#armedAt = Number.POSITIVE_INFINITY
    this.#disarm = undefined
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
