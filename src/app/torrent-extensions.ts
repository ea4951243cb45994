/** What a torrent's connections speak beyond BEP 3: metadata for peers without it, and peer exchange unless private. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerEvent } from '../peer/events.ts'
import { MetadataExchange } from '../peer/metadata-exchange.ts'
import { PeerExchange } from '../peer/peer-exchange.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Clock, Emit, Hashes } from '../protocol/ports.ts'
import type { DhtMeeting, Swarm } from './swarm.ts'

export interface TorrentExtensionsOptions {
  readonly infoHash: InfoHash
  readonly clock: Clock
  readonly hashes: Hashes
  readonly emit: Emit<PeerEvent>
  readonly dht: DhtMeeting | undefined
  /** The info dictionary came from these peers, and has the info hash. Called once at most. */
  readonly onMetadata: (info: Uint8Array, peers: readonly string[]) => void
}

export class TorrentExtensions {
  readonly #swarm: Swarm
  readonly #metadata: MetadataExchange<PeerConnection>
  readonly #peerExchange: PeerExchange<PeerConnection>
  readonly #dht: DhtMeeting | undefined
  #hasPeerExchange = false

  constructor(swarm: Swarm, options: TorrentExtensionsOptions) {
    this.#swarm = swarm
    this.#dht = options.dht
    this.#metadata = new MetadataExchange({
      ...options,
      onLiar: (peer) =>
        swarm.culprits.ban(peer.remote, 'it alone sent an info dictionary that does not have the info hash', {
          pieces: [],
        }),
    })
    this.#peerExchange = new PeerExchange({
      ...options,
      onPeers: (peers, { host }) => swarm.company.addCandidates(peers, 'pex', host),
    })
    swarm.use(this.#metadata)
  }

  /** Connections are about to be made, and nothing says that the torrent is private: peers may be told of others. */
  usePeerExchange(): void {
    if (this.#hasPeerExchange) return
    this.#hasPeerExchange = true
    this.#swarm.use(this.#peerExchange)
    this.#swarm.offerDht(this.#dht)
  }

  onMetainfo({ infoBytes, isPrivate }: Metainfo): void {
    this.#metadata.serve(infoBytes)
    this.#swarm.offerMetadata(infoBytes.length)
    if (!isPrivate) return
    this.#peerExchange.stop()
    this.#swarm.offerDht(undefined)
  }
}
