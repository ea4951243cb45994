/** How long it takes to find peers and places: many lookups from random nodes, spread over time. */
import { formatEndpoint } from '../../../protocol/endpoint.ts'
import { toHex, type NodeId } from '../../../protocol/ids.ts'
import type { Millis } from '../../../protocol/ports.ts'
import type { SimDht } from '../dht.ts'
import type { Attackers } from './attackers.ts'
import type { Metrics } from './metrics.ts'
import { Samples } from './samples.ts'
import type { Scenario } from './scenario.ts'
import { Torrents, type Torrent } from './torrents.ts'

/** Torrents that are looked for, at most. */
const TORRENTS = 1_000
/** Between two lookups, and how long all of them take at least while nodes come and go. */
const SPACING: Millis = 10
const CHURN_TIME: Millis = 30 * 60_000
/** No walk takes longer. */
const LONGEST_WALK: Millis = 11_000
/** Nodes that should hold a record, and how many of them are enough. */
const NEAREST = 8
const ENOUGH = 4

/** Records are there when an attack begins; what is announced during it is counted apart. */
export function measureLookups(
  sim: SimDht,
  { lookups, churnMinutes }: Scenario,
  attackers: Attackers | undefined,
): Metrics {
  const torrents = new Torrents(sim, Math.min(lookups, TORRENTS))
  attackers?.attack()
  const { storers } = attackers === undefined ? torrents : new Torrents(sim, Math.min(lookups, TORRENTS))
  const spacing = churnMinutes > 0 ? Math.max(SPACING, CHURN_TIME / lookups) : SPACING
  const found = new FoundPeers()
  const walked = new Walked()
  for (let i = 0; i < lookups; i++) {
    found.lookUp(sim, torrents.pick())
    walked.walk(sim)
    sim.run(spacing)
  }
  sim.run(LONGEST_WALK)
  return {
    ...found.metrics,
    ...walked.metrics,
    storersMean: storers.reduce((sum, count) => sum + count, 0) / storers.length,
    storedEnough: (100 * storers.filter((count) => count >= ENOUGH).length) / storers.length,
    contactsMean: meanContacts(sim),
  }
}

/** Lookups for peers, which end as soon as they may. */
class FoundPeers {
  readonly #hops = new Samples()
  readonly #rpcs = new Samples()
  readonly #bytes = new Samples()
  readonly #firstPeers = new Samples()
  readonly #complete = new Samples()
  #expected = 0
  #successes = 0
  #doubted = 0

  lookUp(sim: SimDht, { infoHash, announcer, peer: expected }: Torrent): void {
    const asker = sim.anyone()
    const bytesBefore = asker.socket.sentBytes + asker.socket.receivedBytes
    const startedAt = sim.clock.now()
    let firstAt: Millis | undefined
    let isFound = false
    asker.dht.lookup(
      infoHash,
      (peers) => {
        firstAt ??= sim.clock.now()
        isFound ||= peers.some((peer) => formatEndpoint(peer) === expected)
      },
      ({ hops, rpcs, isInDoubt }) => {
        this.#hops.add(hops)
        if (isInDoubt) this.#doubted++
        this.#rpcs.add(rpcs)
        this.#complete.add(sim.clock.now() - startedAt)
        this.#bytes.add(asker.socket.sentBytes + asker.socket.receivedBytes - bytesBefore)
        if (firstAt !== undefined) this.#firstPeers.add(firstAt - startedAt)
        // Only of a peer that lived all the while can it be said that it should have been found.
        if (!announcer.isAlive || announcer === asker) return
        this.#expected++
        if (isFound) this.#successes++
      },
    )
  }

  get metrics(): Metrics {
    return {
      hopsMean: this.#hops.mean,
      hopsP99: this.#hops.quantile(0.99),
      rpcsMean: this.#rpcs.mean,
      rpcsP99: this.#rpcs.quantile(0.99),
      firstPeersP50: this.#firstPeers.quantile(0.5),
      firstPeersP95: this.#firstPeers.quantile(0.95),
      firstPeersP99: this.#firstPeers.quantile(0.99),
      completeP50: this.#complete.quantile(0.5),
      completeP95: this.#complete.quantile(0.95),
      completeP99: this.#complete.quantile(0.99),
      success: (100 * this.#successes) / this.#expected,
      successOf: this.#expected,
      doubted: (100 * this.#doubted) / this.#rpcs.count,
      bytesMean: this.#bytes.mean,
    }
  }
}

/** Careful walks to random places, compared with the truth. */
class Walked {
  readonly #rpcs = new Samples()
  readonly #complete = new Samples()
  #expected = 0
  #found = 0

  walk(sim: SimDht): void {
    const asker = sim.anyone()
    const target = sim.randomId<NodeId>()
    const startedAt = sim.clock.now()
    asker.dht.findNodes(target, (nearest, { rpcs }) => {
      this.#rpcs.add(rpcs)
      this.#complete.add(sim.clock.now() - startedAt)
      const truth = sim.closest(target, NEAREST, asker)
      const answered = new Set(nearest.map(({ id }) => toHex(id)))
      this.#expected += truth.length
      this.#found += truth.filter(({ id }) => answered.has(toHex(id))).length
    })
  }

  get metrics(): Metrics {
    return {
      carefulRpcsMean: this.#rpcs.mean,
      carefulCompleteP50: this.#complete.quantile(0.5),
      carefulCompleteP99: this.#complete.quantile(0.99),
      recall: (100 * this.#found) / this.#expected,
    }
  }
}

function meanContacts({ nodes }: SimDht): number {
  const contacts = new Samples()
  for (const { dht } of nodes) contacts.add(dht.contacts)
  return contacts.mean
}
