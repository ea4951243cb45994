/** What is simulated: one cell of the table that `bitswarm simulate dht` prints. */
import type { Attack } from './attackers.ts'
import type { NetworkProfile } from './profiles.ts'

/**
 * `lookups`: finding peers and places. `maintenance`: what it costs to be there. `join`: one node after the other.
 * `crowd`: all within a minute. `restart`: with a table that was saved an hour ago. `partition`: the network in two
 * halves for half an hour, then healed.
 */
export const MEASURES = ['lookups', 'maintenance', 'join', 'crowd', 'restart', 'partition'] as const
export type Measure = (typeof MEASURES)[number]

export interface Scenario {
  readonly measure: Measure
  readonly nodes: number
  readonly profile: NetworkProfile
  /** Of each hundred datagrams, each way. */
  readonly lossPercent: number
  /** Median session of a node; 0: nobody leaves. */
  readonly churnMinutes: number
  /** Of each hundred contacts at the start. */
  readonly deadPercent: number
  /** Read-only nodes behind a NAT, of each hundred. */
  readonly natPercent: number
  readonly attack: Attack | 'none'
  /** Attackers, of each hundred nodes. */
  readonly attackPercent: number
  /** Tables come from real joins, not from {@link fillTables}. */
  readonly isCold: boolean
  readonly codec: 'object' | 'json'
  readonly lookups: number
  /** How long maintenance is watched. */
  readonly minutes: number
}

/** Nothing gets lost, nobody leaves, all are reachable and honest. */
export const UNDISTURBED = {
  lossPercent: 0,
  churnMinutes: 0,
  deadPercent: 0,
  natPercent: 0,
  attack: 'none',
  attackPercent: 0,
} as const

export const DEFAULT_SCENARIO: Scenario = {
  measure: 'lookups',
  nodes: 1_000,
  profile: 'wan',
  ...UNDISTURBED,
  isCold: false,
  codec: 'object',
  lookups: 2_000,
  minutes: 30,
}

/** `lookups wan 1000, loss 5 %, dead 10 %`. */
export function scenarioName(scenario: Scenario): string {
  const { measure, nodes, profile, lossPercent, churnMinutes, deadPercent, natPercent } = scenario
  const { attack, attackPercent, isCold, codec } = scenario
  return [
    `${measure} ${profile} ${nodes}`,
    lossPercent > 0 && `loss ${lossPercent} %`,
    churnMinutes > 0 && `churn ${churnMinutes} min`,
    deadPercent > 0 && `dead ${deadPercent} %`,
    natPercent > 0 && `NAT ${natPercent} %`,
    attack !== 'none' && `${attack} ${attackPercent} %`,
    isCold && 'cold',
    codec === 'json' && 'json',
  ]
    .filter((part) => part !== false)
    .join(', ')
}
