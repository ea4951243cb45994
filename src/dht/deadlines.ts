/**
 * Many timers behind few: a node of the DHT has the clock wake it at its earliest deadline. A wake that was asked for stays when
 * an earlier one is asked for, as most deadlines are soon taken back, and the later one is due again.
 */
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'
import { TimerQueue, type Timer } from '../protocol/timer-queue.ts'

interface Wake {
  readonly at: Millis
  readonly cancel: Cancel
  /** The next one, if there is one: most nodes of a simulation have one or two, and a list has places for many. */
  readonly later: Wake | undefined
}

/** A clock on top of a clock. */
export class Deadlines implements Clock {
  readonly #clock: Clock
  readonly #timers = new TimerQueue()
  /** When the clock will wake us: the earliest time. */
  #wake: Wake | undefined
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
    return () => this.#cancel(timer)
  }

  /** Forgets all deadlines and takes no more. */
  close(): void {
    this.#isClosed = true
    this.#timers.clear()
    for (let wake = this.#wake; wake !== undefined; wake = wake.later) wake.cancel()
    this.#wake = undefined
  }

  #cancel(timer: Timer): void {
    timer.fn = undefined
    const wake = this.#wake
    if (wake?.later === undefined || wake.at !== timer.at) return
    // The wake was for this one alone, if the one behind it comes in time for the next.
    const next = this.#timers.peek()
    if (next !== undefined && next.at < wake.later.at) return
    wake.cancel()
    this.#wake = wake.later
  }

  #arm(): void {
    const next = this.#timers.peek()
    const wake = this.#wake
    if (next === undefined || (wake !== undefined && wake.at <= next.at)) return
    const cancel = this.#clock.after(next.at - this.now(), this.#onDue)
    this.#wake = { at: next.at, cancel, later: wake }
  }

  #fire(): void {
    this.#wake = this.#wake?.later
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
