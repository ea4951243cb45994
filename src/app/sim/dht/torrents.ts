/** Torrents that nodes of a simulation announce, and who took the announces. */
import { formatEndpoint } from '../../../protocol/endpoint.ts'
import type { InfoHash } from '../../../protocol/ids.ts'
import type { Millis } from '../../../protocol/ports.ts'
import type { SimDht, SimNode } from '../dht.ts'

const TORRENT_PORT = 20_001
/** An announce is over after so long, resends included. */
const SETTLE: Millis = 20_000
/** Nodes that should hold a record. */
const NEAREST = 8

export class Torrent {
  readonly infoHash: InfoHash
  readonly announcer: SimNode
  /** Of the nearest honest ones at the start, those that were told of the peer. */
  readonly #told = new Set<number>()
  readonly #settledAt: Millis

  constructor(sim: SimDht, announcer: SimNode) {
    this.infoHash = sim.randomId<InfoHash>()
    this.announcer = announcer
    this.#settledAt = sim.clock.now() + SETTLE
    for (const { contact } of sim.closest(this.infoHash, NEAREST, announcer))
      sim.nodeOf(contact)?.dht.watch(this.infoHash, () => this.#told.add(contact))
    announcer.dht.announce(this.infoHash, TORRENT_PORT, { isSeed: true })
  }

  /** Its peer, as lookups name it. */
  get peer(): string {
    return formatEndpoint({ host: this.announcer.endpoint.host, port: TORRENT_PORT })
  }

  get storers(): number {
    return this.#told.size
  }

  isSettled(now: Millis): boolean {
    return now >= this.#settledAt
  }
}

/** A number of torrents, each with a living announcer: when one leaves, somebody announces another torrent. */
export class Torrents {
  readonly #sim: SimDht
  readonly #torrents: Torrent[]

  constructor(sim: SimDht, count: number) {
    this.#sim = sim
    this.#torrents = Array.from({ length: count }, () => new Torrent(sim, sim.anyone()))
    sim.run(SETTLE)
  }

  /** One that was announced a while ago and whose announcer lives. */
  pick(): Torrent {
    for (;;) {
      const at = this.#sim.pick(this.#torrents.length)
      const torrent = this.#torrents[at]!
      if (!torrent.announcer.isAlive) this.#torrents[at] = new Torrent(this.#sim, this.#sim.anyone())
      else if (torrent.isSettled(this.#sim.clock.now())) return torrent
    }
  }

  /** How many of the nearest eight hold each. */
  get storers(): number[] {
    return this.#torrents.map(({ storers }) => storers)
  }
}
