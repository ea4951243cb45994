/** One torrent in a process: opens its payload, finds peers, downloads what is missing, serves what is there. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { Shaken } from '../peer/handshaker.ts'
import type { OrderName } from '../peer/piece-order.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Endpoint } from '../protocol/endpoint.ts'
import { invariant, SwarmError, TransportError } from '../protocol/errors.ts'
import { toHex, type InfoHash, type PeerId } from '../protocol/ids.ts'
import type { Cancel, Clock, Dialer, Emit, Hashes, Millis, Random } from '../protocol/ports.ts'
import type { BufferPool } from '../storage/buffer-pool.ts'
import type { Disk, Payload } from '../storage/disk.ts'
import type { StorageEvent } from '../storage/events.ts'
import type { ConnectionSlots } from './connection-slots.ts'
import type { AddressFilter } from './connector.ts'
import { Discovery, type PeerSource, type TransferTotals } from './discovery.ts'
import type { AppEvent } from './node-event.ts'
import { openPayload, type Opened, type PayloadCheck } from './opening.ts'
import { ResumeKeeper } from './resume-keeper.ts'
import type { RateLimits } from './rate-limits.ts'
import { Swarm, type PeerSnapshot } from './swarm.ts'
import { createTransfer, type Transfer } from './transfer.ts'

export type SessionEvent = PeerEvent | StorageEvent | Extract<AppEvent, { event: 'resume' | 'complete' }>

/** What the process lends to each of its sessions. */
export interface SessionHost {
  readonly clock: Clock
  readonly random: Random
  readonly hashes: Hashes
  readonly dialer: Dialer
  readonly disk: Disk
  readonly pool: BufferPool
  readonly slots: ConnectionSlots
  readonly limits: RateLimits
  readonly filter: AddressFilter | undefined
  readonly peerId: PeerId
  /** Name and version, for the extension handshake. */
  readonly client: string
  /** Where the process accepts connections. */
  readonly listening: readonly Endpoint[]
  readonly onClosed: (session: Session) => void
}

export interface SessionOptions {
  readonly infoHash: InfoHash
  /** Bytes of pieces kept in memory for serving; 64 MiB when missing. */
  readonly cacheBytes?: number
  readonly strategy?: OrderName
  /** Fails with `net.no-peers` when no payload arrived for so long; 0 or missing: never. */
  readonly timeoutMs?: Millis
  readonly sources: readonly PeerSource[]
  readonly emit: Emit<SessionEvent>
}

/** A payload that the session is to download, or to serve. */
export interface PayloadOptions {
  readonly metainfo: Metainfo
  /** The single file itself, or the folder that holds a multi-file payload's files. */
  readonly path: string
  readonly mode: 'download' | 'seed'
  /** How hard to look before serving what is there; see {@link PayloadCheck}. */
  readonly check?: PayloadCheck
}

/**
 * `waiting`: the metainfo is not known yet. `opening`: files are opened and what is there is checked. `failed` and
 * `closed` are final.
 */
export type SessionState = 'waiting' | 'opening' | 'downloading' | 'seeding' | 'failed' | 'closed'

export interface SessionSnapshot {
  readonly infoHash: string
  readonly state: SessionState
  readonly name?: string
  /** Bytes of the payload, and of its verified pieces. */
  readonly length?: number
  readonly bytesHave: number
  readonly pieces?: number
  readonly have: number
  /** While opening: pieces that were checked, of those that must be. */
  readonly checked?: { readonly done: number; readonly total: number }
  /** Payload bytes since the start, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly wasted: number
  readonly downRate: number
  readonly upRate: number
  readonly connected: number
  readonly peers: readonly PeerSnapshot[]
}

export class Session {
  readonly infoHash: InfoHash
  readonly #host: SessionHost
  readonly #options: SessionOptions
  readonly #swarm: Swarm
  readonly #discovery: Discovery
  readonly #startedAt: Millis
  readonly #completion = Promise.withResolvers<void>()
  readonly #closing = Promise.withResolvers<void>()
  #state: SessionState = 'waiting'
  #payloadOptions: PayloadOptions | undefined
  #cancelOpening: Cancel | undefined
  #checked: { done: number; total: number } | undefined
  #payload: Payload | undefined
  #transfer: Transfer | undefined
  #resume: ResumeKeeper | undefined
  #cancelTimeout: Cancel | undefined
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
      emit: options.emit,
    })
    this.#discovery = new Discovery(options.sources, (peers, origin) =>
      this.#swarm.addCandidates(peers, origin),
    )
    // A failure that nobody waits for is reported all the same: by `state`, and by whoever does wait.
    this.#completion.promise.catch(() => {})
  }

  get state(): SessionState {
    return this.#state
  }

  get isComplete(): boolean {
    return this.#state === 'seeding'
  }

  /** Starts finding peers for an info hash whose metainfo comes later, by {@link open}. */
  start(): void {
    invariant(this.#state === 'waiting', 'a session was started twice')
    this.#findPeers(false)
  }

  /** The metainfo is known: opens the payload and, once it is checked, exchanges blocks. Call once. */
  open(options: PayloadOptions): void {
    invariant(this.#payloadOptions === undefined, 'a session has one payload')
    this.#payloadOptions = options
    this.#state = 'opening'
    const { metainfo, path, mode, check } = options
    if (metainfo.isPrivate) this.#discovery.restrict()
    this.#cancelOpening = openPayload({
      disk: this.#host.disk,
      hashes: this.#host.hashes,
      random: this.#host.random.fork('sample'),
      metainfo,
      path,
      mode,
      check: check ?? 'full',
      onProgress: (done, total) => (this.#checked = { done, total }),
      onDone: (result) => {
        if (result instanceof SwarmError) this.#fail(result)
        else this.#onOpened(result)
      },
    })
  }

  /**
   * Resolves when every piece is verified on disk.
   *
   * @throws {SwarmError} what ended the session before
   */
  whenComplete(): Promise<void> {
    return this.#completion.promise
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
    const metainfo = this.#payloadOptions?.metainfo
    const have = this.#transfer?.downloader.picker.have
    return {
      infoHash: toHex(this.infoHash),
      state: this.#state,
      ...(metainfo && {
        name: metainfo.name,
        length: metainfo.geometry.length,
        pieces: metainfo.geometry.pieceCount,
      }),
      have: have?.count ?? 0,
      bytesHave: metainfo && have ? bytesOf(have, metainfo) : 0,
      ...(this.#state === 'opening' && this.#checked && { checked: this.#checked }),
      downloaded: this.#swarm.downloaded,
      uploaded: this.#swarm.uploaded,
      wasted: this.#transfer?.downloader.wastedBytes ?? 0,
      downRate: this.#swarm.downRate,
      upRate: this.#swarm.upRate,
      connected: this.#swarm.connectedCount,
      peers: this.#swarm.snapshot(),
    }
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
      const wasOpening = this.#state === 'opening'
      const hasFailed = this.#state === 'failed'
      this.#state = 'closed'
      this.#completion.reject(reason)
      if (wasOpening) this.#cancelOpening?.()
      if (!hasFailed) this.#shutDown()
    }
    return this.#closing.promise
  }

  #onOpened({ payload, have, checked, source, isLocked }: Opened): void {
    const { metainfo } = this.#payloadOptions!
    const { geometry } = metainfo
    const { clock, pool, limits } = this.#host
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
      random: this.#host.random.fork('picker'),
      emit,
      onWritten: (piece) => this.#onWritten(piece),
      onCulprit: (id, piece) => this.#onCulprit(id, piece),
      onDiskFailed: (error) => this.#fail(error),
    })
    this.#transfer = transfer
    this.#state = have.isFull ? 'seeding' : 'downloading'
    this.#hasDownloaded = !have.isFull
    if (isLocked) {
      this.#resume = new ResumeKeeper({
        payload,
        have,
        infoHash: this.infoHash,
        clock,
        hashes: this.#host.hashes,
        emit,
      })
      this.#resume.onChange()
    }
    this.#swarm.attach(transfer)
    if (have.isFull) this.#onAllWritten()
    else this.#watchForSilence(0)
    this.#findPeers(metainfo.isPrivate)
  }

  #findPeers(isPrivate: boolean): void {
    if (this.#discovery.isRunning) return
    this.#swarm.start()
    this.#discovery.start(
      {
        infoHash: this.infoHash,
        listening: this.#host.listening,
        isSeed: () => this.isComplete,
        needsPeers: () => this.#host.slots.hasFree,
        totals: () => this.#totals(),
      },
      isPrivate,
    )
  }

  #onCulprit(id: number, piece: number): void {
    this.#swarm.onCulprit(id, piece)
  }

  #totals(): TransferTotals {
    const { downloaded, uploaded } = this.#swarm
    const metainfo = this.#payloadOptions?.metainfo
    const have = this.#transfer?.downloader.picker.have
    return {
      downloaded,
      uploaded,
      left: metainfo && have ? metainfo.geometry.length - bytesOf(have, metainfo) : undefined,
    }
  }

  #onWritten(piece: number): void {
    this.#resume?.onChange()
    this.#swarm.onWritten(piece)
    if (this.#transfer!.downloader.picker.isComplete) this.#onAllWritten()
  }

  /** Everything is there. It is reported as complete once it is safe on disk and the resume file is gone. */
  #onAllWritten(): void {
    this.#state = 'seeding'
    this.#cancelTimeout?.()
    if (this.#resume === undefined) return this.#onComplete()
    this.#resume.finish((error) => {
      this.#resume = undefined
      if (error) this.#fail(error)
      else this.#onComplete()
    })
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

  /** Fails when no payload arrived within the timeout. */
  #watchForSilence(downloadedBefore: number): void {
    const { timeoutMs = 0 } = this.#options
    if (timeoutMs === 0) return
    this.#cancelTimeout = this.#host.clock.after(timeoutMs, () => {
      const { downloaded } = this.#swarm
      if (downloaded > downloadedBefore) return this.#watchForSilence(downloaded)
      this.#fail(new TransportError('net.no-peers', `no payload arrived within ${timeoutMs / 1000} s`))
    })
  }

  #fail(error: SwarmError): void {
    if (this.#state === 'closed' || this.#state === 'failed') return
    this.#state = 'failed'
    this.#completion.reject(error)
    this.#shutDown()
  }

  #shutDown(): void {
    this.#cancelTimeout?.()
    this.#swarm.stop()
    this.#transfer?.downloader.close()
    // The payload, and the sources of peers.
    let open = 2
    const onClosed = (): void => {
      if (--open > 0) return
      this.#host.onClosed(this)
      this.#closing.resolve()
    }
    this.#discovery.stop(onClosed)
    const closePayload = (): void => {
      this.#transfer?.cache.close()
      if (this.#payload) this.#payload.close(onClosed)
      else onClosed()
    }
    if (this.#resume) this.#resume.close(closePayload)
    else closePayload()
  }
}

/** Bytes of the pieces in `have`: all are full but the last. */
function bytesOf(have: Bitfield, { geometry }: Metainfo): number {
  const last = geometry.pieceCount - 1
  const shortfall = have.has(last) ? geometry.pieceLength - geometry.lengthOf(last) : 0
  return have.count * geometry.pieceLength - shortfall
}
