/** Virtual time, which passes only from event to event, so that a run is the same every time. */
import type { Alarm, AlarmClock, Cancel, Millis } from '../../protocol/ports.ts'
import { EventQueue } from './event-queue.ts'

/** What happens when its time has come. */
export interface SimEvent {
  /** Nothing happens any more; virtual time does not stop for it. */
  readonly isCancelled: boolean
  happen(): void
}

export class SimClock implements AlarmClock {
  #now: Millis = 0
  readonly #events = new EventQueue<SimEvent>()
  #wallAtStart: number

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

  /** The date jumps against the monotonic clock, as it does when a machine wakes up. */
  shiftDate(ms: Millis): void {
    this.#wallAtStart += ms
  }

  after(delay: Millis, fn: () => void): Cancel {
    const timer = new Timer(fn)
    this.schedule(delay, timer)
    return () => timer.cancel()
  }

  alarm(fn: () => void): Alarm {
    return new SimAlarm(this.#events, fn)
  }

  /** As {@link after}, for callbacks that are never cancelled or that know when they are. */
  schedule(delay: Millis, event: SimEvent): void {
    this.#events.add(this.#now + Math.max(0, delay), event)
  }

  /** Pending events, including cancelled ones that have not come up. */
  get pending(): number {
    return this.#events.size
  }

  /** Lets the next event happen. @returns false when there is none */
  step(): boolean {
    return this.#stepUntil(Number.POSITIVE_INFINITY)
  }

  /** Runs all events up to `until`, and leaves the clock there. */
  runUntil(until: Millis): void {
    while (this.#stepUntil(until));
    this.#now = Math.max(this.#now, until)
  }

  #stepUntil(until: Millis): boolean {
    for (;;) {
      const at = this.#events.nextAt
      if (at > until || at === Number.POSITIVE_INFINITY) return false
      const event = this.#events.take()!
      if (event.isCancelled) continue
      this.#now = at
      event.happen()
      return true
    }
  }
}

class Timer implements SimEvent {
  #fn: (() => void) | undefined

  constructor(fn: () => void) {
    this.#fn = fn
  }

  get isCancelled(): boolean {
    return this.#fn === undefined
  }

  cancel(): void {
    this.#fn = undefined
  }

  happen(): void {
    const fn = this.#fn!
    this.#fn = undefined
    fn()
  }
}

/** Moves within the queue: what was planned before leaves nothing behind. */
class SimAlarm implements Alarm, SimEvent {
  readonly isCancelled = false
  readonly #events: EventQueue<SimEvent>
  readonly #fn: () => void
  /** Undefined while it is not in the queue. */
  #handle: number | undefined

  constructor(events: EventQueue<SimEvent>, fn: () => void) {
    this.#events = events
    this.#fn = fn
  }

  set(at: Millis): void {
    if (this.#handle === undefined) this.#handle = this.#events.add(at, this)
    else this.#events.move(this.#handle, at)
  }

  clear(): void {
    if (this.#handle !== undefined) this.#events.remove(this.#handle)
    this.#handle = undefined
  }

  happen(): void {
    this.#handle = undefined
    this.#fn()
  }
}
