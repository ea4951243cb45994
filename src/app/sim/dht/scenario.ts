/** What is simulated: one cell of the table that `bitswarm simulate dht` prints. */
import type { NetworkProfile } from './profiles.ts'

export type Measure = 'lookups'

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
  /** Tables come from real joins, not from {@link fillTables}. */
  readonly isCold: boolean
  readonly codec: 'object' | 'json'
  readonly lookups: number
}

/** `lan 1,000 loss 5 % dead 10 %`. */
export function scenarioName(scenario: Scenario): string {
  const { nodes, profile, lossPercent, churnMinutes, deadPercent, isCold, codec } = scenario
  return [
    `${profile} ${nodes}`,
    lossPercent > 0 && `loss ${lossPercent} %`,
    churnMinutes > 0 && `churn ${churnMinutes} min`,
    deadPercent > 0 && `dead ${deadPercent} %`,
    isCold && 'cold',
    codec === 'json' && 'json',
  ]
    .filter((part) => part !== false)
    .join(', ')
}
