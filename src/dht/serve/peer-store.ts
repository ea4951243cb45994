/** Peers that others announced to this node, with expiry and limits on everything that a remote can grow. */
import { endpointKeyOf, networkKeyOf, scopeOf, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import { compareDistance, type InfoHash, type NodeId } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Millis, Random } from '../../protocol/ports.ts'
import type { Profile } from '../wire/source-limiter.ts'
import { StoredSwarm, type PeerAsker, type StoredPeer } from './stored-swarm.ts'

/** How long a peer is kept after its last announce. */
export const PEER_TTL: Millis = 45 * 60_000

export interface StoreLimits {
  readonly hashes: number
  readonly peersPerHash: number
  readonly peers: number
  /** Ports of one address under one hash. */
  readonly peersPerHashAndAddress: number
  /** Info hashes under which one address (IPv6: /64) is listed. */
  readonly hashesPerAddress: number
}

/** By the announcer's address. Totals count what all have stored. */
const LIMITS: Readonly<Record<Profile, StoreLimits>> = {
  wan: { hashes: 4_096, peersPerHash: 500, peers: 100_000, peersPerHashAndAddress: 1, hashesPerAddress: 256 },
  lan: {
    hashes: 65_536,
    peersPerHash: 4_000,
    peers: 400_000,
    peersPerHashAndAddress: 64,
    hashesPerAddress: 16_384,
  },
}

/** Random hashes that are looked at to find one to evict when the store is full. */
const EVICTION_SAMPLE = 16

export type StoreOutcome = 'new' | 'renewed' | 'full'

export interface PeerStoreOptions {
  readonly family: Family
  readonly ownId: NodeId
  readonly random: Random
  readonly limits?: Readonly<Record<Profile, StoreLimits>>
}

export class PeerStore {
  readonly #family: Family
  readonly #ownId: NodeId
  readonly #random: Random
  readonly #limits: Readonly<Record<Profile, StoreLimits>>
  readonly #swarms = new LazyMap<string, StoredSwarm>()
  /** The same swarms, to draw from. */
  readonly #list: StoredSwarm[] = []
  /** All peers in the order of their last announce, which is the order in which they expire. */
  readonly #peers = new LazyMap<string, StoredPeer>()
  /** Under how many hashes each address is listed. */
  readonly #hashesOf = new LazyMap<number | string, number>()
  /** No peer expires before this. */
  #expiresAt: Millis = Number.POSITIVE_INFINITY

  constructor({ family, ownId, random, limits }: PeerStoreOptions) {
    this.#family = family
    this.#ownId = ownId
    this.#random = random
    this.#limits = limits ?? LIMITS
  }

  get hashes(): number {
    return this.#swarms.size
  }

  get peers(): number {
    return this.#peers.size
  }

  /** Those under one hash; undefined when there are none. To be used at once. */
  swarm(infoHash: InfoHash, now: Millis): StoredSwarm | undefined {
    this.expire(now)
    return this.#swarms.size === 0 ? undefined : this.#swarms.get(keyOf(infoHash))
  }

  /** @param profile that of the announcer's address */
  put(
    infoHash: InfoHash,
    endpoint: Endpoint,
    { isSeed, profile, now }: { readonly isSeed: boolean; readonly profile: Profile; readonly now: Millis },
  ): StoreOutcome {
    this.expire(now)
    const swarmKey = keyOf(infoHash)
    const key = `${swarmKey}${endpointKeyOf(endpoint)}`
    const known = this.#peers.get(key)
    if (known !== undefined) {
      this.#peers.delete(key)
      this.#peers.set(key, known)
      known.expiresAt = now + PEER_TTL
      known.isSeed = isSeed
      return 'renewed'
    }
    const network = networkKeyOf(endpoint.host)
    if (!this.#makeRoom(infoHash, network, this.#limits[profile])) return 'full'
    const swarm = this.#swarms.get(swarmKey) ?? this.#addSwarm(swarmKey, infoHash)
    const expiresAt = now + PEER_TTL
    const peer = { key, swarm, network, scope: scopeOf(endpoint.host), at: 0, expiresAt, isSeed }
    if (swarm.neighbours(network) === undefined)
      this.#hashesOf.set(network, (this.#hashesOf.get(network) ?? 0) + 1)
    swarm.add(peer, endpoint)
    this.#peers.set(key, peer)
    this.#expiresAt = Math.min(this.#expiresAt, expiresAt)
    return 'new'
  }

  /** As {@link StoredSwarm.sample}. */
  sample(swarm: StoredSwarm, count: number, asker: PeerAsker): Uint8Array {
    return swarm.sample(count, asker, this.#random)
  }

  /** All peers under one hash. */
  endpoints(infoHash: InfoHash, now: Millis): Endpoint[] {
    const swarm = this.swarm(infoHash, now)
    return swarm === undefined ? [] : swarm.peers.map((peer) => swarm.endpoint(peer))
  }

  /** Forgets peers that were not announced again in time. */
  expire(now: Millis): void {
    if (now < this.#expiresAt) return
    this.#expiresAt = Number.POSITIVE_INFINITY
    for (const peer of this.#peers.values()) {
      if (peer.expiresAt > now) {
        this.#expiresAt = peer.expiresAt
        return
      }
      this.#remove(peer)
    }
  }

  /** Makes room for one more peer of `network`. @returns whether there is room */
  #makeRoom(infoHash: InfoHash, network: number | string, limits: StoreLimits): boolean {
    const swarm = this.#swarms.get(keyOf(infoHash))
    const neighbours = swarm?.neighbours(network)
    if (neighbours !== undefined && neighbours.length >= limits.peersPerHashAndAddress) {
      // The same host with a new port: the oldest of its ports makes room.
      this.#remove(neighbours[0]!)
      return true
    }
    if (neighbours === undefined && (this.#hashesOf.get(network) ?? 0) >= limits.hashesPerAddress)
      return false
    if (swarm !== undefined && swarm.peers.length >= limits.peersPerHash) return false
    const isFull =
      this.#peers.size >= limits.peers || (swarm === undefined && this.#swarms.size >= limits.hashes)
    return !isFull || this.#evictLeastUseful(infoHash, swarm?.peers.length ?? 0)
  }

  /**
   * Evicts one of a few random hashes: the one with the fewest peers, among equals the farthest from us. Evicts nothing if the
   * newcomer's own hash is even less useful.
   */
  #evictLeastUseful(infoHash: InfoHash, peers: number): boolean {
    const isLess = (a: StoredSwarm, count: number, hash: InfoHash): boolean =>
      a.peers.length < count ||
      (a.peers.length === count && compareDistance(a.infoHash, hash, this.#ownId) > 0)
    const own = this.#swarms.get(keyOf(infoHash))
    let victim: StoredSwarm | undefined
    for (let draw = 0; draw < EVICTION_SAMPLE; draw++) {
      const swarm = this.#list[this.#random.int(this.#list.length)]!
      if (swarm !== own && (victim === undefined || isLess(swarm, victim.peers.length, victim.infoHash)))
        victim = swarm
    }
    if (victim === undefined || !isLess(victim, peers + 1, infoHash)) return false
    for (const peer of victim.peers.slice()) this.#remove(peer)
    return true
  }

  #remove(peer: StoredPeer): void {
    const { swarm, network, key } = peer
    this.#peers.delete(key)
    swarm.remove(peer)
    if (swarm.neighbours(network) === undefined) {
      const hashes = this.#hashesOf.get(network)! - 1
      if (hashes === 0) this.#hashesOf.delete(network)
      else this.#hashesOf.set(network, hashes)
    }
    if (swarm.peers.length === 0) this.#removeSwarm(swarm)
  }

  #addSwarm(key: string, infoHash: InfoHash): StoredSwarm {
    const swarm = new StoredSwarm(this.#family, infoHash, { key, at: this.#list.length })
    this.#swarms.set(key, swarm)
    this.#list.push(swarm)
    return swarm
  }

  #removeSwarm(swarm: StoredSwarm): void {
    this.#swarms.delete(swarm.key)
    const last = this.#list.pop()!
    if (last === swarm) return
    this.#list[swarm.at] = last
    last.at = swarm.at
  }
}

/** An info hash as the key of a map, two bytes a character: a third of what hex costs. */
function keyOf(hash: InfoHash): string {
  const pair = (at: number): number => (hash[at]! << 8) | hash[at + 1]!
  return String.fromCharCode(
    pair(0),
    pair(2),
    pair(4),
    pair(6),
    pair(8),
    pair(10),
    pair(12),
    pair(14),
    pair(16),
    pair(18),
  )
}
