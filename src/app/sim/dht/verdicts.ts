/** Whether runs reached the goals, and the lines that say so. */
import { GOAL_SIZES, GOALS, type Limit } from './goals.ts'
import { METRICS, type MetricName, type Metrics } from './metrics.ts'
import type { Scenario } from './scenario.ts'

/** One run of one scenario. */
export interface Run {
  readonly scenario: Scenario
  readonly seed: number
  readonly metrics: Metrics
}

export interface Verdict {
  readonly goal: string
  readonly nodes: number
  readonly metric: MetricName
  readonly as: string
  readonly value: number
  readonly limit: number
  readonly isFloor: boolean
  /** Whose run was the worst. */
  readonly seed: number
  readonly isMet: boolean
  /** Lookups that a success is the share of, those of all runs. */
  readonly of?: number
}

/**
 * Judges each goal by the worst of its runs, and a success by all of them together; goals without a run are left
 * out.
 */
export function judge(runs: readonly Run[]): Verdict[] {
  return GOAL_SIZES.flatMap((nodes, size) =>
    GOALS.flatMap(({ id, when, limits }) => {
      const own = runs.filter(({ scenario }) => scenario.nodes === nodes && isLike(scenario, when))
      return limits.flatMap((limit) => verdict(own, limit, size, { goal: id, nodes }))
    }),
  )
}

function isLike(scenario: Scenario, when: Partial<Scenario>): boolean {
  return Object.entries(when).every(([key, value]) => scenario[key as keyof Scenario] === value)
}

function verdict(
  runs: readonly Run[],
  { metric, as, isFloor, at }: Limit,
  size: number,
  names: { readonly goal: string; readonly nodes: number },
): Verdict[] {
  const limit = at[size]
  const measured = runs.flatMap(({ metrics, seed }) => {
    const value = metrics[metric]
    return value === undefined ? [] : [{ value, seed, of: metrics.successOf ?? 0 }]
  })
  if (limit === undefined || measured.length === 0) return []
  const worst = measured.reduce((a, b) => (isWorse(b.value, a.value, isFloor) ? b : a))
  const value = metric === 'success' ? pooled(measured) : worst.value
  // NaN, the mean of nothing, meets no goal.
  const isMet = isFloor ? value >= limit : value <= limit
  const of = metric === 'success' ? measured.reduce((sum, one) => sum + one.of, 0) : undefined
  return [
    { ...names, metric, as, value, seed: worst.seed, limit, isFloor, isMet, ...(of !== undefined && { of }) },
  ]
}

function pooled(measured: readonly { readonly value: number; readonly of: number }[]): number {
  const successes = measured.reduce((sum, { value, of }) => sum + value * of, 0)
  return successes / measured.reduce((sum, { of }) => sum + of, 0)
}

/** What a share of so many is with 95 % certainty at least (Wilson). */
export function lowerBound(percent: number, of: number): number {
  const z = 1.645
  const p = percent / 100
  const spread = z * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of))
  return (100 * (p + (z * z) / (2 * of) - spread)) / (1 + (z * z) / of)
}

function isWorse(a: number, b: number, isFloor: boolean): boolean {
  return Number.isNaN(a) || (isFloor ? a < b : a > b)
}

/** `PASS G3@100k p50=112ms goal<=115ms seed=4(worst)`. */
export function verdictLine(verdict: Verdict): string {
  const { goal, nodes, metric, as, value, limit, isFloor, seed, isMet, of } = verdict
  const { unit } = METRICS[metric]
  const comparison = `${as}=${round(value)}${unit} goal${isFloor ? '>=' : '<='}${limit}${unit}`
  const whose =
    of === undefined ? `seed=${seed}(worst)` : `lookups=${of} 95%>=${round(lowerBound(value, of))}%`
  return `${isMet ? 'PASS' : 'FAIL'} ${goal}@${nodes / 1_000}k ${comparison} ${whose}`
}

function round(value: number): number {
  return Number(value.toFixed(3))
}
