/** The runs of `bitswarm simulate dht`, small: that each measures what it says, on networks of 1,000 nodes and fewer. */
import { expect, test } from 'vitest'
import { runScenario, type Machine, type MeasuredRun } from '../../src/app/sim/dht/run-scenario.ts'
import { DEFAULT_SCENARIO, type Scenario } from '../../src/app/sim/dht/scenario.ts'
import { judge, verdictLine } from '../../src/app/sim/dht/verdicts.ts'
import { hashes } from '../support/hashes.ts'

const machine: Machine = { now: () => 0, rss: () => 0, hashes }

function run(scenario: Partial<Scenario>, seed = 1): MeasuredRun {
  return runScenario({ ...DEFAULT_SCENARIO, lookups: 200, ...scenario }, seed, machine)
}

test('1,000 nodes with full tables find all, and what they reach is put beside the goals', () => {
  const measured = run({})
  const { success, recall, storedEnough, hopsMean, rpcsMean } = measured.metrics
  expect([success, storedEnough]).toEqual([100, 100])
  expect(recall).toBeGreaterThan(99)
  expect(hopsMean).toBeLessThan(2.2)
  expect(rpcsMean).toBeLessThan(16)
  const goals = judge([measured])
  expect(new Set(goals.map(({ goal }) => goal))).toEqual(new Set(['G1', 'G2', 'G3', 'G4']))
  for (const line of goals.map(verdictLine))
    expect(line).toMatch(/^(PASS|FAIL) G\d@1k \S+ goal<=\S+ seed=1\(worst\)$/)
}, 60_000)

test('the same seed does the same, datagram by datagram; another seed does not', () => {
  const rough = { nodes: 30, lookups: 20, lossPercent: 10, churnMinutes: 5, natPercent: 20, deadPercent: 10 }
  const [first, again, other] = [run(rough), run(rough), run(rough, 2)]
  expect(again).toEqual(first)
  expect(other.trace).not.toBe(first.trace)
})

test('real joins and the real codec lead to the same network', () => {
  const { metrics } = run({ nodes: 25, lookups: 20, isCold: true, codec: 'json' })
  expect(metrics.success).toBe(100)
  expect(metrics.recall).toBeGreaterThan(97)
  expect(metrics.contactsMean).toBeGreaterThan(18)
})

test('attackers that say they are right beside whatever is looked for take announces, and hide peers', () => {
  const { metrics } = run({ nodes: 60, lookups: 50, attack: 'fabricated', attackPercent: 30 })
  expect(metrics.storersMean).toBeLessThan(7)
  expect(metrics.recall).toBeLessThan(90)
})

test('attackers whose ids nobody can tell from honest ones still do not get the announces', () => {
  const { metrics } = run({ nodes: 160, lookups: 30, attack: 'manifold', attackPercent: 15 })
  expect(metrics.storersMean).toBeGreaterThan(7)
  expect(metrics.doubted).toBeGreaterThan(20)
  expect(run({ nodes: 160, lookups: 30 }).metrics.doubted).toBeLessThan(10)
})

test('a crowd through three seeds', () => {
  const { metrics } = run({ measure: 'crowd', nodes: 120 })
  expect(metrics.readyPercent).toBe(100)
  expect(metrics.success).toBeGreaterThan(95)
  expect(metrics.crowdSeconds).toBeLessThan(90)
  expect(metrics.seedRequests).toBeGreaterThan(1)
})
