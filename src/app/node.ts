/** What a process has once: sockets, DHT, disk, buffers, limits. Sessions live on it. */
import { Dht } from '../dht/dht.ts'
import type { DhtEvent } from '../dht/events.ts'
import type { DhtService, DhtSnapshot } from '../dht/service.ts'
import { Handshaker, type Shaken } from '../peer/handshaker.ts'
import { makePeerId } from '../protocol/client-name.ts'
import { formatEndpoint, familyOf, parseHostPort, type Endpoint } from '../protocol/endpoint.ts'
import { ConfigError, SwarmError } from '../protocol/errors.ts'
import { encodeHandshake } from '../protocol/handshake.ts'
import { toHex, type InfoHash, type PeerId } from '../protocol/ids.ts'
import type { ByteStream, Emit, Listener } from '../protocol/ports.ts'
import { BufferPool } from '../storage/buffer-pool.ts'
import { ConnectionSlots } from './connection-slots.ts'
import { DhtPeers } from './dht-peers.ts'
import { StaticPeers, type PeerSource } from './discovery.ts'
import type { Environment } from './environment.ts'
import type { AddressFilter } from './connector.ts'
import type { AppEvent } from './node-event.ts'
import { RateLimits } from './rate-limits.ts'
import {
  Session,
  type PayloadOptions,
  type SessionEvent,
  type SessionHost,
  type SessionOptions,
} from './session.ts'
import { CLIENT, VERSION } from './version.ts'

/** Callers whose handshake is not through yet. The next one is turned away. */
export const MAX_PENDING_HANDSHAKES = 128
/** Connections at once, unless told otherwise. */
export const DEFAULT_MAX_PEERS = 50

export interface NodeOptions {
  /** `host:port`, `[v6]:port` or `:port`; no TCP socket is bound when missing, so that nobody can connect to us. */
  readonly tcpListen?: string
  /** The same for the DHT's UDP socket; no DHT when missing. */
  readonly dhtListen?: string
  /** DHT nodes to join through; hosts may be names. */
  readonly bootstrap?: readonly string[]
  /** Only nodes with the same network id are met. */
  readonly dhtNet?: string
  /** Whether to report every message of the DHT, too: for somebody who looks into it. */
  readonly isDhtChatty?: boolean
  /** Connections at once, all sessions together. */
  readonly maxPeers?: number
  /** Bytes per second, all peers together; unlimited when missing. */
  readonly maxUp?: number
  readonly maxDown?: number
  /** Whether peers on this machine and on private networks count for these limits; they do when missing. */
  readonly isLanLimited?: boolean
  /** Addresses that are neither dialled nor let in. */
  readonly filter?: AddressFilter
  readonly onEvent?: Emit<NodeOwnEvent | SessionEvent>
}

export type NodeOwnEvent = DhtEvent | Extract<AppEvent, { event: 'listen' }>

export interface AddSessionOptions
  extends PayloadOptions, Pick<SessionOptions, 'strategy' | 'timeoutMs' | 'cacheBytes'> {
  /** Peers to connect to, beside those that the DHT finds; hosts may be names. */
  readonly peers?: readonly string[]
  /** Closes the session when aborted; `whenComplete` is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Events of this session only; the node's `onEvent` gets them too. */
  readonly onEvent?: Emit<SessionEvent>
}

export interface NodeSnapshot {
  /** Payload bytes since the start over all sessions, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly downRate: number
  readonly upRate: number
  /** Connections. */
  readonly peers: number
  readonly dht?: DhtSnapshot
}

export class Node {
  readonly peerId: PeerId
  readonly #env: Environment
  readonly #emit: Emit<NodeOwnEvent | SessionEvent>
  readonly #listener: Listener | undefined
  readonly #dht: DhtService | undefined
  readonly #dhtEndpoints: readonly Endpoint[]
  readonly #slots: ConnectionSlots
  readonly #host: Omit<SessionHost, 'random' | 'listening' | 'onClosed'>
  readonly #sessions = new Map<string, Session>()
  readonly #handshakers = new Set<Handshaker>()
  /** Of sessions that are closed. */
  #downloadedBefore = 0
  #uploadedBefore = 0
  #closing: Promise<void> | undefined

  /**
   * Binds the sockets.
   *
   * @throws {ConfigError} an address that is none
   * @throws {TransportError} `net.address-in-use` or `net.listen`
   */
  static async open(env: Environment, options: NodeOptions = {}): Promise<Node> {
    const bootstrap = (options.bootstrap ?? []).map((address) => parseHostPort(address, '127.0.0.1'))
    const listener = options.tcpListen === undefined ? undefined : await env.listenTcp(options.tcpListen)
    try {
      const sockets = options.dhtListen === undefined ? [] : await env.bindUdp(options.dhtListen)
      const dht =
        sockets.length === 0
          ? undefined
          : new Dht({
              sockets,
              clock: env.clock,
              random: env.random.fork('dht'),
              resolver: env.resolver,
              emit: (event) => options.onEvent?.(event),
              net: options.dhtNet,
              isChatty: options.isDhtChatty,
            })
      const node = new Node(env, options, { listener, dht, dhtEndpoints: sockets.map(({ local }) => local) })
      node.#emitListen()
      dht?.bootstrap(bootstrap)
      return node
    } catch (error) {
      listener?.close()
      throw error
    }
  }

  private constructor(
    env: Environment,
    options: NodeOptions,
    bound: { listener: Listener | undefined; dht: DhtService | undefined; dhtEndpoints: readonly Endpoint[] },
  ) {
    this.#env = env
    this.#emit = options.onEvent ?? (() => {})
    this.#listener = bound.listener
    this.#dht = bound.dht
    this.#dhtEndpoints = bound.dhtEndpoints
    this.#slots = new ConnectionSlots(options.maxPeers ?? DEFAULT_MAX_PEERS)
    this.peerId = makePeerId(env.random, VERSION)
    this.#host = {
      clock: env.clock,
      hashes: env.hashes,
      dialer: env.dialer,
      disk: env.disk,
      pool: new BufferPool(),
      slots: this.#slots,
      limits: new RateLimits(env.clock, options),
      filter: options.filter,
      peerId: this.peerId,
      client: CLIENT,
    }
    if (this.#listener) this.#listener.onStream = (stream) => this.#onStream(stream)
  }

  /** The bound endpoints, with their real ports. */
  get listening(): { readonly tcp: readonly Endpoint[]; readonly dht: readonly Endpoint[] } {
    return { tcp: this.#listener?.local ?? [], dht: this.#dhtEndpoints }
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()]
  }

  /**
   * Downloads or serves a torrent from now on.
   *
   * @throws {ConfigError} `config.usage` when the torrent is served already, `config.value` for a peer that is no address
   * @throws the signal's reason when that is aborted already
   */
  addSession(options: AddSessionOptions): Session {
    const { signal } = options
    signal?.throwIfAborted()
    const session = this.prepareSession(options.metainfo.infoHash, options)
    signal?.addEventListener('abort', () => void session.close(signal.reason), { once: true })
    session.open(options)
    return session
  }

  /**
   * The same for a torrent of which only the info hash is known. Call `start` on the session to find peers, and `open`
   * when there is metainfo.
   */
  prepareSession(
    infoHash: InfoHash,
    { peers = [], strategy, timeoutMs, cacheBytes, onEvent }: Omit<AddSessionOptions, keyof PayloadOptions>,
  ): Session {
    const key = toHex(infoHash)
    if (this.#sessions.has(key)) throw new ConfigError('config.usage', `the torrent ${key} is open already`)
    const session = new Session(
      {
        ...this.#host,
        random: this.#env.random.fork(`session ${key}`),
        listening: this.listening.tcp,
        onClosed: (closed) => this.#onSessionClosed(key, closed),
      },
      {
        infoHash,
        sources: this.#sources(peers),
        emit: (event) => {
          onEvent?.(event)
          this.#emit(event)
        },
        ...(strategy !== undefined && { strategy }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(cacheBytes !== undefined && { cacheBytes }),
      },
    )
    this.#sessions.set(key, session)
    return session
  }

  /** Asks all sources of peers again, for every session. */
  reannounce(): void {
    for (const session of this.#sessions.values()) session.reannounce()
  }

  snapshot(): NodeSnapshot {
    const sessions = [...this.#sessions.values()].map((session) => session.snapshot())
    const sum = (key: 'downloaded' | 'uploaded' | 'downRate' | 'upRate'): number =>
      sessions.reduce((total, session) => total + session[key], 0)
    return {
      downloaded: this.#downloadedBefore + sum('downloaded'),
      uploaded: this.#uploadedBefore + sum('uploaded'),
      downRate: sum('downRate'),
      upRate: sum('upRate'),
      peers: this.#slots.taken,
      ...(this.#dht && { dht: this.#dht.snapshot() }),
    }
  }

  /** Closes all sessions, then the sockets and the disk workers. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#listener?.close()
    for (const handshaker of [...this.#handshakers]) handshaker.abort()
    await Promise.all([...this.#sessions.values()].map((session) => session.close()))
    this.#dht?.close()
    await new Promise<void>((resolve) => {
      this.#env.disk.close(resolve)
    })
  }

  #sources(peers: readonly string[]): PeerSource[] {
    const { clock, random, resolver } = this.#env
    const sources: PeerSource[] = []
    if (peers.length > 0)
      sources.push(
        new StaticPeers(
          peers.map((address) => parseHostPort(address, '127.0.0.1')),
          resolver,
        ),
      )
    if (this.#dht) sources.push(new DhtPeers(this.#dht, clock, random.fork('dht peers')))
    return sources
  }

  #onSessionClosed(key: string, session: Session): void {
    const { downloaded, uploaded } = session.snapshot()
    this.#downloadedBefore += downloaded
    this.#uploadedBefore += uploaded
    this.#sessions.delete(key)
  }

  /** Somebody called. The handshake tells which session is meant. */
  #onStream(stream: ByteStream): void {
    const rule = this.#host.filter?.blockedBy(stream.remote.host)
    if (rule !== undefined) {
      stream.destroy()
      this.#emit({ event: 'peer_blocked', peer: formatEndpoint(stream.remote), direction: 'in', rule })
      return
    }
    if (this.#handshakers.size >= MAX_PENDING_HANDSHAKES) return this.#refuse(stream, 'too many handshakes')
    const handshaker: Handshaker = new Handshaker(stream, {
      clock: this.#env.clock,
      answer: (infoHash) =>
        this.#sessions.has(toHex(infoHash))
          ? encodeHandshake({ infoHash, peerId: this.peerId, hasExtensions: true, hasFast: false })
          : undefined,
      onDone: (result) => {
        this.#handshakers.delete(handshaker)
        if (result instanceof SwarmError) this.#refuse(stream, result.code)
        else this.#dispatch(result)
      },
    })
    this.#handshakers.add(handshaker)
  }

  #dispatch(shaken: Shaken): void {
    const session = this.#sessions.get(toHex(shaken.handshake.infoHash))
    if (session) session.onIncoming(shaken)
    else this.#refuse(shaken.stream, 'wire.wrong-info-hash')
  }

  #refuse(stream: ByteStream, reason: string): void {
    stream.destroy()
    this.#emit({ event: 'peer_refused', peer: formatEndpoint(stream.remote), reason })
  }

  #emitListen(): void {
    const tcp = byFamily(this.listening.tcp)
    const dht = byFamily(this.listening.dht)
    this.#emit({
      event: 'listen',
      ...(tcp.four && { tcp: tcp.four }),
      ...(tcp.six && { [tcp.four ? 'tcp6' : 'tcp']: tcp.six }),
      ...(dht.four && { dht: dht.four }),
      ...(dht.six && { [dht.four ? 'dht6' : 'dht']: dht.six }),
    })
  }
}

/** As text. `tcp` and `dht` are always there when bound; the second family has a field of its own. */
function byFamily(endpoints: readonly Endpoint[]): { four?: string; six?: string } {
  const four = endpoints.find(({ host }) => familyOf(host) === 4)
  const six = endpoints.find(({ host }) => familyOf(host) === 6)
  return { ...(four && { four: formatEndpoint(four) }), ...(six && { six: formatEndpoint(six) }) }
}
