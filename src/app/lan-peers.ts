/** Peers on the local network, by multicast (BEP 14). */
import type { DhtService } from '../dht/service.ts'
import type { PeerEvent } from '../peer/events.ts'
import { LanDiscovery } from '../peer/lan-discovery.ts'
import type { Endpoint } from '../protocol/endpoint.ts'
import { LAN_GROUPS } from '../protocol/lan-message.ts'
import type { Emit } from '../protocol/ports.ts'
import type { PeerSource, Wanted } from './discovery.ts'
import type { Environment } from './environment.ts'

export interface LanOptions {
  readonly dht: DhtService | undefined
  /** Where the DHT's sockets are bound. */
  readonly dhtEndpoints: readonly Endpoint[]
  /** Network id of the DHT. */
  readonly net: string | undefined
  readonly emit: Emit<PeerEvent>
}

/** Makes a process heard on its network: its torrents, and its DHT node. */
export function joinLan(env: Environment, { dht, dhtEndpoints, net, emit }: LanOptions): LanDiscovery {
  const port = dhtEndpoints[0]?.port
  return new LanDiscovery({
    groups: LAN_GROUPS.map((group) => env.joinGroup(group)),
    clock: env.clock,
    random: env.random.fork('lan'),
    emit,
    ...(dht &&
      port !== undefined && {
        dht: {
          port,
          net,
          contacts: () => dht.snapshot().nodes.reduce((sum, { contacts }) => sum + contacts, 0),
          meet: (endpoint) => dht.bootstrap([endpoint]),
        },
      }),
  })
}

export class LanPeers implements PeerSource {
  readonly name = 'lan'
  readonly isAllowedForPrivate = false
  readonly #lan: LanDiscovery
  #torrent: ReturnType<LanDiscovery['add']> | undefined

  constructor(lan: LanDiscovery) {
    this.#lan = lan
  }

  /** Without a port of our own there is nothing to announce; and since peers that hear an announce dial, we would hear of nobody. */
  start(wanted: Wanted, onPeers: (peers: readonly Endpoint[]) => void): void {
    const port = wanted.listening[0]?.port
    if (port !== undefined) this.#torrent = this.#lan.add(wanted.infoHash, port, onPeers)
  }

  refresh(): void {
    this.#torrent?.refresh()
  }

  onComplete(): void {}

  stop(onStopped: () => void): void {
    this.#torrent?.remove()
    onStopped()
  }
}
