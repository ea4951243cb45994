/** Virtual time: it passes only from timer to timer, so that a run is the same every time. */
import type { Cancel, Clock, Millis } from '../../protocol/ports.ts'
import { TimerQueue } from '../../protocol/timer-queue.ts'

export class SimClock implements Clock {
  #now: Millis = 0
  readonly #timers = new TimerQueue()
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
    const timer = this.#timers.add(this.#now + Math.max(0, delay), fn)
    return () => {
      timer.fn = undefined
    }
  }

  /** Timers that have not fired, cancelled ones that have not come up included. */
  get pending(): number {
    return this.#timers.size
  }

  /** Fires the next timer. @returns false when there is none */
  step(): boolean {
    const timer = this.#timers.peek()
    if (timer === undefined) return false
    this.#timers.pop()
    this.#now = timer.at
    timer.fn!()
    return true
  }

  /** Runs all timers up to `until` and leaves the clock there. */
  runUntil(until: Millis): void {
    for (let next = this.#timers.peek(); next !== undefined && next.at <= until; next = this.#timers.peek())
      this.step()
    this.#now = Math.max(this.#now, until)
  }
}
