/**
 * An alarm made of timers. A timer that would fire too early is left to fire, and is followed by another: cancelling it costs as
 * much as waking up for nothing, and most alarms are postponed again and again.
 */
import type { Alarm, Cancel, Clock, Millis } from './ports.ts'

const NEVER = Number.POSITIVE_INFINITY

export class TimerAlarm implements Alarm {
  readonly #clock: Clock
  readonly #fn: () => void
  #at: Millis = NEVER
  #timer: Cancel | undefined
  #timerAt: Millis = NEVER

  constructor(clock: Clock, fn: () => void) {
    this.#clock = clock
    this.#fn = fn
  }

  set(at: Millis): void {
    this.#at = at
    if (at < this.#timerAt) this.#wait()
  }

  clear(): void {
    this.#at = NEVER
    this.#timer?.()
    this.#timerAt = NEVER
  }

  #wait(): void {
    this.#timer?.()
    this.#timerAt = this.#at
    this.#timer = this.#clock.after(this.#at - this.#clock.now(), () => this.#onTimer())
  }

  #onTimer(): void {
    this.#timerAt = NEVER
    if (this.#at > this.#clock.now()) return this.#wait()
    this.#at = NEVER
    this.#fn()
  }
}
