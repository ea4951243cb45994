import { expect, test } from 'vitest'
import { runScenario } from '../../src/app/sim/dht/run-scenario.ts'
import { DEFAULT_SCENARIO } from '../../src/app/sim/dht/scenario.ts'
import { hashes } from '../support/hashes.ts'

const machine = { now: () => performance.now(), rss: () => process.memoryUsage.rss(), hashes }

test('10,000 nodes find what is announced and who is nearest', () => {
  const { metrics } = runScenario({ ...DEFAULT_SCENARIO, nodes: 10_000, lookups: 1_000 }, 1, machine)
  expect(metrics.success).toBe(100)
  expect(metrics.recall).toBeGreaterThan(99.5)
  expect(metrics.hopsMean).toBeLessThan(2.9)
  expect(metrics.rpcsMean).toBeLessThan(20)
})

test('10,000 nodes under loss of one datagram in five', () => {
  const scenario = { ...DEFAULT_SCENARIO, nodes: 10_000, lookups: 500, lossPercent: 20 }
  const { metrics } = runScenario(scenario, 2, machine)
  expect(metrics.success).toBeGreaterThan(99.5)
  expect(metrics.recall).toBeGreaterThan(90)
})
