/** A process that lives as long as the soak, as the kernel and its own log count it. */
import { readdirSync, readFileSync } from 'node:fs'
import { cpuSeconds, memory } from '../../bench/process-cost.ts'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import type { Point } from './slope.ts'

export const METRICS = ['rss', 'heap', 'fds', 'threads', 'timers', 'handles'] as const
export type Metric = (typeof METRICS)[number]

const SECONDS_PER_HOUR = 3_600
const MIB = 2 ** 20

interface Span {
  sum: number
  count: number
  least: number
}

/** What was measured in equal spans of time: as many numbers after a day as there are spans. */
class Series {
  readonly #spanSeconds: number
  readonly #valueOf: (span: Span) => number
  readonly #spans: Span[] = []

  constructor(spanSeconds: number, valueOf: (span: Span) => number) {
    this.#spanSeconds = spanSeconds
    this.#valueOf = valueOf
  }

  add(atSeconds: number, value: number): void {
    const span = (this.#spans[Math.floor(atSeconds / this.#spanSeconds)] ??= {
      sum: 0,
      count: 0,
      least: Infinity,
    })
    span.sum += value
    span.count++
    span.least = Math.min(span.least, value)
  }

  /** x in hours. */
  since(seconds: number): Point[] {
    const points: Point[] = []
    this.#spans.forEach((span, index) => {
      const at = index * this.#spanSeconds
      if (at >= seconds) points.push({ x: at / SECONDS_PER_HOUR, y: this.#valueOf(span) })
    })
    return points
  }
}

/** Since it started. */
interface Usage {
  readonly at: number
  readonly cpuSeconds: number
  readonly wakes: number
}

const mean = ({ sum, count }: Span): number => sum / count
/** Between two collections garbage heaps up; what lives is there all the time. */
const least = (span: Span): number => span.least

export class Watched {
  readonly name: string
  readonly #pid: number
  readonly #process: SwarmProcess | undefined
  readonly #series: Readonly<Record<Metric, Series>>
  readonly #now: () => number
  #settled: Usage | undefined
  #latest: Usage | undefined
  #isDownloading = false

  /**
   * @param of undefined: this process itself, which writes no log
   * @param now seconds since the start of the soak
   */
  constructor(
    of: SwarmProcess | undefined,
    { spanSeconds, now }: { readonly spanSeconds: number; readonly now: () => number },
  ) {
    this.name = of?.name ?? 'this test'
    this.#pid = of === undefined ? process.pid : of.pid!
    this.#process = of
    this.#now = now
    const series = METRICS.map((metric) => [
      metric,
      new Series(spanSeconds, metric === 'heap' ? least : mean),
    ])
    this.#series = Object.fromEntries(series) as Record<Metric, Series>
    of?.onEvent(({ event, heapUsed, timers, handles, have, pieces }) => {
      if (event !== 'stats') return
      this.#isDownloading = have !== pieces
      this.#series.heap.add(now(), (heapUsed as number) / MIB)
      this.#series.timers.add(now(), timers as number)
      this.#series.handles.add(now(), handles as number)
    })
  }

  /** Whether it was not complete when it was last heard of. */
  get isDownloading(): boolean {
    return this.#isDownloading
  }

  /** How it ended, when it did. */
  get epitaph(): string | undefined {
    return this.#process === undefined || this.#process.isRunning ? undefined : this.#process.epitaph
  }

  /** Percent of a core since the first sample that counted; NaN when there was but one. */
  get cpuPercent(): number {
    return 100 * this.#perSecond('cpuSeconds')
  }

  /** How often its main thread had slept and was woken, a second, since the first sample that counted. */
  get wakesPerSecond(): number {
    return this.#perSecond('wakes')
  }

  /** @param isSettled what it uses of the processor counts */
  sample(isSettled: boolean): void {
    if (this.epitaph !== undefined) return
    const at = this.#now()
    try {
      this.#read(at, isSettled)
    } catch (error) {
      // It has just ended, which is told in a moment.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }

  /** Of each span the mean, of `heap` the least; x in hours; none when nobody counts it. */
  points(metric: Metric, sinceSeconds: number): Point[] {
    return this.#series[metric].since(sinceSeconds)
  }

  #read(at: number, isSettled: boolean): void {
    this.#series.rss.add(at, memory(this.#pid).residentMib)
    this.#series.fds.add(at, readdirSync(`/proc/${this.#pid}/fd`).length)
    this.#series.threads.add(at, statusCount(this.#pid, 'Threads'))
    if (!isSettled) return
    this.#latest = {
      at,
      cpuSeconds: cpuSeconds(this.#pid),
      wakes: statusCount(this.#pid, 'voluntary_ctxt_switches'),
    }
    this.#settled ??= this.#latest
  }

  #perSecond(what: 'cpuSeconds' | 'wakes'): number {
    if (this.#settled === undefined || this.#latest === undefined) return NaN
    return (this.#latest[what] - this.#settled[what]) / (this.#latest.at - this.#settled.at)
  }
}

function statusCount(pid: number, field: string): number {
  return Number(
    new RegExp(`^${field}:\\s+(\\d+)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1],
  )
}
