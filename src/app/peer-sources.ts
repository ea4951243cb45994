/** The sources of peers that a torrent has. A new source is added here and nowhere else. */
import type { DhtService } from '../dht/service.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { LanDiscovery } from '../peer/lan-discovery.ts'
import type { UdpTrackers } from '../peer/tracker/udp-client.ts'
import { parseHostPort } from '../protocol/endpoint.ts'
import type { PeerId } from '../protocol/ids.ts'
import type { Emit, Random } from '../protocol/ports.ts'
import { inOption } from './check-options.ts'
import { DhtPeers } from './dht-peers.ts'
import type { PeerSource } from './discovery.ts'
import type { Environment } from './environment.ts'
import { LanPeers } from './lan-peers.ts'
import { StaticPeers } from './static-peers.ts'
import { TrackerPeers } from './tracker-peers.ts'

/** What the sources of all torrents share. */
export interface PeerSourceHost extends Pick<Environment, 'clock' | 'resolver' | 'http'> {
  readonly peerId: PeerId
  readonly udpTrackers: UdpTrackers
  readonly dht: DhtService | undefined
  readonly lan: LanDiscovery | undefined
}

export interface PeerSourceOptions {
  /** `host:port`; hosts may be names. */
  readonly peers: readonly string[]
  /** Announce lists (BEP 12): each has tiers of URLs and is contacted on its own. */
  readonly announceLists: readonly (readonly (readonly string[])[])[]
  readonly random: Random
  readonly emit: Emit<PeerEvent>
}

/** @throws {ConfigError} `config.value` for a peer that is no address */
export function peerSources(host: PeerSourceHost, options: PeerSourceOptions): PeerSource[] {
  const { clock, resolver, dht, lan } = host
  const { peers, announceLists, random, emit } = options
  const addresses = peers.map((address) => inOption('peers', () => parseHostPort(address, '127.0.0.1')))
  const sources: (PeerSource | undefined)[] = [
    addresses.length > 0 ? new StaticPeers({ addresses, resolver, clock, emit }) : undefined,
    dht && new DhtPeers(dht, clock, random.fork('dht peers')),
    announceLists.length > 0
      ? new TrackerPeers(announceLists, { ...host, random: random.fork('trackers'), emit })
      : undefined,
    lan && new LanPeers(lan),
  ]
  return sources.filter((source) => source !== undefined)
}
