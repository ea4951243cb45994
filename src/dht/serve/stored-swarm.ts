/** All peers under one hash. They are stored packed, as in answers, so that most answers take one copy. */
import {
  compactEndpoint,
  COMPACT_LENGTH,
  isNarrower,
  mayTell,
  networkKeyOf,
  packEndpoint,
  unpackEndpoint,
  type Endpoint,
  type Family,
  type Scope,
} from '../../protocol/endpoint.ts'
import { idFrom, type InfoHash } from '../../protocol/ids.ts'
import type { Millis, Random } from '../../protocol/ports.ts'
import { shortLivedBytes } from '../../protocol/short-lived-bytes.ts'

export interface StoredPeer {
  /** In the store's map of peers. */
  readonly key: string
  readonly swarm: StoredSwarm
  /** What {@link networkKeyOf} says of its address. */
  readonly network: number | string
  readonly scope: Scope
  /** Place in `swarm.peers`. */
  at: number
  expiresAt: Millis
  isSeed: boolean
}

/** The requester of peers: it is told neither about itself nor about addresses that it cannot reach. */
export interface PeerAsker {
  readonly from: Endpoint
  readonly scope: Scope
}

/** Places for peers at first. */
const FIRST_CAPACITY = 4

export class StoredSwarm {
  /** In the store's map of swarms. */
  readonly key: string
  readonly infoHash: InfoHash
  /** Place in the store's list. */
  at: number
  /** In no particular order. */
  readonly peers: StoredPeer[] = []
  /** Peers by address. */
  readonly #networks = new Map<number | string, StoredPeer[]>()
  readonly #family: Family
  /** Bytes of one peer. */
  readonly #unit: number
  /** One after the other, in the order of `peers`. */
  #packed: Uint8Array
  /** The narrowest scope of any peer: if all may be told, none need be looked at. */
  #narrowest: Scope = 'public'

  constructor(
    family: Family,
    infoHash: InfoHash,
    { key, at }: { readonly key: string; readonly at: number },
  ) {
    this.key = key
    this.infoHash = idFrom<InfoHash>(infoHash)
    this.at = at
    this.#family = family
    this.#unit = COMPACT_LENGTH[family]
    this.#packed = new Uint8Array(FIRST_CAPACITY * this.#unit)
  }

  /** @param peer who is of this swarm, and was none of its peers; its place is set */
  add(peer: StoredPeer, endpoint: Endpoint): void {
    peer.at = this.peers.length
    const offset = peer.at * this.#unit
    if (offset === this.#packed.length) this.#grow()
    packEndpoint(endpoint, this.#packed, offset)
    this.peers.push(peer)
    if (isNarrower(peer.scope, this.#narrowest)) this.#narrowest = peer.scope
    const neighbours = this.#networks.get(peer.network)
    if (neighbours === undefined) this.#networks.set(peer.network, [peer])
    else neighbours.push(peer)
  }

  remove(peer: StoredPeer): void {
    this.#exchange(peer.at, this.peers.length - 1)
    this.peers.pop()
    const neighbours = this.#networks.get(peer.network)!
    neighbours.splice(neighbours.indexOf(peer), 1)
    if (neighbours.length === 0) this.#networks.delete(peer.network)
  }

  /** Peers at one address, the oldest first; undefined when there are none. */
  neighbours(network: number | string): readonly StoredPeer[] | undefined {
    return this.#networks.get(network)
  }

  endpoint({ at }: StoredPeer): Endpoint {
    return unpackEndpoint(this.#packed, at * this.#unit, this.#family)
  }

  /** Up to `count` peers that `asker` may be told of, each set of them equally likely, packed. */
  sample(count: number, asker: PeerAsker, random: Random): Uint8Array {
    const { peers } = this
    const own = this.#peerAt(asker.from)
    const mayTellAll = mayTell(asker.scope, this.#narrowest)
    // A partial shuffle in place, unless there is room for all.
    const isDrawn = peers.length > count
    const out = shortLivedBytes(Math.min(count, peers.length) * this.#unit)
    let length = 0
    /** Those from here on who may be told are not copied yet. */
    let from = 0
    let at = 0
    for (; at < peers.length && length + (at - from) * this.#unit < out.length; at++) {
      if (isDrawn) this.#exchange(at, at + random.int(peers.length - at))
      const peer = peers[at]!
      if (peer !== own && (mayTellAll || mayTell(asker.scope, peer.scope))) continue
      length = this.#copy(from, at, out, length)
      from = at + 1
    }
    length = this.#copy(from, at, out, length)
    return length === out.length ? out : out.subarray(0, length)
  }

  #peerAt(endpoint: Endpoint): StoredPeer | undefined {
    const neighbours = this.#networks.get(networkKeyOf(endpoint.host))
    if (neighbours === undefined) return undefined
    const packed = compactEndpoint(endpoint)
    return neighbours.find(({ at }) => packed.every((byte, i) => this.#packed[at * this.#unit + i] === byte))
  }

  /** The peers from one place up to another. @returns the offset behind them */
  #copy(from: number, to: number, out: Uint8Array, offset: number): number {
    if (from === to) return offset
    out.set(this.#packed.subarray(from * this.#unit, to * this.#unit), offset)
    return offset + (to - from) * this.#unit
  }

  #exchange(a: number, b: number): void {
    if (a === b) return
    const { peers } = this
    const moved = peers[a]!
    peers[a] = peers[b]!
    peers[b] = moved
    peers[a].at = a
    moved.at = b
    const packed = this.#packed
    for (let i = 0, x = a * this.#unit, y = b * this.#unit; i < this.#unit; i++, x++, y++) {
      const byte = packed[x]!
      packed[x] = packed[y]!
      packed[y] = byte
    }
  }

  #grow(): void {
    const packed = new Uint8Array(2 * this.#packed.length)
    packed.set(this.#packed)
    this.#packed = packed
  }
}
