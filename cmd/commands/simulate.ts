/** `bitswarm simulate dht`: the product's own DHT nodes in virtual time, measured against their goals. */
import { ConfigError } from '../../src/app/library.ts'
import { SystemClock } from '../../src/app/node/clock.ts'
import { opensslHashes } from '../../src/app/node/hashes.ts'
import { judge, verdictLine } from '../../src/app/sim/dht/goals.ts'
import { runScenario, type MeasuredRun } from '../../src/app/sim/dht/run-scenario.ts'
import type { Scenario } from '../../src/app/sim/dht/scenario.ts'
import { list, oneOf, parsed, whole, type Parse } from '../../src/app/setting-value.ts'
import type { Env } from '../env.ts'
import { EXIT_MISSED, EXIT_OK } from '../exit-code.ts'
import { runTable } from '../simulation-table.ts'

/** As commander gives them. */
export interface SimulateOptions {
  readonly nodes: string
  readonly profile: string
  readonly loss: string
  readonly churn: string
  readonly dead: string
  readonly lookups: string
  readonly seeds: string
  readonly codec: string
  readonly cold?: true
  readonly json?: true
}

export function simulate(env: Env, what: string, options: SimulateOptions): number {
  if (what !== 'dht') throw new ConfigError('config.usage', `there is no simulation '${what}'; there is: dht`)
  const seeds = read('seeds', seedList, options.seeds)
  const clock = new SystemClock()
  const runs: MeasuredRun[] = []
  for (const scenario of scenarios(options))
    for (const seed of seeds) {
      const run = runScenario(scenario, seed, { now: () => clock.now(), rss: env.rss, hashes: opensslHashes })
      runs.push(run)
      env.stdout.write(options.json ? `${JSON.stringify(run)}\n` : runTable(run))
    }
  const verdicts = judge(runs)
  for (const verdict of verdicts)
    env.stdout.write(`${options.json ? JSON.stringify(verdict) : verdictLine(verdict)}\n`)
  return verdicts.every(({ isMet }) => isMet) ? EXIT_OK : EXIT_MISSED
}

/** Each combination of what was listed. */
function scenarios(options: SimulateOptions): Scenario[] {
  const lookups = read('lookups', whole(1, 1_000_000), options.lookups)
  const profile = read('profile', oneOf(['wan', 'lan']), options.profile)
  const codec = read('codec', oneOf(['object', 'json']), options.codec)
  const losses = read('loss', listOf(whole(0, 99)), options.loss)
  const churns = read('churn', listOf(whole(0, 100_000)), options.churn)
  const deads = read('dead', listOf(whole(0, 90)), options.dead)
  const shared = { measure: 'lookups', profile, codec, lookups, isCold: options.cold ?? false } as const
  return read('nodes', listOf(whole(10, 1_000_000)), options.nodes).flatMap((nodes) =>
    losses.flatMap((lossPercent) =>
      churns.flatMap((churnMinutes) =>
        deads.map((deadPercent) => ({ ...shared, nodes, lossPercent, churnMinutes, deadPercent })),
      ),
    ),
  )
}

function listOf(parse: Parse<number>): Parse<readonly number[]> {
  return list(/,/, parse, 'numbers with commas between them')
}

/** `1-5`, `1,4`, `7`. */
const seedList: Parse<readonly number[]> = parsed((text) => {
  const seeds = text.split(',').flatMap((part) => {
    const [, from, to] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? []
    if (from === undefined) return [Number.NaN]
    return Array.from(
      { length: Math.max(0, Number(to ?? from) - Number(from) + 1) },
      (_, i) => Number(from) + i,
    )
  })
  return seeds.length === 0 || seeds.length > MAX_SEEDS || seeds.some(Number.isNaN) ? undefined : seeds
}, 'numbers or ranges like 1-5, with commas between them')

const MAX_SEEDS = 1_000

function read<T>(flag: string, parse: Parse<T>, text: string): T {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError('config.value', `-${flag} '${text}': ${error.message}`)
  }
}
