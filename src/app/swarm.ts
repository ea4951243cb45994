/** One torrent's peers. Told of everything that happens on a connection, it hands each thing to whom it concerns. */
import { PeerConnection } from '../peer/connection.ts'
import { sendDontHaves } from '../peer/dont-have.ts'
import type { PeerExtension } from '../peer/peer-extension.ts'
import type { PeerObserver } from '../peer/peer-observer.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { Shaken } from '../peer/handshaker.ts'
import type { Direction } from '../peer/remote-peer.ts'
import { replacesTwin } from '../peer/twin.ts'
import { clientName } from '../protocol/client-name.ts'
import { formatEndpoint, type Endpoint } from '../protocol/endpoint.ts'
import { ExtensionRegistry, type ExtensionFields } from '../protocol/extension.ts'
import { bytesEqual, type InfoHash, type PeerId } from '../protocol/ids.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Bandwidth, Cancel, Clock, Dialer, Emit, Millis, Random } from '../protocol/ports.ts'
import { ConnectedPeers } from './connected-peers.ts'
import type { ConnectionSlots } from './connection-slots.ts'
import { Connector, type AddressFilter, type Unwanted } from './connector.ts'
import { Culprits } from './culprits.ts'
import type { Company } from './discovery.ts'
import { Introductions } from './introductions.ts'
import { describePeer, stateOf, type PeerSnapshot } from './peer-snapshot.ts'
import { PieceNews } from './piece-news.ts'
import type { Transfer } from './transfer.ts'

/** How often rarity is ranked anew, late requests expire and slots rotate. Requests do not wait for it. */
export const ROUND_INTERVAL_MS: Millis = 2_000

/** Pieces that are lost, or good again, of which peers are told one by one. */
export const MAX_TOLD_PIECES = 65_536

/** Our DHT node, for peers that have one, too. */
export interface DhtMeeting {
  readonly port: number
  meet(endpoint: Endpoint): void
}

export interface SwarmOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly client: string
  /** The port that we accept connections on. */
  readonly listenPort: number | undefined
  /** Where we listen: never dialled. */
  readonly own: readonly Endpoint[]
  readonly clock: Clock
  readonly random: Random
  readonly dialer: Dialer
  readonly slots: ConnectionSlots
  readonly filter: AddressFilter | undefined
  /** What may be received from an address, together with others. */
  readonly download: (host: string) => Bandwidth
  /** Payload bytes since the start, those of web seeds, too. */
  readonly received: () => number
  readonly emit: Emit<PeerEvent>
}

export class Swarm implements PeerObserver {
  /** Those with whom both handshakes are through. */
  readonly peers: ConnectedPeers = new ConnectedPeers()
  readonly culprits: Culprits
  readonly #options: SwarmOptions
  readonly #connector: Connector
  readonly #registry: ExtensionRegistry<PeerConnection> = new ExtensionRegistry()
  readonly #extensions: PeerExtension[] = []
  readonly #introductions: Introductions
  #dht: DhtMeeting | undefined
  readonly #news: PieceNews
  #transfer: Transfer | undefined
  #lastId = 0
  #cancelRound: Cancel | undefined

  constructor(options: SwarmOptions) {
    this.#options = options
    this.#news = new PieceNews(options.clock, this.peers)
    this.#connector = new Connector({
      ...options,
      onShaken: (shaken, direction) => this.#onShaken(shaken, direction),
    })
    this.#introductions = new Introductions({
      ...options,
      isUploadOnlyTo: (peer) => this.#isUploadOnlyTo(peer),
    })
    this.culprits = new Culprits({
      connector: this.#connector,
      peers: this.peers,
      emit: options.emit,
      onSuspect: ({ downlink }) => this.#transfer?.downloader.suspect(downlink),
    })
  }

  /** Takes up connections from now on. */
  start(): void {
    this.#scheduleRound()
    this.#connector.start()
  }

  /** Speaks one thing more than BEP 3, from now on: call it before {@link start}. */
  use(extension: PeerExtension): void {
    this.#extensions.push(extension)
    this.#registry.register(extension.name, (peer, payload) => extension.onMessage(peer, payload))
  }

  /** The info dictionary is known, and is so long: peers may ask us for it (BEP 9). */
  offerMetadata(bytes: number): void {
    this.#introductions.metadataSize = bytes
    this.#introductions.renew(this.peers)
  }

  /** Tells peers where our DHT node is, and it where theirs are, from now on; or no longer. */
  offerDht(dht: DhtMeeting | undefined): void {
    this.#dht = dht
    this.#introductions.dhtPort = dht?.port
  }

  /** The metainfo is known and the payload open: from now on blocks flow. */
  attach(transfer: Transfer): void {
    this.#transfer = transfer
    for (const peer of [...this.peers]) this.#introduce(peer, transfer)
  }

  /** Where those belong whom somebody has heard of. */
  get company(): Company {
    return this.#connector
  }

  /** For whoever is not a peer, and must not be taken for one: an id that no connection has. */
  nextId(): number {
    return ++this.#lastId
  }

  /** Somebody called, and both handshakes are through. */
  onIncoming(shaken: Shaken): void {
    this.#connector.onIncoming(shaken)
  }

  /** A piece is on disk. */
  onWritten(piece: number): void {
    this.#news.onWritten(piece)
  }

  /** Pieces that were in doubt are good. */
  onKept(pieces: readonly number[]): void {
    if (pieces.length <= MAX_TOLD_PIECES) for (const piece of pieces) this.#news.onWritten(piece)
    else for (const peer of [...this.peers]) peer.close('our pieces have changed')
  }

  /**
   * We do not have these pieces any more. Who was told of them and lacks them is told so; who does not know the word for
   * it has to connect again, to be told anew what we have.
   */
  onLost(pieces: readonly number[]): void {
    const dropped: Endpoint[] = []
    for (const peer of [...this.peers]) {
      const lacking = pieces.filter((piece) => !peer.remote.has(piece))
      if (lacking.length === 0) continue
      if (lacking.length <= MAX_TOLD_PIECES && sendDontHaves(peer, lacking)) continue
      if (peer.remote.listenEndpoint) dropped.push(peer.remote.listenEndpoint)
      peer.close('our pieces have changed')
    }
    // Others wait for a minute before they call again.
    this.#connector.addCandidates(dropped, 'incoming')
  }

  /** We have everything: connections to others that do serve nobody. */
  onComplete(): void {
    this.#news.flush()
    this.#introductions.renew(this.peers)
    for (const peer of [...this.peers]) this.#closeIfBothComplete(peer)
  }

  stop(): void {
    this.#cancelRound?.()
    this.#connector.stop()
    for (const peer of [...this.peers]) peer.close('stopped')
  }

  /** Connected peers first, then those that are known. */
  snapshot(): PeerSnapshot[] {
    const now = this.#options.clock.now()
    const downloader = this.#transfer?.downloader
    const connected = Array.from(this.peers, (peer) => describePeer(peer, downloader, now))
    const known = this.#connector.snapshot().map(({ endpoint, state }) => ({
      peer: formatEndpoint(endpoint),
      state: state === 'connected' ? ('waiting' as const) : state,
      downloaded: 0,
      uploaded: 0,
      downRate: 0,
      upRate: 0,
      inFlight: 0,
    }))
    return [...connected, ...known]
  }

  // PeerObserver

  onPieces(peer: PeerConnection): void {
    this.#transfer!.downloader.addPeer(peer.downlink, this.#connector.isSuspect(peer.remote.endpoint.host))
    this.#transfer!.uploader.onPieces(peer)
    this.#closeIfBothComplete(peer)
  }

  onHave(peer: PeerConnection, piece: number): void {
    this.#transfer!.downloader.onHave(peer.downlink, piece)
    this.#transfer!.uploader.onHave(peer, piece)
    this.#closeIfBothComplete(peer)
  }

  onChoke(peer: PeerConnection): void {
    this.#transfer?.downloader.onChoke(peer.downlink)
  }

  onUnchoke(peer: PeerConnection): void {
    this.#transfer?.downloader.onUnchoke(peer.downlink)
  }

  onInterest(): void {
    this.#transfer?.uploader.onInterest()
  }

  onBlocks(peer: PeerConnection, range: BlockRange, bytes: Uint8Array): void {
    this.#transfer!.downloader.onBlocks(peer.downlink, range, bytes)
  }

  onSupplyEnd(peer: PeerConnection): void {
    this.#transfer?.downloader.onSupplyEnd(peer.downlink)
  }

  onRequest(peer: PeerConnection, piece: number): void {
    this.#transfer!.uploader.onRequest(peer, piece)
  }

  onRequestsEnd(peer: PeerConnection): void {
    this.#transfer!.uploader.onRequestsEnd(peer)
  }

  onExtensions(peer: PeerConnection, { dhtPort }: ExtensionFields): void {
    if (this.#connector.isBanned(peer.remote)) return peer.close('banned')
    this.#connector.onListenEndpoint(peer)
    if (dhtPort !== undefined) this.#dht?.meet({ host: peer.remote.endpoint.host, port: dhtPort })
    for (const extension of this.#extensions) extension.onHandshake(peer)
  }

  onClosed(peer: PeerConnection, reason: string): void {
    const state = stateOf(peer, this.#transfer?.downloader)
    this.peers.remove(peer)
    this.culprits.remember(peer)
    this.#transfer?.downloader.removePeer(peer.downlink)
    this.#transfer?.uploader.removePeer(peer)
    for (const extension of this.#extensions) extension.onClosed(peer)
    this.#options.emit({
      event: 'peer_left',
      peer: peer.address,
      reason,
      state,
      downloaded: peer.downlink.received.total,
      uploaded: peer.uplink.sent.total,
    })
    this.#connector.onClosed(peer, reason, this.#areBothComplete(peer))
  }

  // Inside.

  /** @returns why the connection is not wanted, or undefined when it has joined */
  #onShaken({ stream, handshake, rest }: Shaken, direction: Direction): Unwanted | undefined {
    const options = this.#options
    if (bytesEqual(handshake.peerId, options.peerId)) return { code: 'wire.self' }
    const twin = this.peers.withPeerId(handshake.peerId)
    if (twin !== undefined) {
      if (!replacesTwin(direction, twin.remote, options.peerId)) return { code: 'wire.duplicate', twin }
      twin.close('wire.duplicate')
    }
    const peer = new PeerConnection({
      id: this.nextId(),
      stream,
      direction,
      peerId: handshake.peerId,
      client: clientName(handshake.peerId),
      clock: options.clock,
      observer: this,
      download: options.download(stream.remote.host),
      ...(handshake.hasExtensions && {
        extensions: { registry: this.#registry, fields: () => this.#introductions.fieldsFor(peer) },
      }),
    })
    this.peers.add(peer)
    this.#scheduleRound()
    this.#connector.onJoined(peer, twin)
    options.emit({ event: 'joined_to_peer', peer: peer.address, direction, client: peer.remote.client })
    if (this.#transfer) this.#introduce(peer, this.#transfer)
    peer.start(rest)
    return undefined
  }

  /** Who does not know yet that we have everything would leave at such a word (BEP 21). */
  #isUploadOnlyTo(peer: PeerConnection): boolean {
    return this.#transfer?.downloader.picker.isComplete === true && !this.#transfer.uploader.isHiding(peer)
  }

  #introduce(peer: PeerConnection, { geometry, uploader }: Transfer): void {
    peer.onMetainfo(geometry, uploader.addPeer(peer))
  }

  #areBothComplete(peer: PeerConnection): boolean {
    return peer.remote.isSeed && this.#transfer?.downloader.picker.isComplete === true
  }

  /**
   * In a turn of its own: what was written in this one goes out before, that we have the last piece above all. Who does not hear
   * of it takes us for a leecher that left, and calls again at once.
   */
  #closeIfBothComplete(peer: PeerConnection): void {
    if (!this.#areBothComplete(peer)) return
    this.#options.clock.after(0, () => {
      if (this.#areBothComplete(peer)) peer.close('both have everything')
    })
  }

  /** Rounds go on while there is somebody, or something to fetch: hundreds of seeds that nobody wants let a process sleep. */
  #scheduleRound(): void {
    this.#cancelRound ??= this.#options.clock.after(ROUND_INTERVAL_MS, () => {
      this.#cancelRound = undefined
      if (this.peers.size > 0 || !this.#transfer?.downloader.picker.isComplete) this.#scheduleRound()
      this.#round(this.#options.clock.now())
    })
  }

  #round(now: Millis): void {
    this.#news.flush()
    const received = this.#isWanting ? this.#options.received() : undefined
    this.#connector.round(received, (peer) => this.#hasMetadata(peer))
    for (const peer of [...this.peers]) peer.onTick(now)
    for (const extension of this.#extensions) extension.round(now)
    this.#transfer?.downloader.round(now)
    this.#transfer?.uploader.round()
    this.#introductions.renew(this.peers)
  }

  /** While files are read, while our disk takes nothing, and when we have everything, there is nothing that others could give us. */
  get #isWanting(): boolean {
    if (this.#transfer === undefined) return this.#introductions.metadataSize === undefined
    const { picker, store } = this.#transfer.downloader
    return !picker.isComplete && !store.isStalled && !store.isCongested
  }

  /** We start from a link, and it says that it has what we wait for. */
  #hasMetadata(peer: PeerConnection): boolean {
    return this.#transfer === undefined && peer.remote.metadataSize !== undefined
  }
}
