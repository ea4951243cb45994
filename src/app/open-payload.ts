/** A payload that is open: its blocks are moved, its record is kept, and in the end all of it is there and safe on disk. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { PayloadError, StorageError } from '../protocol/errors.ts'
import type { Payload } from '../storage/disk.ts'
import type { Opened } from './opening.ts'
import type { ResumeKeeper } from './resume-keeper.ts'
import type { SessionHost, SessionOptions } from './session-options.ts'
import type { Swarm } from './swarm.ts'
import { createTransfer, type Transfer } from './transfer.ts'
import { WebSeeds } from './web-seeds.ts'

export interface OpenPayloadOptions {
  readonly host: SessionHost
  readonly session: SessionOptions
  readonly metainfo: Metainfo
  readonly opened: Opened
  readonly swarm: Swarm
  /** Every piece is written; whether that survives a power cut is not certain yet. */
  readonly onAllWritten: () => void
  /** Every piece is safe on disk, as far as the user asked for that, and the resume file is gone. */
  readonly onComplete: () => void
  /** The disk cannot take a piece, or the files are gone, for good. */
  readonly onFailed: (error: StorageError | PayloadError) => void
}

export class OpenPayload {
  readonly transfer: Transfer
  /** Something was missing when it was opened. */
  readonly isDownload: boolean
  readonly #options: OpenPayloadOptions
  readonly #payload: Payload
  #resume: ResumeKeeper | undefined
  #webSeeds: WebSeeds | undefined
  #isAllWritten = false

  constructor(options: OpenPayloadOptions) {
    const { host, session, metainfo, opened, swarm, onFailed } = options
    const { payload, have, resume } = opened
    this.#options = options
    this.#payload = payload
    this.#resume = resume
    this.isDownload = !have.isFull
    this.transfer = createTransfer({
      ...host,
      payload,
      geometry: metainfo.geometry,
      have,
      order: session.strategy ?? 'rarest',
      cacheBytes: session.cacheBytes,
      random: host.random.fork('picker'),
      emit: session.emit,
      onWritten: (piece) => this.#onWritten(piece),
      onCulprit: (conviction) => {
        if (!this.#webSeeds?.onCulprit(conviction)) swarm.culprits.convict(conviction)
      },
      onKept: (pieces) => this.#onKept(pieces),
      onLost: (pieces) => this.#onLost(pieces),
      onDiskFailed: onFailed,
    })
  }

  /** Undefined when there was never anything to fetch. */
  get webSeeds(): WebSeeds | undefined {
    return this.#webSeeds
  }

  /** Call once, when the swarm has the {@link transfer}: fetches what is missing. */
  start(): void {
    if (this.isDownload) this.#startWebSeeds()
    else this.#onAllWritten()
  }

  /** Asks web seeds for nothing more. */
  stop(): void {
    this.#webSeeds?.stop()
  }

  /** Records what is there and closes the files. Peers must be gone by then. */
  close(done: () => void): void {
    this.transfer.close()
    const last = this.#resume ?? this.#payload
    last.close(done)
  }

  #startWebSeeds(): void {
    const { host, session, metainfo, swarm } = this.#options
    this.#webSeeds = new WebSeeds({
      metainfo,
      urls: session.known.webSeeds,
      downloader: this.transfer.downloader,
      ports: host,
      random: host.random.fork('web seeds'),
      download: host.limits.all,
      nextId: () => swarm.nextId(),
      emit: session.emit,
    })
    this.#webSeeds.start()
  }

  #onWritten(piece: number): void {
    this.#resume?.onChange()
    this.#options.swarm.onWritten(piece)
    if (this.transfer.downloader.picker.isComplete) this.#onAllWritten()
  }

  #onKept(pieces: readonly number[]): void {
    this.#resume?.onChange()
    this.#options.swarm.onKept(pieces)
    if (!this.#isAllWritten && this.transfer.downloader.picker.isComplete) this.#onAllWritten()
  }

  #onLost(pieces: readonly number[]): void {
    this.#resume?.onLost(pieces)
    this.#options.swarm.onLost(pieces)
  }

  #onAllWritten(): void {
    const { onAllWritten, onComplete, onFailed } = this.#options
    this.#isAllWritten = true
    onAllWritten()
    this.#webSeeds?.stop()
    if (this.#resume === undefined) return onComplete()
    this.#resume.finish(
      (done) => this.transfer.guard.onAllWritten(done),
      (error) => {
        this.#resume = undefined
        if (error) onFailed(error)
        else onComplete()
      },
    )
  }
}
