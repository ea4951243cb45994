/** `bitswarm simulate`: the product's own nodes in virtual time. The DHT is judged by its goals; swarms are made to fail. */
import { ConfigError } from '../../src/app/library.ts'
import { ATTACKS } from '../../src/app/sim/dht/attackers.ts'
import { GOALS, scenariosOf } from '../../src/app/sim/dht/goals.ts'
import type { MeasuredRun } from '../../src/app/sim/dht/run-scenario.ts'
import { MEASURES, type Scenario } from '../../src/app/sim/dht/scenario.ts'
import { judge, verdictLine } from '../../src/app/sim/dht/verdicts.ts'
import { list, oneOf, parsed, whole, type Parse } from '../../src/app/setting-value.ts'
import type { Env } from '../env.ts'
import { EXIT_MISSED, EXIT_OK } from '../exit-code.ts'
import { runHere, runInProcesses } from '../simulated-runs.ts'
import { runTable } from '../simulation-table.ts'
import { simulateSwarm } from './simulate-swarm.ts'

/** As commander gives them. */
export interface SimulateDhtOptions {
  readonly goals?: string
  readonly measure: string
  readonly nodes: string
  readonly profile: string
  readonly loss: string
  readonly churn: string
  readonly dead: string
  readonly nat: string
  readonly mal?: string
  readonly share: string
  readonly minutes: string
  readonly lookups: string
  readonly seeds: string
  readonly codec: string
  readonly processes: string
  readonly cold?: true
  readonly json?: true
}

export interface SimulateSwarmFlags {
  readonly faults?: true
  readonly only?: string
  readonly seeds: string
  readonly log?: true
  readonly json?: true
}

export async function simulateSwarms(env: Env, flags: SimulateSwarmFlags): Promise<number> {
  const { faults, only, json, log } = flags
  if (only !== undefined && faults === undefined) throw new ConfigError('config.usage', '-only needs -faults')
  return simulateSwarm(env, {
    seeds: read('seeds', seedList(MAX_SWARM_SEEDS), flags.seeds),
    hasFaults: faults ?? false,
    only: only === undefined ? undefined : read('only', seedList(MAX_SEEDS), only),
    isJson: json ?? false,
    hasLog: log ?? false,
  })
}

export async function simulateDht(env: Env, options: SimulateDhtOptions): Promise<number> {
  const seeds = read('seeds', seedList(MAX_SEEDS), options.seeds)
  const atOnce = read('processes', whole(1, MAX_PROCESSES), options.processes)
  const planned = scenarios(options).flatMap((scenario) => seeds.map((seed) => ({ scenario, seed })))
  const runs: MeasuredRun[] = []
  const onRun = (run: MeasuredRun): void => {
    runs.push(run)
    env.stdout.write(options.json ? `${JSON.stringify(run)}\n` : runTable(run))
  }
  if (atOnce === 1) runHere(env, planned, onRun)
  else {
    const code = await runInProcesses(env, planned, { atOnce, onRun })
    if (code !== EXIT_OK) return code
  }
  const verdicts = judge(runs)
  for (const verdict of verdicts)
    env.stdout.write(`${options.json ? JSON.stringify(verdict) : verdictLine(verdict)}\n`)
  return verdicts.every(({ isMet }) => isMet) ? EXIT_OK : EXIT_MISSED
}

/** Each combination of what was listed, or what the goals ask for. */
function scenarios(options: SimulateDhtOptions): Scenario[] {
  const sizes = read('nodes', listOf(whole(10, 1_000_000)), options.nodes)
  if (options.goals !== undefined) {
    const wanted = scenariosOf(new Set(read('goals', goalList, options.goals)), sizes)
    if (wanted.length > 0) return wanted
    throw new ConfigError(
      'config.usage',
      `-goals ${options.goals}: none of them is set for ${options.nodes} nodes`,
    )
  }
  const shared = {
    measure: read('measure', oneOf(MEASURES), options.measure),
    profile: read('profile', oneOf(['wan', 'lan']), options.profile),
    codec: read('codec', oneOf(['object', 'json']), options.codec),
    lookups: read('lookups', whole(1, 1_000_000), options.lookups),
    minutes: read('minutes', whole(1, 10_000), options.minutes),
    attack: options.mal === undefined ? 'none' : read('mal', oneOf(ATTACKS), options.mal),
    isCold: options.cold ?? false,
  } as const
  if (shared.isCold && shared.attack !== 'none')
    throw new ConfigError(
      'config.usage',
      '-cold and -mal exclude each other: attackers do not join, they are there',
    )
  const shares = shared.attack === 'none' ? [0] : read('share', listOf(whole(1, 90)), options.share)
  return combinations<Scenario>(shared, {
    nodes: sizes,
    lossPercent: read('loss', listOf(whole(0, 99)), options.loss),
    churnMinutes: read('churn', listOf(whole(0, 100_000)), options.churn),
    deadPercent: read('dead', listOf(whole(0, 90)), options.dead),
    natPercent: read('nat', listOf(whole(0, 90)), options.nat),
    attackPercent: shares,
  })
}

/** `shared` with each combination of the listed values. */
function combinations<T extends object>(
  shared: Partial<T>,
  lists: { readonly [Key in keyof T]?: readonly T[Key][] },
): T[] {
  return (Object.keys(lists) as (keyof T)[]).reduce<Partial<T>[]>(
    (made, key) => made.flatMap((one) => lists[key]!.map((value) => ({ ...one, [key]: value }))),
    [shared],
  ) as T[]
}

/** `G3`, `G1-G7,G12`, `all`. */
const goalList: Parse<readonly string[]> = parsed(
  (text) => {
    const known = [...new Set(GOALS.map(({ id }) => id))]
    if (text === 'all') return known
    const ids = text.split(',').flatMap((part) => {
      const [from, to = from] = part.split('-').map((id) => known.indexOf(id))
      return from === undefined || from < 0 || to! < from ? [''] : known.slice(from, to! + 1)
    })
    return ids.includes('') ? undefined : ids
  },
  `goals from ${GOALS[0]!.id} to ${GOALS.at(-1)!.id}, as in G1-G7,G12, or all`,
)

function listOf(parse: Parse<number>): Parse<readonly number[]> {
  return list(/,/, parse, 'numbers with commas between them')
}

/** Simulations that run at the same time. */
const MAX_PROCESSES = 1_000
/** Runs of one scenario. */
const MAX_SEEDS = 1_000
/** Swarms one after the other. */
const MAX_SWARM_SEEDS = 1_000_000

/** `1-5`, `1,4`, `7`. */
function seedList(maxCount: number): Parse<readonly number[]> {
  return parsed((text) => {
    const seeds: number[] = []
    for (const part of text.split(',')) {
      const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? []
      const count = Number(to) - Number(from) + 1
      // Not a number is not above zero either.
      if (!(count > 0) || seeds.length + count > maxCount) return undefined
      for (let i = 0; i < count; i++) seeds.push(Number(from) + i)
    }
    return seeds
  }, `up to ${maxCount} numbers or ranges like 1-5, with commas between them`)
}

function read<T>(flag: string, parse: Parse<T>, text: string): T {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError('config.value', `-${flag} '${text}': ${error.message}`)
  }
}
