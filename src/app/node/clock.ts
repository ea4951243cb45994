/** The machine's clocks and timers. */
// The global of the same name would be looked up each time: three times for every datagram.
import { performance } from 'node:perf_hooks'
import type { Alarm, AlarmClock, Cancel, Millis } from '../../protocol/ports.ts'
import { TimerAlarm } from '../../protocol/timer-alarm.ts'

/** The longest delay of `setTimeout`, which fires at once for anything longer. */
const MAX_TIMER_MS = 2 ** 31 - 1

export class SystemClock implements AlarmClock {
  now(): Millis {
    return performance.now()
  }

  wallNow(): number {
    return Date.now()
  }

  after(delay: Millis, fn: () => void): Cancel {
    const due = performance.now() + delay
    const isLong = delay > MAX_TIMER_MS
    let cancelRest: Cancel | undefined
    const timer = setTimeout(
      isLong ? () => (cancelRest = this.after(due - performance.now(), fn)) : fn,
      isLong ? MAX_TIMER_MS : Math.max(0, delay),
    )
    return () => {
      clearTimeout(timer)
      cancelRest?.()
    }
  }

  alarm(fn: () => void): Alarm {
    return new TimerAlarm(this, fn)
  }
}
