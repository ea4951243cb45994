/** The longer runs of `bitswarm simulate dht`, small: that each measures what it says. */
import { describe, expect, test } from 'vitest'
import { ATTACKS } from '../../src/app/sim/dht/attackers.ts'
import { runScenario, type Machine, type MeasuredRun } from '../../src/app/sim/dht/run-scenario.ts'
import { DEFAULT_SCENARIO, type Scenario } from '../../src/app/sim/dht/scenario.ts'
import { hashes } from '../support/hashes.ts'

const machine: Machine = { now: () => 0, rss: () => 0, hashes }

function run(scenario: Partial<Scenario>, seed = 1): MeasuredRun {
  return runScenario({ ...DEFAULT_SCENARIO, lookups: 200, ...scenario }, seed, machine)
}

describe('under churn', () => {
  const churn = { nodes: 150, churnMinutes: 20 }

  test('living peers are found although nodes leave and join all the time, a third of them hidden behind NATs', () => {
    const { metrics } = run({ ...churn, natPercent: 30, lossPercent: 5 })
    expect(metrics.success).toBeGreaterThan(97)
    expect(metrics.successOf).toBeGreaterThan(150)
  })

  test('they are found although one datagram in five is lost and one contact in ten has just died', () => {
    const weather = { lossPercent: 20, deadPercent: 10 }
    const { metrics } = run({ nodes: 200, churnMinutes: 30, lookups: 2_000, ...weather })
    // Six of them found nothing while no lookup asked again.
    expect(metrics.success).toBeGreaterThan(99.9)
    expect(metrics.successOf).toBeGreaterThan(1_900)
  })

  test('maintenance counts requests, bytes, joins, and contacts that are gone', () => {
    const { metrics } = run({ ...churn, measure: 'maintenance', minutes: 5 })
    // 150 sessions of 29 minutes on average.
    expect(metrics.joinsPerSecond).toBeGreaterThan(0.04)
    expect(metrics.joinsPerSecond).toBeLessThan(0.15)
    expect(metrics.deadInTables).toBeGreaterThan(metrics.deadInReplies!)
    expect(metrics.deadInReplies).toBeGreaterThan(0)
    expect(metrics.requestsPerSecond).toBeGreaterThan(0.01)
    // A request has 80 bytes at least.
    expect(metrics.upMean).toBeGreaterThan(80 * metrics.requestsPerSecond!)
  })
})

describe('attackers', () => {
  test.each(ATTACKS)('that are %s do harm, and one in a hundred does little', (attack) => {
    const of = (attackPercent: number): MeasuredRun['metrics'] =>
      run({ nodes: 200, attack, attackPercent }).metrics
    const [few, many] = [of(1), of(40)]
    expect(few.success).toBeGreaterThan(85)
    expect(many.storersMean! + many.success!).toBeLessThanOrEqual(few.storersMean! + few.success!)
    // Silence misleads nobody; it takes time.
    if (attack === 'silent') expect(many.completeP50).toBeGreaterThan(1.2 * few.completeP50!)
    else expect(many.recall).toBeLessThan(few.recall!)
  })
})

describe('joining', () => {
  test('one after the other, all are ready and find what others announced', () => {
    const { metrics } = run({ measure: 'join', nodes: 100 })
    expect([metrics.readyPercent, metrics.success]).toEqual([100, 100])
    expect(metrics.readyP50).toBeGreaterThan(80)
  })

  test('with a saved table of which every second contact is gone', () => {
    const { metrics } = run({ measure: 'restart', nodes: 100 })
    expect(metrics.readyPercent).toBe(100)
    expect(metrics.readyP50).toBeGreaterThan(0)
  })
})

test('two halves that were apart for half an hour find nothing of each other, and all of it soon after', () => {
  const { metrics } = run({ measure: 'partition', nodes: 60 })
  expect(metrics.successApart).toBe(0)
  expect(metrics.healSeconds).toBeLessThan(15 * 60)
})
