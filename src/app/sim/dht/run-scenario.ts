/** One scenario with one seed, from an empty network to its figures. */
import type { Message } from '../../../dht/wire/messages.ts'
import type { Endpoint } from '../../../protocol/endpoint.ts'
import type { Hashes, Millis } from '../../../protocol/ports.ts'
import type { SimEvent } from '../clock.ts'
import { SimDht, type SimNode } from '../dht.ts'
import { SeededRandom } from '../random.ts'
import { Attackers } from './attackers.ts'
import { startChurn } from './churn.ts'
import { measureCrowd, measureJoin, measureRestart } from './join-measures.ts'
import { measureLookups } from './lookup-measure.ts'
import { measureMaintenance } from './maintenance-measure.ts'
import type { Metrics } from './metrics.ts'
import { measurePartition } from './partition-measure.ts'
import { fillTables, TABLE_AGE } from './perfect-tables.ts'
import type { Scenario } from './scenario.ts'
import { Traffic } from './traffic.ts'
import type { Run } from './verdicts.ts'

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
  readonly wallSeconds: number
  readonly rssBytes: number
}

export function runScenario(scenario: Scenario, seed: number, machine: Machine): MeasuredRun {
  const { profile, codec, lossPercent, churnMinutes } = scenario
  const startedAt = machine.now()
  const weather = { loss: lossPercent / 100 }
  const traffic = new Traffic()
  const isTapped = scenario.measure === 'maintenance' || scenario.measure === 'crowd'
  const onSent = isTapped && ((message: Message, to: Endpoint): void => traffic.onSent(message, to))
  const { hashes } = machine
  const sim = new SimDht({ seed, profile, codec, seeds: SEEDS, weather, hashes, ...(onSent && { onSent }) })
  const random = new SeededRandom(seed)
  const attackers = populate(sim, scenario, random)
  const builtAt = machine.now()
  const before = { messages: sim.network.sent, now: sim.clock.now() }
  if (churnMinutes > 0) startChurn(sim, churnMinutes, random.fork('churn'))
  const measured = measure(sim, scenario, { traffic, attackers })
  const endedAt = machine.now()
  const messages = sim.network.sent - before.messages
  const rssBytes = machine.rss()
  return {
    scenario,
    seed,
    metrics: {
      ...measured,
      messagesPerSecond: (messages * 1_000) / (endedAt - builtAt),
      timesRealTime: (sim.clock.now() - before.now) / (endedAt - builtAt),
      kibPerNode: rssBytes / 1_024 / scenario.nodes,
    },
    trace: sim.network.traceDigest,
    messages,
    wallSeconds: (endedAt - startedAt) / 1_000,
    rssBytes,
  }
}

/** A loaded node contacts the seeds, if it is still alive. */
class Probe implements SimEvent {
  readonly isCancelled = false
  readonly #sim: SimDht
  readonly #node: SimNode

  constructor(sim: SimDht, node: SimNode) {
    this.#sim = sim
    this.#node = node
  }

  happen(): void {
    if (this.#node.isAlive) this.#node.dht.bootstrap(this.#sim.seeds)
  }
}

function measure(
  sim: SimDht,
  scenario: Scenario,
  { traffic, attackers }: { readonly traffic: Traffic; readonly attackers: Attackers | undefined },
): Metrics {
  switch (scenario.measure) {
    case 'lookups':
      return measureLookups(sim, scenario, attackers)
    case 'maintenance':
      return measureMaintenance(sim, scenario, traffic)
    case 'join':
      return measureJoin(sim, scenario)
    case 'crowd':
      return measureCrowd(sim, scenario, traffic)
    case 'restart':
      return measureRestart(sim, scenario)
    case 'partition':
      return measurePartition(sim)
  }
}

function populate(sim: SimDht, scenario: Scenario, random: SeededRandom): Attackers | undefined {
  const { nodes, deadPercent, natPercent, attackPercent, attack, profile, isCold, measure: what } = scenario
  sim.run(TABLE_AGE)
  if (what === 'crowd') {
    sim.grow(SEEDS, 1_000)
    return undefined
  }
  const count = attack === 'none' ? 0 : Math.round((nodes * attackPercent) / 100)
  const hidden = Math.round((nodes * natPercent) / 100)
  const dead = Math.round((nodes * deadPercent) / (100 - deadPercent))
  const seen = nodes - count - hidden + dead
  if (isCold) {
    sim.grow(seen, JOIN_TIME / nodes)
    for (let i = 0; i < hidden; i++) {
      sim.spawn({ isReadOnly: true })
      sim.run(JOIN_TIME / nodes)
    }
  } else sim.place(seen)
  const attackers =
    attack === 'none'
      ? undefined
      : new Attackers(sim, { count, attack, profile, random: random.fork('attackers') })
  attackers?.place()
  if (isCold) sim.run(AFTER_JOINS)
  else {
    sim.place(hidden, { isReadOnly: true })
    fillTables(sim, sim.nodes, random.fork('tables'))
    for (const node of sim.nodes) sim.clock.schedule(PROBE_TIME * random.float(), new Probe(sim, node))
  }
  const victims = random.fork('dead')
  for (let killed = 0; killed < dead;) {
    const victim = sim.nodes[victims.int(sim.nodes.length)]!
    if (victim.index < SEEDS || victim.isReadOnly) continue
    sim.kill(victim)
    killed++
  }
  return attackers
}
