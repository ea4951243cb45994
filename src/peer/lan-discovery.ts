/**
 * Peers and DHT nodes on the local network, by multicast (BEP 14): one for the process. Each of our torrents is announced when it is
 * added, and every five minutes after that. Nobody answers an announcement: who has the same torrent connects to whoever announced it.
 */
import { formatEndpoint, scopeOf, type Endpoint } from '../protocol/endpoint.ts'
import { toHex, type InfoHash } from '../protocol/ids.ts'
import {
  decodeLanMessage,
  encodeLanMessage,
  MAX_LAN_HASHES,
  type LanMessage,
} from '../protocol/lan-message.ts'
import type { Cancel, Clock, Emit, Millis, MulticastGroup, Random } from '../protocol/ports.ts'
import type { PeerEvent } from './events.ts'

/** BEP 14: each torrent is announced this often … */
export const LAN_INTERVAL: Millis = 300_000
/** … or later by up to this share, by chance, so that hosts that started together spread out. */
const LAN_JITTER = 0.1
/**
 * With a reason to, it is announced sooner, but not before this. A new torrent is one: its first announcement may be lost, as happens on
 * an interface that has just come up, and nobody would notice.
 */
export const MIN_LAN_INTERVAL: Millis = 60_000
/** What is to be announced is collected for this long, so that torrents added together share messages. */
const COLLECT: Millis = 100
/** Messages read in a second; BEP 14's own rate on a network of a thousand hosts is three. */
export const MAX_LAN_RATE = 200
/** Reported endpoints that are remembered; beyond this the oldest is forgotten, and may be reported again. */
const MAX_REPORTED = 4_096
/** A DHT node that is heard of is contacted after up to this long, by chance, so that not everybody who hears it comes at once. */
const NODE_DELAY: Millis = 2_000
/** With no more contacts than this, our DHT node contacts every node that it hears of; with n times as many, one in n. */
const FEW_CONTACTS = 8

export interface LanDiscoveryOptions {
  readonly groups: readonly MulticastGroup[]
  readonly clock: Clock
  readonly random: Random
  readonly emit: Emit<PeerEvent>
  /** Our DHT node, if there is one. */
  readonly dht?: LanNode | undefined
}

/** As much of the DHT as is needed here. */
export interface LanNode {
  /** UDP port. */
  readonly port: number
  /** Network id: nodes of others are of no use. */
  readonly net: string | undefined
  /** Verified contacts. */
  contacts(): number
  /** Gets to know a node. */
  meet(endpoint: Endpoint): void
}

interface Torrent {
  readonly infoHash: InfoHash
  readonly port: number
  readonly onPeers: (peers: readonly Endpoint[]) => void
  announcedAt: Millis
  dueAt: Millis
}

export class LanDiscovery {
  readonly #options: LanDiscoveryOptions
  readonly #cookie: string
  readonly #torrents = new Map<string, Torrent>()
  readonly #reported = new Set<string>()
  #nodeDueAt: Millis = -Infinity
  #cancelAnnounce: Cancel | undefined
  #announceAt: Millis = Infinity
  #second: Millis = -Infinity
  #readInSecond = 0
  #isClosed = false

  constructor(options: LanDiscoveryOptions) {
    this.#options = options
    this.#cookie = toHex(options.random.fill(new Uint8Array(8)))
    for (const group of options.groups) {
      group.onDatagram = (data, from) => this.#onDatagram(data, from)
      group.onFailed = (error) =>
        options.emit({ event: 'lan_failed', group: formatEndpoint(group.group), reason: error.message })
      group.onInterface = () => this.#onInterface()
    }
    if (options.dht) this.#announceIn(COLLECT)
  }

  /**
   * Announces a torrent from now on, and reports who else does.
   *
   * @param port TCP port on which we accept connections
   * @returns `refresh` announces it again as soon as that may be; `remove` ends it all
   */
  add(
    infoHash: InfoHash,
    port: number,
    onPeers: (peers: readonly Endpoint[]) => void,
  ): { readonly refresh: () => void; readonly remove: () => void } {
    const key = toHex(infoHash)
    const torrent: Torrent = { infoHash, port, onPeers, announcedAt: -Infinity, dueAt: -Infinity }
    this.#torrents.set(key, torrent)
    this.#announceIn(COLLECT)
    return {
      refresh: () => {
        torrent.dueAt = torrent.announcedAt + MIN_LAN_INTERVAL
        this.#announceIn(Math.max(COLLECT, torrent.dueAt - this.#options.clock.now()))
      },
      remove: () => {
        this.#torrents.delete(key)
      },
    }
  }

  close(): void {
    this.#isClosed = true
    this.#cancelAnnounce?.()
    this.#torrents.clear()
    for (const group of this.#options.groups) group.close()
  }

  /** An interface has come up: its network has not heard of us yet. */
  #onInterface(): void {
    for (const torrent of this.#torrents.values()) torrent.dueAt = torrent.announcedAt + MIN_LAN_INTERVAL
    this.#nodeDueAt = Math.min(this.#nodeDueAt, this.#options.clock.now() + COLLECT)
    this.#announceIn(COLLECT)
    this.#announceIn(MIN_LAN_INTERVAL)
  }

  #announceIn(delay: Millis): void {
    const { clock } = this.#options
    const at = clock.now() + delay
    if (this.#isClosed || at >= this.#announceAt) return
    this.#cancelAnnounce?.()
    this.#announceAt = at
    this.#cancelAnnounce = clock.after(delay, () => this.#announce())
  }

  /** Announces what is due, and sets the timer for what is due next. */
  #announce(): void {
    const { clock, random, dht } = this.#options
    const now = clock.now()
    this.#announceAt = Infinity
    const due = [...this.#torrents.values()].filter(({ dueAt }) => now >= dueAt)
    for (const torrent of due) {
      torrent.dueAt = now + untilAgain(torrent.announcedAt)
      torrent.announcedAt = now
    }
    for (const [port, torrents] of Map.groupBy(due, ({ port: each }) => each))
      for (let at = 0; at < torrents.length; at += MAX_LAN_HASHES)
        this.#say({
          type: 'torrents',
          port,
          infoHashes: torrents.slice(at, at + MAX_LAN_HASHES).map(({ infoHash }) => infoHash),
          cookie: this.#cookie,
        })
    if (dht && now >= this.#nodeDueAt) {
      this.#nodeDueAt = now + untilAgain(this.#nodeDueAt)
      this.#say({ type: 'node', port: dht.port, net: dht.net, cookie: this.#cookie })
    }
    const dueAt = [...this.#torrents.values()].map((torrent) => torrent.dueAt)
    const next = Math.min(now + LAN_INTERVAL, dht ? this.#nodeDueAt : Infinity, ...dueAt)
    this.#announceIn((next - now) * (1 + LAN_JITTER * random.float()))
  }

  #say(message: LanMessage): void {
    for (const group of this.#options.groups) group.send(encodeLanMessage(message, group.group))
  }

  #onDatagram(data: Uint8Array, from: Endpoint): void {
    if (this.#isClosed || !this.#mayRead() || scopeOf(from.host) === 'bogus') return
    const message = decodeLanMessage(data)
    if (message === undefined || message.cookie === this.#cookie) return
    const endpoint = { host: from.host, port: message.port }
    if (message.type === 'node') this.#onNode(endpoint, message.net)
    else for (const infoHash of message.infoHashes) this.#onPeer(endpoint, infoHash)
  }

  #onPeer(endpoint: Endpoint, infoHash: InfoHash): void {
    const key = toHex(infoHash)
    const torrent = this.#torrents.get(key)
    if (torrent === undefined) return
    if (this.#isNew(`${key} ${formatEndpoint(endpoint)}`))
      this.#options.emit({ event: 'lan_peer', peer: formatEndpoint(endpoint), infoHash: key })
    torrent.onPeers([endpoint])
  }

  #onNode(endpoint: Endpoint, net: string | undefined): void {
    const { clock, random, emit, dht } = this.#options
    // On most networks IPv6 multicast comes from a link-local address, which the DHT neither asks nor hears.
    if (dht === undefined || net !== dht.net || scopeOf(endpoint.host) === 'link-local') return
    const contacts = dht.contacts()
    if (contacts > FEW_CONTACTS && random.int(contacts) >= FEW_CONTACTS) return
    if (this.#isNew(`node ${formatEndpoint(endpoint)}`))
      emit({ event: 'lan_node', node: formatEndpoint(endpoint) })
    const delay = contacts === 0 ? 0 : NODE_DELAY * random.float()
    clock.after(delay, () => {
      if (!this.#isClosed) dht.meet(endpoint)
    })
  }

  #isNew(key: string): boolean {
    if (this.#reported.has(key)) return false
    this.#reported.add(key)
    if (this.#reported.size > MAX_REPORTED) this.#reported.delete(this.#reported.values().next().value!)
    return true
  }

  #mayRead(): boolean {
    const now = this.#options.clock.now()
    if (now - this.#second >= 1_000) {
      this.#second = now
      this.#readInSecond = 0
    }
    return ++this.#readInSecond <= MAX_LAN_RATE
  }
}

/**
 * How long until the announcement after this one. The second comes soon after the first, which may have been lost.
 *
 * @param before when the one before this was made, or due; `-Infinity` when this is the first
 */
function untilAgain(before: Millis): Millis {
  return before === -Infinity ? MIN_LAN_INTERVAL : LAN_INTERVAL
}
