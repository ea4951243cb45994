/** One torrent in a process: opens its payload, finds peers, downloads what is missing, serves what is there. */
import { magnetOf, type Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { parseMetadata } from '../metainfo/torrent-file.ts'
import type { Shaken } from '../peer/handshaker.ts'
import { invariant, MetainfoError, SwarmError, TransportError } from '../protocol/errors.ts'
import { toHex, type InfoHash } from '../protocol/ids.ts'
import type { Millis } from '../protocol/ports.ts'
import { Discovery, type TransferTotals } from './discovery.ts'
import type { Downloader } from './downloader.ts'
import { Milestones } from './milestones.ts'
import { OpenPayload } from './open-payload.ts'
import { Opening, type Opened } from './opening.ts'
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

export class Session {
  readonly infoHash: InfoHash
  readonly #host: SessionHost
  readonly #options: SessionOptions
  readonly #swarm: Swarm
  readonly #discovery: Discovery
  readonly #extensions: TorrentExtensions
  readonly #silence: SilenceWatch
  readonly #startedAt: Millis
  readonly #milestones = new Milestones()
  #state: SessionState = 'waiting'
  #payloadOptions: PayloadOptions | undefined
  #opening: Opening | undefined
  #checked: { done: number; total: number } | undefined
  #payload: OpenPayload | undefined

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
          this.#downloader?.store.stalledBy ??
            new TransportError(
              'net.no-peers',
              `no payload arrived within ${timeoutMs / 1000} s: ${describeCompany(this.snapshot())}`,
            ),
        ),
    })
  }

  get state(): SessionState {
    return this.#state
  }

  get isComplete(): boolean {
    return this.#state === 'seeding'
  }

  /** Whether we have a piece: verified and written. */
  has(piece: number): boolean {
    return this.#downloader?.picker.have.has(piece) ?? false
  }

  /** Starts finding peers for an info hash whose metainfo comes later, by {@link open}. */
  start(): void {
    invariant(this.#state === 'waiting', 'a session was started twice')
    this.#silence.start()
    this.#findPeers(false)
  }

  /** The metainfo is known: opens the payload and, once it is checked, exchanges blocks. Call once; does nothing after the end. */
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
   * @throws {SwarmError} what ended the session before; {@link MetainfoError} when the metainfo cannot be used
   */
  whenMetainfo(): Promise<Metainfo> {
    return this.#milestones.metainfo
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
    return this.#milestones.complete
  }

  /** Resolves when the session has ended by itself, before or after it was complete, with the reason. */
  whenFailed(): Promise<SwarmError> {
    return this.#milestones.failed
  }

  /** Somebody called us for this torrent, and both handshakes are through. */
  onIncoming(shaken: Shaken): void {
    // While the payload is being checked, we could not say what we have: the caller will try again.
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
      downloader: this.#downloader,
      swarm: this.#swarm,
      webSeeds: this.#payload?.webSeeds,
      now: this.#host.clock.now(),
    })
  }

  /**
   * Says goodbye to all peers, writes the resume file, closes the payload, all from the next turn on: it may be called at any time, in
   * the handler of any event, too. Calling it again waits for the same end.
   *
   * @param reason what {@link whenComplete} is rejected with when the session was not complete; `net.closed` when missing
   */
  close(
    reason: unknown = new TransportError('net.closed', 'the session was closed before it was complete'),
  ): Promise<void> {
    if (this.#state !== 'closed') {
      const hasFailed = this.#state === 'failed'
      this.#state = 'closed'
      this.#milestones.onEnding(reason)
      if (!hasFailed) this.#endSoon()
    }
    return this.#milestones.closed
  }

  get #downloader(): Downloader | undefined {
    return this.#payload?.transfer.downloader
  }

  get #hasEnded(): boolean {
    return this.#state === 'closed' || this.#state === 'failed'
  }

  #onOpened(opened: Opened): void {
    const { metainfo } = this.#payloadOptions!
    const { have, checked, source } = opened
    const { emit } = this.#options
    this.#payload = new OpenPayload({
      host: this.#host,
      session: this.#options,
      metainfo,
      opened,
      swarm: this.#swarm,
      onAllWritten: () => {
        this.#advance('seeding')
        this.#silence.stop()
      },
      onComplete: () => this.#onComplete(),
      onFailed: (error) => this.#fail(error),
    })
    emit({ event: 'resume', have: have.count, pieces: metainfo.geometry.pieceCount, checked, source })
    this.#advance(have.isFull ? 'seeding' : 'downloading')
    this.#swarm.attach(this.#payload.transfer)
    if (!have.isFull) this.#silence.start()
    this.#payload.start()
    this.#findPeers(metainfo.isPrivate)
  }

  /** What has ended stays so, although a step that was under way goes on. */
  #advance(state: SessionState): void {
    if (!this.#hasEnded) this.#state = state
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
      this.#milestones.onMetainfo(metainfo)
    } catch (error) {
      if (!(error instanceof MetainfoError)) throw error
      this.#fail(error)
    }
  }

  #totals(): TransferTotals {
    const metainfo = this.#payloadOptions?.metainfo
    const have = this.#downloader?.picker.have
    return {
      downloaded: this.#swarm.peers.downloaded + (this.#payload?.webSeeds?.downloaded ?? 0),
      uploaded: this.#swarm.peers.uploaded,
      left: metainfo && have ? metainfo.geometry.length - bytesOf(have, metainfo) : undefined,
    }
  }

  #onComplete(): void {
    if (this.#state !== 'seeding') return
    const { metainfo, path } = this.#payloadOptions!
    this.#swarm.onComplete()
    if (this.#payload!.isDownload) this.#discovery.onComplete()
    this.#milestones.onComplete()
    // Last: whoever closes us when he hears of it has had everything.
    this.#options.emit({
      event: 'complete',
      path,
      infoHash: toHex(this.infoHash),
      bytes: metainfo.geometry.length,
      seconds: Math.round(this.#host.clock.now() - this.#startedAt) / 1000,
    })
  }

  #fail(error: SwarmError): void {
    if (this.#hasEnded) return
    this.#state = 'failed'
    this.#milestones.onFailed(error)
    this.#endSoon()
  }

  /** In a later turn: whoever wants the end may be in the middle of something, above all of hearing of an event. */
  #endSoon(): void {
    this.#host.clock.after(0, () => this.#shutDown())
  }

  #shutDown(): void {
    this.#silence.stop()
    this.#payload?.stop()
    this.#swarm.stop()
    // The payload, and the sources of peers.
    let open = 2
    const onClosed = (): void => {
      if (--open > 0) return
      this.#host.onClosed(this)
      this.#milestones.onClosed()
    }
    this.#discovery.stop(onClosed)
    const last = this.#opening ?? this.#payload
    if (last) last.close(onClosed)
    else onClosed()
  }
}
