/**
 * `ut_pex` (BEP 11): peers tell each other to whom they are connected. Whoever is named is a candidate for a dial, and no more;
 * a peer that tells too often is no longer listened to.
 */
import { formatEndpoint, mayTell, scopeOf, type Endpoint, type Scope } from '../protocol/endpoint.ts'
import { decodePex, encodePex, type PexPeer } from '../protocol/pex-message.ts'
import type { Clock, Emit, Millis } from '../protocol/ports.ts'
import type { PeerEvent } from './events.ts'
import type { PeerExtension } from './peer-extension.ts'
import type { RemotePeer } from './remote-peer.ts'

/** A peer is told at most this often … */
export const PEX_INTERVAL: Millis = 60_000
/** … of at most this many peers that came, and as many that left. */
export const MAX_PEX_TOLD = 50
/** A message that comes sooner than this after the previous one is not read. */
const MIN_PEX_INTERVAL: Millis = 45_000
/** After this many of those, the peer's messages are no longer read. */
export const MAX_EARLY_PEX = 5

/** As much of a connection as is needed here. */
export interface PexNeighbour {
  readonly id: number
  readonly address: string
  readonly remote: Pick<RemotePeer, 'endpoint' | 'direction' | 'listenEndpoint' | 'isUploadOnly' | 'speaks'>
  sendExtended(extension: string, payload: Uint8Array): boolean
}

export interface PeerExchangeOptions {
  readonly clock: Clock
  readonly emit: Emit<PeerEvent>
  /** Takes candidates that a peer told of. @returns how many of them were not known */
  readonly onPeers: (peers: readonly Endpoint[], teller: Endpoint) => number
}

interface Neighbour<Peer> {
  readonly peer: Peer
  /** Peers that it knows of from us. */
  readonly told: Map<string, Endpoint>
  toldAt: Millis
  /** It was told of everything up to this change. */
  toldChange: number
  heardAt: Millis
  earlyMessages: number
}

/** A peer that others may be told of. */
interface Tellable extends PexPeer {
  readonly scope: Scope
}

export class PeerExchange<Peer extends PexNeighbour> implements PeerExtension<Peer> {
  readonly name = 'ut_pex'
  readonly #options: PeerExchangeOptions
  readonly #neighbours = new Map<number, Neighbour<Peer>>()
  /** Counts who came and who left. */
  #change = 0
  #isStopped = false

  constructor(options: PeerExchangeOptions) {
    this.#options = options
  }

  /** The torrent turned out to be private (BEP 27): nothing is told or heard from now on. */
  stop(): void {
    this.#isStopped = true
  }

  onHandshake(peer: Peer): void {
    this.#change++
    if (this.#neighbours.has(peer.id)) return
    this.#neighbours.set(peer.id, {
      peer,
      told: new Map(),
      toldAt: -Infinity,
      toldChange: 0,
      heardAt: -Infinity,
      earlyMessages: 0,
    })
  }

  onMessage(peer: Peer, payload: Uint8Array): void {
    const neighbour = this.#neighbours.get(peer.id)
    if (this.#isStopped || neighbour === undefined || neighbour.earlyMessages > MAX_EARLY_PEX) return
    const now = this.#options.clock.now()
    if (now - neighbour.heardAt < MIN_PEX_INTERVAL) {
      neighbour.earlyMessages++
      return
    }
    neighbour.heardAt = now
    const { added, dropped } = decodePex(payload)
    const scope = scopeOf(peer.remote.endpoint.host)
    const candidates = added
      .map(({ endpoint }) => endpoint)
      .filter(({ host, port }) => port > 0 && mayTell(scope, scopeOf(host)))
    const fresh = this.#options.onPeers(candidates, peer.remote.endpoint)
    this.#options.emit({
      event: 'pex',
      peer: peer.address,
      added: added.length,
      dropped: dropped.length,
      fresh,
    })
  }

  onClosed(peer: Peer): void {
    this.#change++
    this.#neighbours.delete(peer.id)
  }

  round(now: Millis): void {
    if (this.#isStopped) return
    const due = [...this.#neighbours.values()].filter(
      ({ peer, toldAt, toldChange }) =>
        toldChange < this.#change && now - toldAt >= PEX_INTERVAL && peer.remote.speaks(this.name),
    )
    if (due.length === 0) return
    const connected = this.#connected()
    for (const neighbour of due) this.#tell(neighbour, connected, now)
  }

  #tell(neighbour: Neighbour<Peer>, connected: ReadonlyMap<string, Tellable>, now: Millis): void {
    const { peer, told } = neighbour
    const { listenEndpoint } = peer.remote
    const own = listenEndpoint && formatEndpoint(listenEndpoint)
    // Private addresses are told only to peers that are in such a network themselves.
    const scope = scopeOf(peer.remote.endpoint.host)
    const dropped = [...told].filter(([key]) => !connected.has(key)).slice(0, MAX_PEX_TOLD)
    const added = [...connected]
      .filter(([key, other]) => key !== own && !told.has(key) && mayTell(scope, other.scope))
      .slice(0, MAX_PEX_TOLD)
    if (added.length < MAX_PEX_TOLD && dropped.length < MAX_PEX_TOLD) neighbour.toldChange = this.#change
    if (added.length + dropped.length === 0) return
    neighbour.toldAt = now
    for (const [key] of dropped) told.delete(key)
    for (const [key, { endpoint }] of added) told.set(key, endpoint)
    peer.sendExtended(
      this.name,
      encodePex({
        added: added.map(([, each]) => each),
        dropped: dropped.map(([, endpoint]) => endpoint),
      }),
    )
  }

  #connected(): ReadonlyMap<string, Tellable> {
    const connected = new Map<string, Tellable>()
    for (const { peer } of this.#neighbours.values()) {
      const { listenEndpoint: endpoint, isUploadOnly, direction } = peer.remote
      if (endpoint === undefined) continue
      connected.set(formatEndpoint(endpoint), {
        endpoint,
        isSeed: isUploadOnly,
        isReachable: direction === 'out',
        scope: scopeOf(endpoint.host),
      })
    }
    return connected
  }
}
