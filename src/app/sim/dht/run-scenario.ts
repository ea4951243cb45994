/** One scenario with one seed, from an empty network to its figures. */
import type { Hashes, Millis } from '../../../protocol/ports.ts'
import { SimDht } from '../dht.ts'
import { SeededRandom } from '../random.ts'
import { startChurn } from './churn.ts'
import type { Run } from './goals.ts'
import { measureLookups } from './lookup-measure.ts'
import { fillTables, TABLE_AGE } from './perfect-tables.ts'
import type { Scenario } from './scenario.ts'

const SEEDS = 3
/** Real joins: one after the other over so long, and time to find each other. */
const JOIN_TIME: Millis = 10 * 60_000
const AFTER_JOINS: Millis = 15 * 60_000
/** Loaded nodes meet the seeds at some time in this long, as those do that have run for hours. */
const PROBE_TIME: Millis = 10 * 60_000

/** What only the world outside knows of a run. */
export interface Machine {
  /** A monotonic clock. */
  now(): Millis
  /** Bytes of memory of the process. */
  rss(): number
  readonly hashes: Hashes
}

export interface MeasuredRun extends Run {
  readonly trace: string
  readonly messages: number
  readonly messagesPerSecond: number
  readonly wallSeconds: number
  readonly rssBytes: number
}

export function runScenario(scenario: Scenario, seed: number, machine: Machine): MeasuredRun {
  const { profile, codec, lossPercent, churnMinutes, lookups } = scenario
  const startedAt = machine.now()
  const weather = { loss: lossPercent / 100 }
  const sim = new SimDht({ seed, profile, codec, seeds: SEEDS, weather, hashes: machine.hashes })
  const random = new SeededRandom(seed)
  populate(sim, scenario, random)
  const builtAt = machine.now()
  const before = sim.network.sent
  if (churnMinutes > 0) startChurn(sim, churnMinutes, random.fork('churn'))
  const metrics = measureLookups(sim, lookups)
  const endedAt = machine.now()
  const messages = sim.network.sent - before
  return {
    scenario,
    seed,
    metrics,
    trace: sim.network.traceDigest,
    messages,
    messagesPerSecond: (messages * 1_000) / (endedAt - builtAt),
    wallSeconds: (endedAt - startedAt) / 1_000,
    rssBytes: machine.rss(),
  }
}

function populate(sim: SimDht, { nodes, deadPercent, isCold }: Scenario, random: SeededRandom): void {
  const dead = Math.round((nodes * deadPercent) / (100 - deadPercent))
  if (isCold) {
    sim.grow(nodes + dead, JOIN_TIME / (nodes + dead))
    sim.run(AFTER_JOINS)
  } else {
    sim.run(TABLE_AGE)
    const placed = sim.place(nodes + dead)
    fillTables(sim, placed, random.fork('tables'))
    for (const { dht } of placed) sim.clock.after(PROBE_TIME * random.float(), () => dht.bootstrap(sim.seeds))
  }
  const victims = random.fork('dead')
  for (let i = 0; i < dead; i++) killAnyone(sim, victims)
}

/** Anybody but the seeds. */
function killAnyone(sim: SimDht, random: SeededRandom): void {
  const node = sim.oracle.at(random.int(sim.oracle.size))
  if (node.index < SEEDS) killAnyone(sim, random)
  else sim.kill(node.index)
}
