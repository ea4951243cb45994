/** What the DHT has to reach, by network size, and whether it does. */
import { METRICS, type MetricName, type Metrics } from './metrics.ts'
import type { Scenario } from './scenario.ts'

/** Sizes that goals are set for. */
export const GOAL_SIZES = [1_000, 10_000, 100_000] as const

interface Limit {
  readonly metric: MetricName
  /** How the metric is called in the goal's line. */
  readonly as: string
  /** Whether more is better. */
  readonly isFloor: boolean
  /** One for each of {@link GOAL_SIZES}; undefined where none is set. */
  readonly at: readonly (number | undefined)[]
}

export interface Goal {
  readonly id: string
  readonly meaning: string
  /** In which runs it is measured. */
  readonly when: Partial<Scenario>
  readonly limits: readonly Limit[]
}

const CLEAN = { lossPercent: 0, churnMinutes: 0, deadPercent: 0 } as const
const WAN = { measure: 'lookups', profile: 'wan', ...CLEAN } as const

export const GOALS: readonly Goal[] = [
  {
    id: 'G1',
    meaning: 'hops to the nearest node, Internet',
    when: WAN,
    limits: [atMost('hopsMean', 'mean', 1.9, 2.5, 3.2)],
  },
  {
    id: 'G2',
    meaning: 'requests of a lookup, Internet',
    when: WAN,
    limits: [atMost('rpcsMean', 'mean', 12, 18, 24)],
  },
  {
    id: 'G3',
    meaning: 'time to first peers, Internet',
    when: WAN,
    limits: [atMost('firstPeersP50', 'p50', 55, 85, 115), atMost('firstPeersP99', 'p99', 130, 190, 240)],
  },
  {
    id: 'G4',
    meaning: 'lookup complete, Internet',
    when: WAN,
    limits: [atMost('completeP50', 'p50', 230, 260, 280), atMost('completeP99', 'p99', 480, 520, 560)],
  },
  {
    id: 'G5',
    meaning: 'careful lookup complete and right, 5 % loss',
    when: { ...WAN, lossPercent: 5 },
    limits: [
      atMost('carefulCompleteP50', 'p50', undefined, 420, 450),
      atMost('carefulCompleteP99', 'p99', undefined, 850, 900),
      atLeast('recall', 'recall@8', undefined, 99, 99),
    ],
  },
  {
    id: 'G6',
    meaning: 'careful lookup complete and right, 20 % loss',
    when: { ...WAN, lossPercent: 20 },
    limits: [
      atMost('carefulCompleteP50', 'p50', undefined, 800, 850),
      atMost('carefulCompleteP99', 'p99', undefined, 1_600, 1_700),
      atLeast('recall', 'recall@8', undefined, 97, 97),
    ],
  },
  {
    id: 'G7',
    meaning: 'lookup complete, LAN, one contact in ten dead',
    when: { ...WAN, profile: 'lan', deadPercent: 10 },
    limits: [atMost('completeP50', 'p50', 10, 12, 15), atMost('completeP99', 'p99', 25, 30, 40)],
  },
]

type AtSizes = readonly [number | undefined, number | undefined, number | undefined]

function atMost(metric: MetricName, as: string, ...at: AtSizes): Limit {
  return { metric, as, isFloor: false, at }
}

function atLeast(metric: MetricName, as: string, ...at: AtSizes): Limit {
  return { metric, as, isFloor: true, at }
}

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
}

/** Judges each goal by the worst of its runs; goals without a run are left out. */
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
    return value === undefined ? [] : [{ value, seed }]
  })
  if (limit === undefined || measured.length === 0) return []
  const worst = measured.reduce((a, b) => (isWorse(b.value, a.value, isFloor) ? b : a))
  // NaN, the mean of nothing, meets no goal.
  const isMet = isFloor ? worst.value >= limit : worst.value <= limit
  return [{ ...names, metric, as, ...worst, limit, isFloor, isMet }]
}

function isWorse(a: number, b: number, isFloor: boolean): boolean {
  return Number.isNaN(a) || (isFloor ? a < b : a > b)
}

/** `PASS G3@100k p50=112ms goal<=115ms seed=4(worst)`. */
export function verdictLine({
  goal,
  nodes,
  metric,
  as,
  value,
  limit,
  isFloor,
  seed,
  isMet,
}: Verdict): string {
  const { unit } = METRICS[metric]
  return `${isMet ? 'PASS' : 'FAIL'} ${goal}@${nodes / 1_000}k ${as}=${round(value)}${unit} goal${isFloor ? '>=' : '<='}${limit}${unit} seed=${seed}(worst)`
}

function round(value: number): number {
  return Number(value.toFixed(3))
}
