/** A process that lives as long as the soak, as the kernel and its own log count it. */
import { readdirSync, readFileSync } from 'node:fs'
import { cpuSeconds, memory } from '../../bench/process-cost.ts'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import type { Point } from './slope.ts'

export const METRICS = ['rss', 'fds', 'threads', 'timers', 'handles'] as const
export type Metric = (typeof METRICS)[number]

const SECONDS_PER_HOUR = 3_600

/** The means of equal spans of time: as many numbers after a day as there are spans. */
class Means {
  readonly #spanSeconds: number
  readonly #sums: number[] = []
  readonly #counts: number[] = []

  constructor(spanSeconds: number) {
    this.#spanSeconds = spanSeconds
  }

  add(atSeconds: number, value: number): void {
    const span = Math.floor(atSeconds / this.#spanSeconds)
    this.#sums[span] = (this.#sums[span] ?? 0) + value
    this.#counts[span] = (this.#counts[span] ?? 0) + 1
  }

  /** x in hours. */
  since(seconds: number): Point[] {
    const points: Point[] = []
    this.#counts.forEach((count, span) => {
      if (span * this.#spanSeconds >= seconds)
        points.push({ x: (span * this.#spanSeconds) / SECONDS_PER_HOUR, y: this.#sums[span]! / count })
    })
    return points
  }
}

export class Watched {
  readonly name: string
  readonly #pid: number
  readonly #process: SwarmProcess | undefined
  readonly #means: Readonly<Record<Metric, Means>>
  readonly #now: () => number
  #cpuBefore: { readonly at: number; readonly seconds: number } | undefined
  #cpuShare = 0

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
    const means = METRICS.map((metric) => [metric, new Means(spanSeconds)])
    this.#means = Object.fromEntries(means) as Record<Metric, Means>
    of?.onEvent(({ event, timers, handles }) => {
      if (event !== 'stats') return
      this.#means.timers.add(now(), timers as number)
      this.#means.handles.add(now(), handles as number)
    })
  }

  /** How it ended, when it did. */
  get epitaph(): string | undefined {
    return this.#process === undefined || this.#process.isRunning ? undefined : this.#process.epitaph
  }

  /** Percent of a core since the first sample that counted. */
  get cpuPercent(): number {
    return 100 * this.#cpuShare
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

  /** Means of spans, x in hours; none when nobody counts it. */
  means(metric: Metric, sinceSeconds: number): Point[] {
    return this.#means[metric].since(sinceSeconds)
  }

  #read(at: number, isSettled: boolean): void {
    this.#means.rss.add(at, memory(this.#pid).residentMib)
    this.#means.fds.add(at, readdirSync(`/proc/${this.#pid}/fd`).length)
    this.#means.threads.add(at, threadsOf(this.#pid))
    if (!isSettled) return
    const seconds = cpuSeconds(this.#pid)
    this.#cpuBefore ??= { at, seconds }
    if (at > this.#cpuBefore.at)
      this.#cpuShare = (seconds - this.#cpuBefore.seconds) / (at - this.#cpuBefore.at)
  }
}

function threadsOf(pid: number): number {
  return Number(/^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
}
