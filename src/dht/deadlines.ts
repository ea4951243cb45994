/** Many timers behind one alarm, which wakes a DHT node at its earliest deadline. */
import type { Alarm, AlarmClock, Cancel, Clock, Millis } from '../protocol/ports.ts'
import { TimerQueue, type Timer } from '../protocol/timer-queue.ts'

/** A clock on top of a clock. */
export class Deadlines implements Clock {
  readonly #clock: AlarmClock
  readonly #alarm: Alarm
  readonly #timers = new TimerQueue()
  /** When the alarm will ring; undefined when it will not. */
  #ringsAt: Millis | undefined
  #isFiring = false
  #isClosed = false

  constructor(clock: AlarmClock) {
    this.#clock = clock
    this.#alarm = clock.alarm(() => this.#fire())
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
    this.#alarm.clear()
  }

  #cancel(timer: Timer): void {
    timer.fn = undefined
    if (timer.at === this.#ringsAt) this.#arm()
  }

  /** Most deadlines are soon cancelled: the alarm is then set to the next one, so that the node is not woken for nothing. */
  #arm(): void {
    if (this.#isFiring) return
    const at = this.#timers.peek()?.at
    if (at === this.#ringsAt) return
    this.#ringsAt = at
    if (at === undefined) this.#alarm.clear()
    else this.#alarm.set(at)
  }

  #fire(): void {
    this.#ringsAt = undefined
    this.#isFiring = true
    const now = this.now()
    // Only what was due when the alarm rang: a deadline set by one of them comes in a later turn.
    const end = this.#timers.nextSequence
    for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
      if (next.at > now || next.sequence >= end) break
      this.#timers.pop()
      next.fn!()
    }
    this.#isFiring = false
    this.#arm()
  }
}
