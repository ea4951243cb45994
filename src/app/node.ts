/** One per process: sockets, DHT, disk, buffers, limits. Sessions run on it. */
import { parseBootstrapAddress } from '../dht/life/bootstrap-names.ts'
import type { DhtEvent } from '../dht/events.ts'
import type { KeyRing } from '../dht/frames/key-ring.ts'
import type { DhtService, DhtSnapshot } from '../dht/service.ts'
import type { PeerEvent } from '../peer/events.ts'
import { UdpTrackers } from '../peer/tracker/udp-client.ts'
import { makePeerId } from '../protocol/client-name.ts'
import { formatEndpoint, familyOf, type Endpoint } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import { encodeHandshake } from '../protocol/handshake.ts'
import { toHex, type InfoHash, type PeerId } from '../protocol/ids.ts'
import type { Emit, Listener } from '../protocol/ports.ts'
import { BufferPool } from '../storage/buffer-pool.ts'
import { checkOptions } from './check-options.ts'
import { ConnectionSlots, DEFAULT_MAX_PEERS } from './connection-slots.ts'
import type { Environment } from './environment.ts'
import type { AddressFilter } from './connector.ts'
import { openDht } from './open-dht.ts'
import { joinLan } from './lan-peers.ts'
import type { AppEvent } from './node-event.ts'
import { peerSources, type PeerSourceHost } from './peer-sources.ts'
import { RateLimits } from './rate-limits.ts'
import { reachable } from './reachable.ts'
import { maxAcceptedOf, maxPendingOf, Reception } from './reception.ts'
import { Session } from './session.ts'
import type { PayloadOptions, SessionEvent, SessionHost, SessionOptions } from './session-options.ts'
import { CLIENT, VERSION } from './version.ts'

export interface NodeOptions {
  /** `host:port`, `[v6]:port` or `:port`; no TCP socket is bound when missing, so that nobody can connect to us. */
  readonly tcpListen?: string
  /** The same for the DHT's UDP socket; no DHT when missing. */
  readonly dhtListen?: string
  /** DHT nodes to join through; hosts may be names. */
  readonly bootstrap?: readonly string[]
  /** Whether to look for peers and DHT nodes on this network by multicast; false when missing. */
  readonly hasLan?: boolean
  /** Only nodes with the same network id are met. */
  readonly dhtNet?: string
  /** Keys of a private DHT ({@link readSwarmKey}): only nodes with the same one are met, and others get no answer. */
  readonly swarmKey?: KeyRing
  /** Where the DHT keeps its contacts, so that the next start needs no bootstrap node; nowhere when missing. */
  readonly stateDir?: string
  /** Whether to report every message of the DHT, too, for debugging. */
  readonly isDhtChatty?: boolean
  /** Connections at once, all sessions together: 1 or more. */
  readonly maxPeers?: number
  /** Bytes per second, all peers together, above 0; unlimited when missing. */
  readonly maxUp?: number
  readonly maxDown?: number
  /** Whether peers on this machine and on private networks count for these limits; they do when missing. */
  readonly isLanLimited?: boolean
  /** Addresses that are neither dialled nor let in. */
  readonly filter?: AddressFilter
  readonly onEvent?: Emit<NodeOwnEvent | SessionEvent>
}

export type NodeOwnEvent = DhtEvent | PeerEvent | Extract<AppEvent, { event: 'listen' }>

export interface AddSessionOptions
  extends PayloadOptions, Pick<SessionOptions, 'strategy' | 'timeoutMs' | 'cacheBytes'> {
  /** Peers to connect to, besides those that are found; hosts may be names. */
  readonly peers?: readonly string[]
  /** URLs of trackers beside those of the metainfo. */
  readonly trackers?: readonly string[]
  /** Closes the session when aborted; `whenComplete` is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
  /** Events of this session only; the node's `onEvent` gets them too. */
  readonly onEvent?: Emit<SessionEvent>
}

/** What was opened for a node. */
interface Bound {
  readonly listener: Listener | undefined
  readonly dht: DhtService | undefined
  readonly dhtEndpoints: readonly Endpoint[]
}

type CreateSessionOptions = Omit<AddSessionOptions, keyof PayloadOptions> &
  Pick<SessionOptions, 'known'> & {
    readonly announceLists: readonly (readonly (readonly string[])[])[]
  }

export interface NodeSnapshot {
  /** Payload bytes since the start over all sessions, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly downRate: number
  readonly upRate: number
  /** Connections. */
  readonly peers: number
  /** Bytes of piece buffers in use: being received, written, sent, or kept for serving. */
  readonly bufferBytes: number
  readonly dht?: DhtSnapshot
}

export class Node {
  readonly peerId: PeerId
  readonly #env: Environment
  readonly #emit: Emit<NodeOwnEvent | SessionEvent>
  readonly #listener: Listener | undefined
  readonly #sourceHost: PeerSourceHost
  readonly #dhtEndpoints: readonly Endpoint[]
  readonly #slots: ConnectionSlots
  readonly #host: Omit<SessionHost, 'random' | 'listening' | 'onClosed'>
  readonly #sessions = new Map<string, Session>()
  readonly #reception: Reception
  /** Of sessions that are closed. */
  #downloadedBefore = 0
  #uploadedBefore = 0
  #closing: Promise<void> | undefined

  /**
   * Binds the sockets.
   *
   * @throws {ConfigError} an address that is none, or a limit that cannot be one
   * @throws {TransportError} `net.address-in-use` or `net.listen`
   */
  static async open(env: Environment, options: NodeOptions = {}): Promise<Node> {
    checkOptions(options, env.maxConnections)
    const bootstrap = (options.bootstrap ?? []).map((address) => parseBootstrapAddress(address))
    const { tcpListen, maxPeers = DEFAULT_MAX_PEERS } = options
    const maxAccepted = maxAcceptedOf(maxPeers, env.maxConnections)
    const listener = tcpListen === undefined ? undefined : await env.listenTcp(tcpListen, maxAccepted)
    try {
      const { dht, dhtEndpoints } = await openDht(env, options)
      const node = new Node(env, options, { listener, dht, dhtEndpoints })
      node.#emitListen()
      dht?.bootstrap(bootstrap)
      return node
    } catch (error) {
      listener?.close()
      throw error
    }
  }

  private constructor(env: Environment, options: NodeOptions, bound: Bound) {
    this.#env = env
    this.#emit = options.onEvent ?? (() => {})
    const { dht, dhtEndpoints } = bound
    this.#listener = bound.listener
    this.#dhtEndpoints = dhtEndpoints
    this.#slots = new ConnectionSlots(options.maxPeers ?? DEFAULT_MAX_PEERS)
    this.peerId = makePeerId(env.random, VERSION)
    this.#host = {
      clock: env.clock,
      hashes: env.hashes,
      dialer: env.dialer,
      disk: env.disk,
      pool: new BufferPool({ copy: env.copyBytes }),
      slots: this.#slots,
      limits: new RateLimits(env.clock, options),
      filter: options.filter,
      http: env.http,
      resolver: env.resolver,
      peerId: this.peerId,
      client: CLIENT,
      dht: dht && { port: dhtEndpoints[0]!.port, meet: (endpoint) => dht.meet(endpoint) },
    }
    this.#sourceHost = {
      clock: env.clock,
      resolver: env.resolver,
      http: env.http,
      peerId: this.peerId,
      udpTrackers: new UdpTrackers({
        clock: env.clock,
        random: env.random.fork('udp trackers'),
        openUdp: (family) => env.openUdp(family),
      }),
      dht,
      lan: options.hasLan ? joinLan(env, { ...bound, net: options.dhtNet, emit: this.#emit }) : undefined,
    }
    this.#reception = new Reception({
      clock: env.clock,
      filter: options.filter,
      emit: this.#emit,
      maxPending: maxPendingOf(env.maxConnections),
      answer: (infoHash) =>
        this.#sessions.has(toHex(infoHash))
          ? encodeHandshake({ infoHash, peerId: this.peerId, hasExtensions: true, hasFast: false })
          : undefined,
      onShaken: (shaken) => {
        const session = this.#sessions.get(toHex(shaken.handshake.infoHash))
        session?.onIncoming(shaken)
        return session !== undefined
      },
    })
    if (this.#listener) this.#listener.onStream = (stream) => this.#reception.onStream(stream)
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
   * @throws {ConfigError} `config.usage` when the torrent is served already or the node is closed, `config.value` for a peer
   * that is no address
   * @throws the signal's reason when that is aborted already
   */
  addSession(options: AddSessionOptions): Session {
    const { metainfo, path, mode, check, sync, mayOverwrite, remembersComplete, ...rest } = options
    const { infoHash, trackers } = metainfo
    const session = this.#createSession(infoHash, {
      ...rest,
      announceLists: trackers.length > 0 ? [trackers] : [],
      known: metainfo,
    })
    session.open({ metainfo, path, mode, check, sync, mayOverwrite, remembersComplete })
    return session
  }

  /**
   * The same for a torrent of which only a magnet link is known: finds peers and has them send the metainfo. Wait for
   * `whenMetainfo` of the session, then call its `open`.
   *
   * @throws as {@link addSession} does
   */
  addMagnet(magnet: Magnet, options: Omit<AddSessionOptions, keyof PayloadOptions> = {}): Session {
    const { infoHash, name, trackers, webSeeds, bootstrap, peers } = magnet
    const session = this.#createSession(infoHash, {
      ...options,
      peers: [...(options.peers ?? []), ...peers],
      // A link has no tiers: each of its trackers is asked.
      announceLists: trackers.map((url) => [[url]]),
      known: { name, trackers: trackers.map((url) => [url]), webSeeds, bootstrap },
    })
    session.start()
    return session
  }

  /** The link with which others find a torrent of this node, and this node itself. */
  magnetOf(session: Session): Magnet {
    const { tcp, dht } = this.reachable
    const { bootstrap, ...magnet } = session.magnet
    return { ...magnet, peers: tcp, bootstrap: [...new Set([...dht, ...bootstrap])] }
  }

  /** `host:port` where others can reach this node, a few at most; loopback only when there is nothing else. */
  get reachable(): { readonly tcp: readonly string[]; readonly dht: readonly string[] } {
    const addresses = this.#env.addresses()
    const { tcp, dht } = this.listening
    return {
      tcp: reachable(tcp, addresses).map(formatEndpoint),
      dht: reachable(dht, addresses).map(formatEndpoint),
    }
  }

  /** @throws as {@link addSession} does */
  #createSession(infoHash: InfoHash, options: CreateSessionOptions): Session {
    const { peers = [], trackers = [], announceLists, known, signal, onEvent, ...rest } = options
    signal?.throwIfAborted()
    if (this.#closing) throw new ConfigError('config.usage', 'the node is closed: start another one')
    const key = toHex(infoHash)
    if (this.#sessions.has(key))
      throw new ConfigError(
        'config.usage',
        `the torrent ${key} is open already, or being closed: wait for close() of its session`,
      )
    const random = this.#env.random.fork(`session ${key}`)
    const emit: Emit<SessionEvent> = (event) => {
      onEvent?.(event)
      this.#emit(event)
    }
    const session = new Session(
      {
        ...this.#host,
        random,
        listening: this.listening.tcp,
        onClosed: (closed) => {
          signal?.removeEventListener('abort', onAbort)
          this.#onSessionClosed(key, closed)
        },
      },
      {
        ...rest,
        infoHash,
        known,
        sources: peerSources(this.#sourceHost, {
          peers,
          announceLists: [...announceLists, ...trackers.map((url) => [[url]])],
          random,
          emit,
        }),
        emit,
      },
    )
    const onAbort = (): void => void session.close(signal!.reason)
    signal?.addEventListener('abort', onAbort)
    this.#sessions.set(key, session)
    return session
  }

  /** Asks all sources of peers again, for every session. */
  reannounce(): void {
    for (const session of this.#sessions.values()) session.reannounce()
  }

  snapshot(): NodeSnapshot {
    const sessions = [...this.#sessions.values()].map((session) => session.snapshot())
    const { dht } = this.#sourceHost
    const sum = (key: 'downloaded' | 'uploaded' | 'downRate' | 'upRate'): number =>
      sessions.reduce((total, session) => total + session[key], 0)
    return {
      downloaded: this.#downloadedBefore + sum('downloaded'),
      uploaded: this.#uploadedBefore + sum('uploaded'),
      downRate: sum('downRate'),
      upRate: sum('upRate'),
      peers: this.#slots.taken,
      bufferBytes: this.#host.pool.outstandingBytes,
      ...(dht && { dht: dht.snapshot() }),
    }
  }

  /** Closes all sessions, then the sockets and the disk workers, all from the next turn on, as {@link Session.close} does. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const isDeaf = new Promise<void>((resolve) => {
      this.#env.clock.after(0, () => {
        this.#listener?.close()
        this.#reception.close()
        resolve()
      })
    })
    await Promise.all([isDeaf, ...this.sessions.map((session) => session.close())])
    const { dht, lan, udpTrackers } = this.#sourceHost
    lan?.close()
    udpTrackers.close()
    const isDhtSaved = new Promise<void>((resolve) => (dht ? dht.close(resolve) : resolve()))
    this.#env.http.close()
    await isDhtSaved
    await new Promise<void>((resolve) => {
      this.#env.disk.close(resolve)
    })
  }

  #onSessionClosed(key: string, session: Session): void {
    const { downloaded, uploaded } = session.snapshot()
    this.#downloadedBefore += downloaded
    this.#uploadedBefore += uploaded
    this.#sessions.delete(key)
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
