/** Whether what a process holds stays the same. */
import { CACHE_BYTES } from '../../src/storage/piece-cache.ts'
import { slopeOf } from './slope.ts'
import { METRICS, type Metric, type Watched } from './watched.ts'

/** What may come and go while the swarm changes: growth over the whole watch, whatever its length. MiB for `rss` and `heap`. */
const ALLOWANCE: Readonly<Record<Metric, number>> = {
  rss: 8,
  // V8 compiles more and more of what runs often, and tables fill up to their limits: 1.5 MiB in half an hour.
  heap: 4,
  fds: 6,
  threads: 2,
  timers: 8,
  handles: 8,
}
/**
 * A node that is asked for something for the first time fills its cache of 32 MiB, and its heap grows with the work. In a
 * warm-up shorter than this not all have been.
 */
const FILLING_SECONDS = 600
const FILLING_MIB = 48
/** What is being downloaded all the time fills the cache all the time. */
const CACHE_MIB = CACHE_BYTES / 2 ** 20
/** Growth is certain when the slope is so many standard errors above what is allowed. */
const CERTAINTY = 2

export interface Verdict {
  readonly isPassed: boolean
  readonly metric: Metric
  readonly process: string
  /** Mean over the watch; MiB for `rss` and `heap`. */
  readonly mean: number
  readonly perHour: number
  /** Standard error of `perHour`. */
  readonly error: number
  /** Over the watch, by the slope. */
  readonly growth: number
  readonly allowed: number
}

/** @param warmUpSeconds what came before does not count */
export function judge(watched: Watched, warmUpSeconds: number): Verdict[] {
  return METRICS.flatMap((metric) => {
    const points = watched.points(metric, warmUpSeconds)
    if (points.length === 0) return []
    const { perX: perHour, error } = slopeOf(points)
    const hours = points.at(-1)!.x - points[0]!.x
    const isFilling = (metric === 'rss' || metric === 'heap') && warmUpSeconds < FILLING_SECONDS
    const cache = metric === 'rss' && watched.isDownloading ? CACHE_MIB : 0
    const allowed = isFilling ? FILLING_MIB : ALLOWANCE[metric] + cache
    const isPassed = Number.isFinite(error) && (perHour - CERTAINTY * error) * hours <= allowed
    const mean = points.reduce((sum, { y }) => sum + y, 0) / points.length
    return [
      { isPassed, metric, process: watched.name, mean, perHour, error, growth: perHour * hours, allowed },
    ]
  })
}
