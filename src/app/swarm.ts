/** One torrent's peers. It is told of everything that happens on a connection, and hands each thing to the part that it concerns. */
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

/** How often searches for rare pieces begin anew, late requests expire and slots are reviewed. Requests do not wait for it. */
export const ROUND_INTERVAL_MS: Millis = 2_000

/** Pieces that were lost or are good again: up to this many, peers are told of each. */
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
  /** The TCP port on which we accept connections. */
  readonly listenPort: number | undefined
  /** Endpoints of our own: never dialled. */
  readonly own: readonly Endpoint[]
  readonly clock: Clock
  readonly random: Random
  readonly dialer: Dialer
  readonly slots: ConnectionSlots
  readonly filter: AddressFilter | undefined
  /** The budget for what is received from an address; other addresses may share it. */
  readonly download: (host: string) => Bandwidth
  /** Payload bytes since the start, including those of web seeds. */
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

  /** Makes connections from now on, and accepts them. */
  start(): void {
    this.#scheduleRound()
    this.#connector.start()
  }

  /** Adds an extension of BEP 10. Call it before {@link start}, so that every peer is told of it. */
  use(extension: PeerExtension): void {
    this.#extensions.push(extension)
    this.#registry.register(extension.name, (peer, payload) => extension.onMessage(peer, payload))
  }

  /** We have the info dictionary, which is this long: peers may ask us for it (BEP 9). */
  offerMetadata(bytes: number): void {
    this.#introductions.metadataSize = bytes
    this.#introductions.renew(this.peers)
  }

  /** From now on tells peers where our DHT node is, and our DHT node where theirs are; or, with `undefined`, no longer does. */
  offerDht(dht: DhtMeeting | undefined): void {
    this.#dht = dht
    this.#introductions.dhtPort = dht?.port
  }

  /** The metainfo is known and the payload open: from now on blocks flow. */
  attach(transfer: Transfer): void {
    this.#transfer = transfer
    for (const peer of [...this.peers]) this.#introduce(peer, transfer)
  }

  /** Takes the peers that sources find. */
  get company(): Company {
    return this.#connector
  }

  /** An id that no connection has: for web seeds, which are blamed under it. */
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
   * We no longer have these pieces. Peers that lack them, and may have been told that we have them, are told so (BEP 54). Those that do
   * not speak that extension are dropped, and connected to again at once: a new connection begins with a new bitfield.
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
    // We call: after a connection was closed, other clients wait for a minute before they do.
    this.#connector.addCandidates(dropped, 'incoming')
  }

  /** We have everything: connections to peers that have it, too, are of no use. */
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
      const facts = { ours: options.peerId, silence: twin.silence(options.clock.now()) }
      if (!replacesTwin(direction, twin.remote, facts)) return { code: 'wire.duplicate', twin }
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

  /** Whether it may hear `upload_only` (BEP 21): a peer to which we have not shown all pieces yet would find nothing new, and leave. */
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
   * In a later turn, so that what was written in this one goes out first, above all that we have the last piece. A peer that does
   * not hear of it takes us for a leecher that left, and calls again at once.
   */
  #closeIfBothComplete(peer: PeerConnection): void {
    if (!this.#areBothComplete(peer)) return
    this.#options.clock.after(0, () => {
      if (this.#areBothComplete(peer)) peer.close('both have everything')
    })
  }

  /** There are rounds only while there are peers, or something to fetch: a process with hundreds of idle seeds can sleep. */
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
    const downloader = this.#transfer?.downloader
    for (const peer of [...this.peers])
      peer.onTick(now, downloader !== undefined && downloader.inFlight(peer.downlink) > 0)
    for (const extension of this.#extensions) extension.round(now)
    this.#transfer?.downloader.round(now)
    this.#transfer?.uploader.round()
    this.#introductions.renew(this.peers)
  }

  /** Whether peers could give us something now: not while files are checked, the disk takes nothing, or we have everything. */
  get #isWanting(): boolean {
    if (this.#transfer === undefined) return this.#introductions.metadataSize === undefined
    const { picker, store } = this.#transfer.downloader
    return !picker.isComplete && !store.isStalled && !store.isCongested
  }

  /** We have started from a link, and the peer says that it has the info dictionary. */
  #hasMetadata(peer: PeerConnection): boolean {
    return this.#transfer === undefined && peer.remote.metadataSize !== undefined
  }
}
