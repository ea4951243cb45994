/** A machine's own clock: its date can be set, and it can stand still while the world goes on. */
import type { Cancel, Clock, Millis } from '../../../protocol/ports.ts'

/** Shorter waits than this take as long: a difference of rounded sums is not waited for again and again. */
const GRAIN: Millis = 1e-6

export class MachineClock implements Clock {
  readonly #world: Clock
  #dateShift = 0
  #sleptMs: Millis = 0
  #sleepsSince: Millis | undefined
  #isStill = false
  /** Timers that came due while it stood still, in order. */
  #waiting: (() => void)[] = []

  constructor(world: Clock) {
    this.#world = world
  }

  now(): Millis {
    return (this.#sleepsSince ?? this.#world.now()) - this.#sleptMs
  }

  wallNow(): number {
    return this.#world.wallNow() + this.#dateShift
  }

  after(delay: Millis, fn: () => void): Cancel {
    const due = this.now() + Math.max(0, delay)
    let cancel: Cancel | undefined
    let isOver = false
    const happen = (): void => {
      if (isOver) return
      // It has slept meanwhile: that time does not count.
      const early = due - this.now()
      if (early > 0) return arm(early)
      isOver = true
      fn()
    }
    const arm = (ms: Millis): void => {
      cancel = this.#world.after(ms > 0 ? Math.max(ms, GRAIN) : 0, () => this.whenAwake(happen))
    }
    arm(delay)
    return () => {
      isOver = true
      cancel?.()
    }
  }

  /** Now, or, behind whatever waits already, once the machine does not stand still. */
  whenAwake(fn: () => void): void {
    if (this.#isStill || this.#waiting.length > 0) this.#waiting.push(fn)
    else fn()
  }

  /** Somebody sets the date. */
  shiftDate(ms: Millis): void {
    this.#dateShift += ms
  }

  /** Nothing happens until {@link goOn}. A machine that sleeps does not count the time; one that is frozen does. */
  standStill(how: 'sleep' | 'freeze'): void {
    if (this.#isStill) return
    this.#isStill = true
    if (how === 'sleep') this.#sleepsSince = this.#world.now()
  }

  goOn(): void {
    if (!this.#isStill) return
    this.#isStill = false
    if (this.#sleepsSince !== undefined) this.#sleptMs += this.#world.now() - this.#sleepsSince
    this.#sleepsSince = undefined
    this.#world.after(0, () => this.#catchUp())
  }

  #catchUp(): void {
    while (!this.#isStill && this.#waiting.length > 0) this.#waiting.shift()!()
  }
}
