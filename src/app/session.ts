/** One torrent in a process: opens its payload, finds peers, downloads what is missing, serves what is there. */
import { magnetOf, type Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { parseMetadata } from '../metainfo/torrent-file.ts'
import type { Shaken } from '../peer/handshaker.ts'
import { invariant, MetainfoError, SwarmError, TransportError } from '../protocol/errors.ts'
import { toHex, type InfoHash } from '../protocol/ids.ts'
import type { Millis } from '../protocol/ports.ts'
import type { Payload } from '../storage/disk.ts'
import { Discovery, type TransferTotals } from './discovery.ts'
import { Opening, type Opened } from './opening.ts'
import type { ResumeKeeper } from './resume-keeper.ts'
import type { PayloadOptions, SessionHost, SessionOptions } from './session-options.ts'
import {
  bytesOf,
  describeCompany,
  describeSession,
  type SessionSnapshot,
  type SessionState,
} from './session-snapshot.ts'
import { SilenceWatch } from './silence-watch.ts'
import { Swarm } from './swarm.ts'
import { TorrentExtensions } from './torrent-extensions.ts'
import { createTransfer, type Transfer } from './transfer.ts'
import { WebSeeds } from './web-seeds.ts'

export class Session {
  readonly infoHash: InfoHash
  readonly #host: SessionHost
  readonly #options: SessionOptions
  readonly #swarm: Swarm
  readonly #discovery: Discovery
  readonly #extensions: TorrentExtensions
  readonly #silence: SilenceWatch
  readonly #startedAt: Millis
  readonly #completion = Promise.withResolvers<void>()
  readonly #metainfo = Promise.withResolvers<Metainfo>()
  readonly #failure = Promise.withResolvers<SwarmError>()
  readonly #closing = Promise.withResolvers<void>()
  #state: SessionState = 'waiting'
  #payloadOptions: PayloadOptions | undefined
  #opening: Opening | undefined
  #checked: { done: number; total: number } | undefined
  #payload: Payload | undefined
  #transfer: Transfer | undefined
  #webSeeds: WebSeeds | undefined
  #resume: ResumeKeeper | undefined
  /** Something was missing when the payload was opened. */
  #hasDownloaded = false

  constructor(host: SessionHost, options: SessionOptions) {
    this.infoHash = options.infoHash
    this.#host = host
    this.#options = options
    this.#startedAt = host.clock.now()
    this.#swarm = new Swarm({
      infoHash: options.infoHash,
      peerId: host.peerId,
      client: host.client,
      listenPort: host.listening[0]?.port,
      own: host.listening,
      clock: host.clock,
      random: host.random.fork('swarm'),
      dialer: host.dialer,
      slots: host.slots,
      filter: host.filter,
      download: (address) => host.limits.down(address),
      received: () => this.#totals().downloaded,
      emit: options.emit,
    })
    this.#discovery = new Discovery(options.sources, this.#swarm.company)
    this.#extensions = new TorrentExtensions(this.#swarm, {
      ...host,
      infoHash: options.infoHash,
      emit: options.emit,
      onMetadata: (info, peers) => this.#onMetadata(info, peers),
    })
    const { timeoutMs = 0 } = options
    this.#silence = new SilenceWatch({
      clock: host.clock,
      timeoutMs,
      received: () => this.#totals().downloaded,
      onSilent: () =>
        this.#fail(
          this.#transfer?.downloader.store.stalledBy ??
            new TransportError(
              'net.no-peers',
              `no payload arrived within ${timeoutMs / 1000} s: ${describeCompany(this.snapshot())}`,
            ),
        ),
    })
    // A failure that nobody waits for is reported all the same: by `state`, and by whoever does wait.
    this.#completion.promise.catch(() => {})
    this.#metainfo.promise.catch(() => {})
  }

  get state(): SessionState {
    return this.#state
  }

  get isComplete(): boolean {
    return this.#state === 'seeding'
  }

  /** Whether a piece is verified and written. */
  has(piece: number): boolean {
    return this.#transfer?.downloader.picker.have.has(piece) ?? false
  }

  /** Starts finding peers for an info hash whose metainfo comes later, by {@link open}. */
  start(): void {
    invariant(this.#state === 'waiting', 'a session was started twice')
    this.#silence.start()
    this.#findPeers(false)
  }

  /** The metainfo is known: opens the payload and, once it is checked, exchanges blocks. Call once; too late it does nothing. */
  open(options: PayloadOptions): void {
    invariant(this.#payloadOptions === undefined, 'a session has one payload')
    if (this.#hasEnded) return
    this.#payloadOptions = options
    this.#state = 'opening'
    const { metainfo } = options
    if (metainfo.isPrivate) this.#discovery.restrict()
    this.#extensions.onMetainfo(metainfo)
    this.#opening = new Opening({
      ...options,
      disk: this.#host.disk,
      hashes: this.#host.hashes,
      clock: this.#host.clock,
      random: this.#host.random.fork('sample'),
      emit: this.#options.emit,
      onProgress: (done, total) => (this.#checked = { done, total }),
      onDone: (result) => {
        this.#opening = undefined
        if (result instanceof SwarmError) this.#fail(result)
        else this.#onOpened(result)
      },
    })
    this.#opening.start()
  }

  /**
   * Resolves when peers have sent the metainfo of an info hash that was started without it.
   *
   * @throws {SwarmError} what ended the session before; {@link MetainfoError} when it is metainfo that cannot be used
   */
  whenMetainfo(): Promise<Metainfo> {
    return this.#metainfo.promise
  }

  /** The link that stands for this torrent. */
  get magnet(): Magnet {
    const { known } = this.#options
    const metainfo = this.#payloadOptions?.metainfo
    return magnetOf({ infoHash: this.infoHash, ...known, ...metainfo })
  }

  /**
   * Resolves when every piece is verified on disk.
   *
   * @throws {SwarmError} what ended the session before
   */
  whenComplete(): Promise<void> {
    return this.#completion.promise
  }

  /** Resolves when the session has ended by itself, before or after it was complete, with the reason. */
  whenFailed(): Promise<SwarmError> {
    return this.#failure.promise
  }

  /** Somebody called for this torrent. */
  onIncoming(shaken: Shaken): void {
    // While a payload is being checked we could not say what we have: the caller tries again.
    if (this.#discovery.isRunning) this.#swarm.onIncoming(shaken)
    else shaken.stream.destroy()
  }

  /** Asks all sources of peers again. */
  reannounce(): void {
    this.#discovery.refresh()
  }

  snapshot(): SessionSnapshot {
    return describeSession({
      infoHash: this.infoHash,
      state: this.#state,
      metainfo: this.#payloadOptions?.metainfo,
      checked: this.#checked,
      downloader: this.#transfer?.downloader,
      swarm: this.#swarm,
      webSeeds: this.#webSeeds,
      now: this.#host.clock.now(),
    })
  }

  /**
   * Says goodbye to all peers, writes the resume file, closes the payload. Calling it again waits for the same end.
   *
   * @param reason what {@link whenComplete} is rejected with when the session was not complete; `net.closed` when missing
   */
  close(
    reason: unknown = new TransportError('net.closed', 'the session was closed before it was complete'),
  ): Promise<void> {
    if (this.#state !== 'closed') {
      const hasFailed = this.#state === 'failed'
      this.#state = 'closed'
      this.#completion.reject(reason)
      this.#metainfo.reject(reason)
      if (!hasFailed) this.#shutDown()
    }
    return this.#closing.promise
  }

  get #hasEnded(): boolean {
    return this.#state === 'closed' || this.#state === 'failed'
  }

  #onOpened({ payload, have, checked, source, resume }: Opened): void {
    const { metainfo } = this.#payloadOptions!
    const { geometry } = metainfo
    const { clock, hashes, pool, limits } = this.#host
    const { emit } = this.#options
    emit({ event: 'resume', have: have.count, pieces: geometry.pieceCount, checked, source })
    this.#payload = payload
    const transfer = createTransfer({
      payload,
      geometry,
      have,
      order: this.#options.strategy ?? 'rarest',
      cacheBytes: this.#options.cacheBytes,
      pool,
      limits,
      clock,
      hashes,
      random: this.#host.random.fork('picker'),
      emit,
      onWritten: (piece) => this.#onWritten(piece),
      onCulprit: (conviction) => {
        if (!this.#webSeeds?.onCulprit(conviction)) this.#swarm.culprits.convict(conviction)
      },
      onKept: (pieces) => this.#onKept(pieces),
      onLost: (pieces) => this.#onLost(pieces),
      onDiskFailed: (error) => this.#fail(error),
    })
    this.#transfer = transfer
    this.#state = have.isFull ? 'seeding' : 'downloading'
    this.#hasDownloaded = !have.isFull
    this.#resume = resume
    this.#swarm.attach(transfer)
    if (have.isFull) this.#onAllWritten()
    else {
      this.#silence.start()
      this.#startWebSeeds(transfer, metainfo)
    }
    this.#findPeers(metainfo.isPrivate)
  }

  #findPeers(isPrivate: boolean): void {
    if (this.#discovery.isRunning) return
    if (!isPrivate) this.#extensions.usePeerExchange()
    this.#swarm.start()
    this.#discovery.start(
      {
        infoHash: this.infoHash,
        listening: this.#host.listening,
        isSeed: () => this.isComplete,
        needsPeers: () => this.#host.slots.hasRoom,
        totals: () => this.#totals(),
      },
      isPrivate,
    )
  }

  #onMetadata(info: Uint8Array, peers: readonly string[]): void {
    const { known, emit } = this.#options
    const { clock, hashes } = this.#host
    try {
      const { name: _suggested, ...keys } = known
      const metainfo = parseMetadata(info, keys, hashes)
      emit({
        event: 'metadata',
        infoHash: toHex(this.infoHash),
        name: metainfo.name,
        bytes: info.length,
        peers,
        ms: Math.round(clock.now() - this.#startedAt),
      })
      this.#metainfo.resolve(metainfo)
    } catch (error) {
      if (!(error instanceof MetainfoError)) throw error
      this.#fail(error)
    }
  }

  #startWebSeeds({ downloader }: Transfer, metainfo: Metainfo): void {
    const { clock, http, resolver, limits, random } = this.#host
    const { known, emit } = this.#options
    this.#webSeeds = new WebSeeds({
      metainfo,
      urls: known.webSeeds,
      downloader,
      ports: { clock, http, resolver },
      random: random.fork('web seeds'),
      download: limits.all,
      nextId: () => this.#swarm.nextId(),
      emit,
    })
    this.#webSeeds.start()
  }

  #totals(): TransferTotals {
    const metainfo = this.#payloadOptions?.metainfo
    const have = this.#transfer?.downloader.picker.have
    return {
      downloaded: this.#swarm.downloaded + (this.#webSeeds?.downloaded ?? 0),
      uploaded: this.#swarm.uploaded,
      left: metainfo && have ? metainfo.geometry.length - bytesOf(have, metainfo) : undefined,
    }
  }

  #onWritten(piece: number): void {
    this.#resume?.onChange()
    this.#swarm.onWritten(piece)
    if (this.#transfer!.downloader.picker.isComplete) this.#onAllWritten()
  }

  #onKept(pieces: readonly number[]): void {
    this.#resume?.onChange()
    this.#swarm.onKept(pieces)
    if (this.#state === 'downloading' && this.#transfer!.downloader.picker.isComplete) this.#onAllWritten()
  }

  #onLost(pieces: readonly number[]): void {
    this.#resume?.onLost(pieces)
    this.#swarm.onLost(pieces)
  }

  /** Everything is there. It is reported as complete once it is safe on disk and the resume file is gone. */
  #onAllWritten(): void {
    this.#state = 'seeding'
    this.#silence.stop()
    this.#webSeeds?.stop()
    if (this.#resume === undefined) return this.#onComplete()
    const { guard } = this.#transfer!
    this.#resume.finish(
      (done) => guard.onAllWritten(done),
      (error) => {
        this.#resume = undefined
        if (error) this.#fail(error)
        else this.#onComplete()
      },
    )
  }

  #onComplete(): void {
    if (this.#state !== 'seeding') return
    const { metainfo, path } = this.#payloadOptions!
    this.#options.emit({
      event: 'complete',
      path,
      infoHash: toHex(this.infoHash),
      bytes: metainfo.geometry.length,
      seconds: Math.round(this.#host.clock.now() - this.#startedAt) / 1000,
    })
    this.#swarm.onComplete()
    if (this.#hasDownloaded) this.#discovery.onComplete()
    this.#completion.resolve()
  }

  #fail(error: SwarmError): void {
    if (this.#hasEnded) return
    this.#state = 'failed'
    this.#failure.resolve(error)
    this.#completion.reject(error)
    this.#metainfo.reject(error)
    this.#shutDown()
  }

  #shutDown(): void {
    this.#silence.stop()
    this.#webSeeds?.stop()
    this.#swarm.stop()
    this.#transfer?.close()
    // The payload, and the sources of peers.
    let open = 2
    const onClosed = (): void => {
      if (--open > 0) return
      this.#host.onClosed(this)
      this.#closing.resolve()
    }
    this.#discovery.stop(onClosed)
    // From here on only one asks something of the payload, and closes it.
    const last = this.#opening ?? this.#resume ?? this.#payload
    if (last) last.close(onClosed)
    else onClosed()
  }
}
