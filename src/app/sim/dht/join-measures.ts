/** How soon a node that starts is one of the network: alone, with all others at once, or again. */
import { formatEndpoint } from '../../../protocol/endpoint.ts'
import type { Millis } from '../../../protocol/ports.ts'
import type { SimDht, SimNode } from '../dht.ts'
import { SimStateStore } from '../state-store.ts'
import type { Metrics } from './metrics.ts'
import { Samples } from './samples.ts'
import { ageTable } from './saved-tables.ts'
import type { Scenario } from './scenario.ts'
import { Torrents } from './torrents.ts'
import type { Traffic } from './traffic.ts'

/** Nodes that join one after the other, and how far apart. */
const JOINERS = 200
const APART: Millis = 250
/** How often somebody looks whether a node is ready, by the profile. */
const LOOK_EVERY: Readonly<Record<Scenario['profile'], Millis>> = { lan: 1, wan: 5 }
/** Whoever is not ready by then never will be. */
const LONGEST: Millis = 120_000
/** A crowd comes within this long. */
const CROWD: Millis = 60_000
const TORRENTS = 200
const LOOKUPS = 1_000

/** Waits until nodes are ready. */
class Readiness {
  readonly #sim: SimDht
  readonly #every: Millis
  readonly #waiting = new Map<SimNode, Millis>()
  readonly times = new Samples()

  constructor(sim: SimDht, { profile }: Scenario) {
    this.#sim = sim
    this.#every = LOOK_EVERY[profile]
  }

  get waiting(): number {
    return this.#waiting.size
  }

  await(node: SimNode): void {
    this.#waiting.set(node, this.#sim.clock.now())
  }

  run(ms: Millis): void {
    const { clock } = this.#sim
    for (const end = clock.now() + ms; clock.now() < end; this.#look()) this.#sim.run(this.#every)
  }

  /** @returns whether all were ready in time */
  runToEnd(): boolean {
    const end = this.#sim.clock.now() + LONGEST
    while (this.#waiting.size > 0 && this.#sim.clock.now() < end) this.run(this.#every)
    return this.#waiting.size === 0
  }

  #look(): void {
    for (const [node, since] of this.#waiting)
      if (node.dht.isReady) {
        this.times.add(this.#sim.clock.now() - since)
        this.#waiting.delete(node)
      }
  }
}

function metricsOf(ready: Readiness, nodes: number): Metrics {
  return {
    readyP50: ready.times.quantile(0.5),
    readyP99: ready.times.quantile(0.99),
    readyPercent: (100 * ready.times.count) / nodes,
  }
}

export function measureJoin(sim: SimDht, scenario: Scenario): Metrics {
  const ready = new Readiness(sim, scenario)
  for (let i = 0; i < JOINERS; i++) {
    ready.await(sim.spawn())
    ready.run(APART)
  }
  ready.runToEnd()
  return { ...metricsOf(ready, JOINERS), ...finds(sim, sim.nodes.slice(-JOINERS)) }
}

/** An empty network but for the seeds. */
export function measureCrowd(sim: SimDht, scenario: Scenario, traffic: Traffic): Metrics {
  const seeds = sim.nodes.length
  traffic.sim = sim
  const startedAt = sim.clock.now()
  const ready = new Readiness(sim, scenario)
  const joiners = scenario.nodes - seeds
  let joined = 0
  while (joined < joiners) {
    const due = Math.ceil((joiners * (sim.clock.now() - startedAt + CROWD / 1_000)) / CROWD)
    for (; joined < Math.min(due, joiners); joined++) ready.await(sim.spawn())
    ready.run(CROWD / 1_000)
  }
  ready.runToEnd()
  const crowdSeconds = (sim.clock.now() - startedAt) / 1_000
  traffic.sim = undefined
  return {
    ...metricsOf(ready, joiners),
    crowdSeconds,
    seedRequests: traffic.seedRequests / joiners,
    ...finds(sim, sim.nodes),
  }
}

/** Nodes that were there, were away for an hour, and come back with what they saved. */
export function measureRestart(sim: SimDht, scenario: Scenario): Metrics {
  const before = Array.from({ length: JOINERS }, () => {
    const store = new SimStateStore()
    return { store, node: sim.spawn({ store }) }
  })
  sim.run(LONGEST)
  for (const { node } of before) sim.kill(node)
  const ready = new Readiness(sim, scenario)
  for (const { store, node } of before) {
    const aged = new SimStateStore(ageTable(store.saved as Uint8Array, sim, scenario.profile))
    ready.await(sim.spawn({ endpoint: node.endpoint, store: aged }))
    ready.run(APART)
  }
  ready.runToEnd()
  return metricsOf(ready, JOINERS)
}

/** Whether these nodes find what others announced. */
function finds(sim: SimDht, askers: readonly SimNode[]): Metrics {
  const torrents = new Torrents(sim, TORRENTS)
  let successes = 0
  for (let i = 0; i < LOOKUPS; i++) {
    const { infoHash, peer } = torrents.pick()
    const asker = askers[sim.pick(askers.length)]!
    let isFound = false
    asker.dht.lookup(
      infoHash,
      (peers) => {
        isFound ||= peers.some((found) => formatEndpoint(found) === peer)
      },
      () => {
        if (isFound) successes++
      },
    )
    sim.run(10)
  }
  sim.run(11_000)
  return { success: (100 * successes) / LOOKUPS, successOf: LOOKUPS }
}
