/** The runs of a DHT simulation: here, one after the other, or several at a time, each in a process of its own. */
import { SystemClock } from '../src/app/node/clock.ts'
import { opensslHashes } from '../src/app/node/hashes.ts'
import { runScenario, type MeasuredRun } from '../src/app/sim/dht/run-scenario.ts'
import { scenarioName, type Scenario } from '../src/app/sim/dht/scenario.ts'
import type { Env } from './env.ts'
import { EXIT_INTERRUPTED, EXIT_MISSED, EXIT_OK, EXIT_UNEXPECTED } from './exit-code.ts'

export interface PlannedRun {
  readonly scenario: Scenario
  readonly seed: number
}

/** Gets the runs in the order in which they were planned, each as soon as it and all before it are done. */
export type OnRun = (run: MeasuredRun) => void

export function runHere(env: Env, planned: readonly PlannedRun[], onRun: OnRun): void {
  const clock = new SystemClock()
  for (const { scenario, seed } of planned)
    onRun(runScenario(scenario, seed, { now: () => clock.now(), rss: env.rss, hashes: opensslHashes }))
}

/** @returns an exit code: that of success, unless a process failed or a signal ended them all */
export async function runInProcesses(
  env: Env,
  planned: readonly PlannedRun[],
  { atOnce, onRun }: { readonly atOnce: number; readonly onRun: OnRun },
): Promise<number> {
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  const offSignals = env.onSignals({ onStop: onSignal, onStats() {}, onReannounce() {} })
  const done: (MeasuredRun | undefined)[] = []
  let [next, told, code] = [0, 0, EXIT_OK]
  const fail = (why: number): void => {
    if (code === EXIT_OK) code = why
    stop.abort()
  }
  const goOn = async (): Promise<void> => {
    while (next < planned.length) {
      const index = next++
      const run = await runElsewhere(env, planned[index]!, stop.signal)
      if (stop.signal.aborted) return fail(EXIT_INTERRUPTED)
      if (run === undefined) return fail(EXIT_UNEXPECTED)
      done[index] = run
      for (; done[told] !== undefined; told++) onRun(done[told]!)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, goOn))
  offSignals()
  return code
}

/** @returns undefined if the process failed, which is told, or was stopped */
async function runElsewhere(
  env: Env,
  planned: PlannedRun,
  signal: AbortSignal,
): Promise<MeasuredRun | undefined> {
  const { code, stdout, stderr, reason } = await env.runAgain(flagsOf(planned), signal)
  // A missed goal is judged here, by all runs together.
  if (code === EXIT_OK || code === EXIT_MISSED) return readRun(stdout.split('\n')[0]!)
  if (!signal.aborted) {
    const { scenario, seed } = planned
    const end = code === undefined ? reason : `exit code ${code}`
    env.stderr.write(
      `${stderr}bitswarm: ${scenarioName(scenario)}, seed ${seed}: its process ended (${end})\n`,
    )
  }
  return undefined
}

function readRun(line: string): MeasuredRun {
  // A mean of nothing is no number, for which JSON writes null.
  return JSON.parse(line, (_, value: unknown) => (value === null ? NaN : value)) as MeasuredRun
}

function flagsOf({ scenario, seed }: PlannedRun): string[] {
  const { attack, isCold } = scenario
  const values = {
    measure: scenario.measure,
    nodes: scenario.nodes,
    profile: scenario.profile,
    loss: scenario.lossPercent,
    churn: scenario.churnMinutes,
    dead: scenario.deadPercent,
    nat: scenario.natPercent,
    codec: scenario.codec,
    lookups: scenario.lookups,
    minutes: scenario.minutes,
    ...(attack !== 'none' && { mal: attack, share: scenario.attackPercent }),
    seeds: seed,
  }
  const pairs = Object.entries(values).flatMap(([flag, value]) => [`-${flag}`, String(value)])
  return ['simulate', 'dht', ...pairs, ...(isCold ? ['-cold'] : []), '-json']
}
