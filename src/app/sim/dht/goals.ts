/** What the DHT has to reach, by network size. */
import type { MetricName } from './metrics.ts'
import { DEFAULT_SCENARIO, UNDISTURBED, type Scenario } from './scenario.ts'

/** Sizes that goals are set for. */
export const GOAL_SIZES = [1_000, 10_000, 100_000] as const

export interface Limit {
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
  /** How such a run is made when it is asked for by the goal's name; it may be made otherwise. */
  readonly how?: Partial<Scenario>
  readonly limits: readonly Limit[]
}

const WAN = { measure: 'lookups', profile: 'wan', ...UNDISTURBED } as const
/** A success of 99.99 % takes this many lookups to be seen. */
const MANY_LOOKUPS = 30_000

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
  {
    id: 'G8',
    meaning: 'an announced peer that lives is found: churn, 5 % loss',
    when: { ...WAN, churnMinutes: 60, lossPercent: 5 },
    how: { lookups: MANY_LOOKUPS },
    limits: [atLeast('success', 'success', 99.99, 99.99, 99.99)],
  },
  {
    id: 'G8',
    meaning: 'the same: churn, 20 % loss, one contact in ten dead',
    when: { ...WAN, churnMinutes: 60, lossPercent: 20, deadPercent: 10 },
    how: { lookups: MANY_LOOKUPS },
    limits: [atLeast('success', 'success', 99.9, 99.9, 99.9)],
  },
  ...attacked('G9', 'verified', [
    [10, 99.9],
    [20, 99.5],
    [30, 98],
  ]),
  ...attacked('G10', 'fabricated', [
    [5, 99.5],
    [10, 98],
    [20, 95],
  ]),
  {
    id: 'G11',
    meaning: 'four of the true eight take the announce, 5 % fabricate ids',
    when: { ...WAN, attack: 'fabricated', attackPercent: 5 },
    limits: [atLeast('storedEnough', 'stored', undefined, 99, 99)],
  },
  {
    id: 'G12',
    meaning: 'requests and bytes of a node that nobody asks for anything, churn',
    when: { ...WAN, measure: 'maintenance', churnMinutes: 60 },
    limits: [
      atMost('requestsPerSecond', 'requests', 0.11, 0.15, 0.19),
      atMost('upMean', 'up', undefined, undefined, 130),
      atMost('deadInReplies', 'dead', 3, 3, 3),
    ],
  },
  {
    id: 'G13',
    meaning: 'one node joins, Internet',
    when: { ...WAN, measure: 'join' },
    limits: [atMost('readyP50', 'p50', 600, 800, 1_000), atMost('readyP99', 'p99', 1_200, 1_500, 2_000)],
  },
  {
    id: 'G13',
    meaning: 'one node joins, LAN',
    when: { ...WAN, measure: 'join', profile: 'lan' },
    limits: [atMost('readyP50', 'p50', 20, 30, 50)],
  },
  {
    id: 'G14',
    meaning: 'all join within a minute through three seeds, and find what others announced',
    when: { ...WAN, measure: 'crowd' },
    limits: [
      atLeast('readyPercent', 'ready', 100, 100, 100),
      atLeast('success', 'success', 100, 100, 100),
      atMost('crowdSeconds', 'after', undefined, 90, 180),
      atMost('seedRequests', 'toSeeds', undefined, undefined, 3),
    ],
  },
  {
    id: 'G15',
    meaning: 'a node comes back with a table an hour old',
    when: { ...WAN, measure: 'restart' },
    limits: [atMost('readyP50', 'p50', 200, 250, 300)],
  },
  {
    id: 'G16',
    meaning: 'two halves find each other again',
    when: { ...WAN, measure: 'partition' },
    limits: [atMost('healSeconds', 'healed', 120, 180, 300)],
  },
  {
    id: 'G17',
    meaning: 'memory of a simulated node',
    when: WAN,
    limits: [atMost('kibPerNode', 'memory', undefined, undefined, 16)],
  },
  {
    id: 'G18',
    meaning:
      'speed of the simulator on one core, messages as objects; ten minutes of 100,000 nodes in ten minutes',
    when: { ...WAN, measure: 'maintenance', churnMinutes: 60, codec: 'object' },
    how: { minutes: 10 },
    limits: [
      atLeast('messagesPerSecond', 'speed', 250_000, 250_000, 250_000),
      atLeast('timesRealTime', 'realTime', undefined, undefined, 1),
    ],
  },
  {
    id: 'G18',
    meaning: 'the same with each datagram written and read',
    when: { ...WAN, measure: 'maintenance', churnMinutes: 60, codec: 'json' },
    how: { minutes: 10 },
    limits: [atLeast('messagesPerSecond', 'speedJson', 60_000, 60_000, 60_000)],
  },
]

/** Success under attack, by the share of attackers. */
function attacked(
  id: string,
  attack: 'verified' | 'fabricated',
  goals: readonly (readonly [attackPercent: number, success: number])[],
): Goal[] {
  return goals.map(([attackPercent, success]) => ({
    id,
    meaning: `an announced peer is found, ${attackPercent} % attack with ${attack} ids`,
    when: { ...WAN, attack, attackPercent },
    limits: [
      atLeast('success', 'success', undefined, success, success),
      ...(attack === 'verified' ? [atMost('rpcsMean', 'RPCs', undefined, 45, 45)] : []),
    ],
  }))
}

type AtSizes = readonly [number | undefined, number | undefined, number | undefined]

function atMost(metric: MetricName, as: string, ...at: AtSizes): Limit {
  return { metric, as, isFloor: false, at }
}

function atLeast(metric: MetricName, as: string, ...at: AtSizes): Limit {
  return { metric, as, isFloor: true, at }
}

/** The runs that decide about these goals, at these sizes; a goal that has no limit at a size needs none there. */
export function scenariosOf(ids: ReadonlySet<string>, sizes: readonly number[]): Scenario[] {
  const scenarios = sizes.flatMap((nodes) =>
    GOALS.filter(({ id, limits }) => ids.has(id) && limits.some(({ at }) => isSetAt(at, nodes))).map(
      ({ when, how }) => ({ ...DEFAULT_SCENARIO, ...when, ...how, nodes }),
    ),
  )
  // Some goals look at the same run.
  return [...new Map(scenarios.map((scenario) => [JSON.stringify(scenario), scenario])).values()]
}

function isSetAt(at: Limit['at'], nodes: number): boolean {
  return GOAL_SIZES.some((size, index) => size === nodes && at[index] !== undefined)
}
