/** The DHT of a process: one node for each address family, behind one interface. */
import { familyOf, type Endpoint, type Family } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type {
  Cancel,
  AlarmClock,
  Datagrams,
  Emit,
  Hashes,
  Random,
  Resolver,
  ServiceResolver,
} from '../protocol/ports.ts'
import { excerpt } from '../protocol/text.ts'
import { BootstrapNames, type BootstrapAddress } from './life/bootstrap-names.ts'
import { DatagramPort } from './wire/datagram-port.ts'
import type { DhtEvent } from './events.ts'
import { hashedIds, idsByScope } from './identity/id-rule.ts'
import type { KeyRing } from './frames/key-ring.ts'
import { DhtNode } from './node.ts'
import type { AnnounceOptions, DhtService, DhtSnapshot, LookupSummary, OnPeers } from './service.ts'
import type { StateStore } from './life/state-store.ts'

/** Characters: as many as a name may have. */
const MAX_SHOWN_NAME = 253

export interface DhtOptions {
  /** Bound ones, at most one of each family. The DHT closes them. */
  readonly sockets: Iterable<Datagrams>
  readonly clock: AlarmClock
  readonly random: Random
  readonly hashes: Hashes
  /** Those of this machine's interfaces. */
  readonly addresses: readonly string[]
  readonly resolver: Resolver & ServiceResolver
  readonly emit: Emit<DhtEvent>
  /** State that outlives the process, for each family that has some. The DHT closes the stores. */
  readonly stores?: ReadonlyMap<Family, StateStore> | undefined
  /** Network id, 1 … 16 of `a-z 0-9 -`. Nodes with another one, or with none, are never met. */
  readonly net?: string | undefined
  /** Keys of a private network: nodes with none of them are ignored. */
  readonly keys?: KeyRing | undefined
  readonly isReadOnly?: boolean | undefined
  /** Takes part in the Internet's network only once strangers have proved to reach us. */
  readonly isEphemeral?: boolean | undefined
  /** Whether to emit an event for each message: for `debug` and below. */
  readonly isChatty?: boolean | undefined
}

export class Dht implements DhtService {
  readonly #nodes: readonly DhtNode[]
  readonly #names: BootstrapNames

  /** @throws {ConfigError} `config.value` for a network id that cannot be one */
  constructor(options: DhtOptions) {
    const {
      sockets,
      clock,
      random,
      hashes,
      resolver,
      emit,
      stores,
      net,
      keys,
      isReadOnly,
      isEphemeral,
      isChatty,
    } = options
    if (net !== undefined && !/^[a-z0-9-]{1,16}$/.test(net))
      throw new ConfigError(
        'config.value',
        `'${net}' is not a network id: expected 1 to 16 of a-z, 0-9 and -`,
      )
    // Outsiders cannot take part in a network with keys; there an id is all that an insider must not choose.
    const hashed = hashedIds(hashes.sha256, net)
    const idRule = keys === undefined ? idsByScope(hashed) : hashed
    const nodes = new Map<Family, DhtNode>()
    for (const socket of sockets) {
      const family = familyOf(socket.local.host)
      const frames = keys && { keys, random: random.fork(`frames${family}`) }
      const port = new DatagramPort(socket, { clock, net, frames })
      const node = new DhtNode({
        family,
        port,
        clock,
        random: random.fork(`dht${family}`),
        emit,
        store: stores?.get(family),
        idRule,
        addresses: options.addresses,
        isReadOnly,
        isEphemeral,
        isKeyed: keys !== undefined,
        isChatty,
        otherNodes: (target, count, requester) =>
          nodes.get(family === 4 ? 6 : 4)?.packNodes(target, count, requester),
      })
      nodes.set(family, node)
    }
    this.#nodes = [...nodes.values()]
    this.#names = new BootstrapNames({
      clock,
      resolver,
      isLonely: () => this.#nodes.some(({ isLonely }) => isLonely),
      onEndpoints: (endpoints) => this.#addSeeds(endpoints),
      onUnresolved: (name, tries, retryMs) => {
        const failure = {
          asked: 0,
          reason: `${excerpt(name, MAX_SHOWN_NAME)} has no address`,
          tries,
          retrySeconds: retryMs / 1_000,
        }
        for (const { family } of this.#nodes) emit({ event: 'dht_bootstrap_failed', family, ...failure })
      },
    })
  }

  bootstrap(addresses: readonly BootstrapAddress[]): void {
    this.#names.add(addresses)
  }

  meet(endpoint: Endpoint): void {
    for (const node of this.#nodes) if (node.family === familyOf(endpoint.host)) node.meet(endpoint)
  }

  lookup(
    infoHash: InfoHash,
    onPeers: OnPeers,
    onDone: (summary: LookupSummary) => void = () => undefined,
  ): Cancel {
    const summaries: LookupSummary[] = []
    const cancels = this.#nodes.map((node) =>
      node.lookup(infoHash, onPeers, (summary) => {
        summaries.push(summary)
        if (summaries.length === this.#nodes.length) onDone(sumOf(summaries))
      }),
    )
    return () => cancels.forEach((cancel) => cancel())
  }

  watch(infoHash: InfoHash, onPeers: OnPeers): Cancel {
    const cancels = this.#nodes.map((node) => node.watch(infoHash, onPeers))
    return () => cancels.forEach((cancel) => cancel())
  }

  announce(infoHash: InfoHash, port: number, options: AnnounceOptions): Cancel {
    const cancels = this.#nodes.map((node) => node.announce(infoHash, port, options))
    return () => cancels.forEach((cancel) => cancel())
  }

  snapshot(): DhtSnapshot {
    return { nodes: this.#nodes.map((node) => node.snapshot()) }
  }

  close(onClosed: () => void = () => undefined): void {
    this.#names.close()
    let open = this.#nodes.length
    if (open === 0) onClosed()
    for (const node of this.#nodes)
      node.close(() => {
        if (--open === 0) onClosed()
      })
  }

  #addSeeds(seeds: readonly Endpoint[]): void {
    for (const node of this.#nodes) node.bootstrap(seeds.filter(({ host }) => familyOf(host) === node.family))
  }
}

function sumOf(summaries: readonly LookupSummary[]): LookupSummary {
  return {
    hops: Math.max(...summaries.map(({ hops }) => hops)),
    rpcs: summaries.reduce((sum, { rpcs }) => sum + rpcs, 0),
    ms: Math.max(...summaries.map(({ ms }) => ms)),
    answered: summaries.reduce((sum, { answered }) => sum + answered, 0),
    peers: summaries.reduce((sum, { peers }) => sum + peers, 0),
    isInDoubt: summaries.some(({ isInDoubt }) => isInDoubt),
  }
}
