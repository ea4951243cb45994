import { describe, expect, test } from 'vitest'
import { GOALS, scenariosOf } from '../../../src/app/sim/dht/goals.ts'
import { METRICS } from '../../../src/app/sim/dht/metrics.ts'
import { DEFAULT_SCENARIO, type Scenario } from '../../../src/app/sim/dht/scenario.ts'
import { judge, lowerBound, verdictLine, type Run } from '../../../src/app/sim/dht/verdicts.ts'

const run = (seed: number, metrics: Run['metrics'], scenario: Partial<Scenario> = {}): Run => ({
  scenario: { ...DEFAULT_SCENARIO, ...scenario },
  seed,
  metrics,
})
const linesOf = (runs: readonly Run[]): string[] => judge(runs).map(verdictLine)

describe('a goal', () => {
  test('is judged by the worst of the seeds, with the limit of the size', () => {
    const nodes = 10_000
    const runs = [3, 1, 2].map((seed) => run(seed, { hopsMean: 2.3 + seed / 10 }, { nodes }))
    expect(linesOf(runs)).toEqual(['FAIL G1@10k mean=2.6 goal<=2.5 seed=3(worst)'])
    expect(linesOf(runs.slice(1))).toEqual(['PASS G1@10k mean=2.5 goal<=2.5 seed=2(worst)'])
  })

  test('asks only for what was measured where it is set', () => {
    expect(linesOf([run(1, { hopsMean: 9 }, { nodes: 2_000 })])).toEqual([])
    expect(linesOf([run(1, { hopsMean: 9 }, { lossPercent: 5 })])).toEqual([])
    expect(linesOf([run(1, { contactsMean: 9 })])).toEqual([])
  })

  test('is not met by the mean of nothing, whatever the other seeds say', () => {
    const runs = [run(1, { hopsMean: 1 }), run(2, { hopsMean: Number.NaN }), run(3, { hopsMean: 1.5 })]
    expect(linesOf(runs)).toEqual(['FAIL G1@1k mean=NaN goal<=1.9 seed=2(worst)'])
  })

  test('of success counts the lookups of all seeds together, and says how sure that is', () => {
    const churn = { churnMinutes: 60, lossPercent: 5 }
    const runs = [
      run(1, { success: 100, successOf: 29_000 }, churn),
      run(2, { success: 99.9, successOf: 1_000 }, churn),
    ]
    const [line] = linesOf(runs)
    expect(line).toMatch(/^PASS G8@1k success=99\.997% goal>=99\.99% lookups=30000 95%>=99\.98\d%$/)
  })
})

test('a bound by Wilson: nothing seen in 30,000 is one in ten thousand at most', () => {
  expect(lowerBound(100, 30_000)).toBeGreaterThan(99.99)
  expect(lowerBound(100, 300)).toBeLessThan(99.2)
  expect(lowerBound(50, 100)).toBeCloseTo(41.9, 1)
})

test('the runs of goals are named once each, and each is judged by the goals that asked for it', () => {
  const all = scenariosOf(new Set(GOALS.map(({ id }) => id)), [1_000, 100_000])
  expect(new Set(all.map((scenario) => JSON.stringify(scenario))).size).toBe(all.length)
  const perfect = Object.fromEntries(Object.keys(METRICS).map((name) => [name, 1])) as Run['metrics']
  const judged = new Set(judge(all.map((scenario) => run(1, perfect, scenario))).map(({ goal }) => goal))
  expect(judged).toEqual(new Set(GOALS.map(({ id }) => id)))
})
