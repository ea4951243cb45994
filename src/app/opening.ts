/** Opens a payload and finds out which of its pieces are good, reading no more than it must. */
import { Bitfield } from '../protocol/bitfield.ts'
import { PayloadError, StorageError } from '../protocol/errors.ts'
import type { Cancel, Clock, Emit, Hashes, Random } from '../protocol/ports.ts'
import type { Disk, Payload, PayloadPlan } from '../storage/disk.ts'
import type { StorageEvent } from '../storage/events.ts'
import { sampleOf } from '../storage/resume-assessment.ts'
import { NOTE_BYTES } from '../storage/resume-notes.ts'
import { InPlaceCheck, sampleSize, type InPlace } from './in-place-check.ts'
import { formatSize } from './quantity.ts'
import { ResumeKeeper } from './resume-keeper.ts'
import type { PayloadOptions } from './session-options.ts'

/**
 * What a seeder reads before it serves: `full`, every piece; `sample`, the first, the last and a random few; `none`,
 * nothing, because the digests were made from these files a moment ago. A download decides for itself.
 */
export type PayloadCheck = 'full' | 'sample' | 'none'

export interface OpeningOptions extends PayloadOptions {
  readonly disk: Disk
  readonly hashes: Hashes
  readonly random: Random
  readonly clock: Clock
  readonly emit: Emit<StorageEvent>
  /** Pieces verified, of those that have to be. */
  readonly onProgress: (done: number, total: number) => void
  /** Called once, unless cancelled. */
  readonly onDone: (result: Opened | StorageError | PayloadError) => void
}

export interface Opened {
  readonly payload: Payload
  readonly have: Bitfield
  /** Pieces that were read. */
  readonly checked: number
  readonly source: 'resume' | 'check' | 'sample' | 'empty'
  /** There when this process holds the lock and may write. */
  readonly resume?: ResumeKeeper
}

export class Opening {
  readonly #options: OpeningOptions
  readonly #plan: PayloadPlan
  #payload: Payload | undefined
  #cancelVerify: Cancel | undefined
  /** Set while the payload is being opened, allocated or closed: a step that is not interrupted and decides what to do with it. */
  #isHeld = false
  /** Waits for the payload to be closed, the only thing still wanted. */
  #onClosed: (() => void) | undefined

  constructor(options: OpeningOptions) {
    const { geometry, isSingleFile, digests } = options.metainfo
    this.#options = options
    this.#plan = { path: options.path, isSingleFile, geometry, digests }
  }

  /** Call once. */
  start(): void {
    if (this.#options.mode === 'seed') this.#openToSeed()
    else this.#openToDownload()
  }

  /** Gives up, and closes what was opened. Call it before `onDone`, which is then never called. */
  close(done: () => void): void {
    this.#onClosed = done
    this.#cancelVerify?.()
    if (!this.#isHeld) this.#payload!.close(done)
  }

  get #isCancelled(): boolean {
    return this.#onClosed !== undefined
  }

  #openToSeed(): void {
    this.#open('seed', (payload) => {
      if (!(payload instanceof StorageError)) return this.#checkToSeed(payload)
      const isMismatch = payload.code === 'disk.wrong-size'
      this.#fail(
        isMismatch ? new PayloadError('payload.mismatch', payload.message, { cause: payload }) : payload,
      )
    })
  }

  #openToDownload(): void {
    this.#open('download', (payload) => {
      if (!(payload instanceof StorageError))
        this.#checkInPlace(payload, (result) => {
          if (result instanceof StorageError) this.#fail(result)
          else this.#checkSpace(payload, result)
        })
      // A complete payload in a place that we may not write to can still be served.
      else if (payload.code === 'disk.permission' || payload.code === 'disk.locked')
        this.#openReadOnly(payload)
      else this.#fail(payload)
    })
  }

  #open(mode: 'download' | 'seed', next: (payload: Payload | StorageError) => void): void {
    this.#isHeld = true
    this.#options.disk.open(this.#plan, mode, (result) => {
      this.#isHeld = false
      if (!(result instanceof StorageError)) this.#payload = result
      if (this.#onClosed === undefined) next(result)
      else if (this.#payload) this.#payload.close(this.#onClosed)
      else this.#onClosed()
    })
  }

  #checkToSeed(payload: Payload): void {
    const { check = 'full', random, metainfo, path } = this.#options
    const have = Bitfield.full(metainfo.geometry.pieceCount)
    const pieces =
      check === 'none'
        ? []
        : check === 'full'
          ? indices(have.length)
          : withEnds(sampleOf(have, sampleSize(metainfo.geometry), random), have.length)
    this.#verify(payload, pieces, (bad, unread) => {
      if (unread !== undefined) this.#fail(unread)
      else if (bad.length > 0)
        this.#fail(
          new PayloadError('payload.mismatch', `${path} is not what the metainfo says: ${describe(bad)}`),
        )
      else
        this.#done({
          payload,
          have,
          checked: pieces.length,
          source: check === 'sample' ? 'sample' : 'check',
        })
    })
  }

  #openReadOnly(denied: StorageError): void {
    this.#open('seed', (payload) => {
      if (payload instanceof StorageError) return this.#fail(denied)
      this.#checkInPlace(payload, (result) => {
        if (result instanceof StorageError || !result.have.isFull) return this.#fail(denied)
        const { have, checked, source } = result
        this.#done({ payload, have, checked, source })
      })
    })
  }

  #checkInPlace(payload: Payload, next: (result: InPlace | StorageError) => void): void {
    const { metainfo, hashes, random, mayOverwrite = false } = this.#options
    const check = new InPlaceCheck({
      payload,
      plan: this.#plan,
      infoHash: metainfo.infoHash,
      hashes,
      random,
      mayOverwrite,
      verify: (pieces, onVerified) => this.#verify(payload, pieces, onVerified),
      onDone: (result) => {
        if (!this.#isCancelled) next(result)
      },
    })
    check.start()
  }

  /** A download that cannot fit is refused before it starts, not when the disk is full. */
  #checkSpace(payload: Payload, inPlace: InPlace): void {
    const { geometry } = this.#plan
    let missing = 0
    for (let piece = 0; piece < geometry.pieceCount; piece++)
      if (!inPlace.have.has(piece)) missing += geometry.lengthOf(piece)
    // Padding takes no space. All of it is deducted, missing or not; if that is too much, writing will tell.
    for (const { length, isPadding } of geometry.files) if (isPadding) missing -= length
    payload.freeSpace((free) => {
      if (this.#isCancelled) return
      // Where free space cannot be queried, writing will tell.
      if (free instanceof StorageError || free >= missing) this.#prepare(payload, inPlace)
      else
        this.#fail(
          new StorageError(
            'disk.full',
            `no space for ${this.#options.path}: ${formatSize(missing)} are needed, ${formatSize(free)} are free`,
          ),
        )
    })
  }

  /** From here on the payload is written to. */
  #prepare(payload: Payload, { have, synced, checked, source }: InPlace): void {
    const {
      metainfo,
      random,
      sync = 'interval',
      mayOverwrite = false,
      remembersComplete = false,
    } = this.#options
    const resume = new ResumeKeeper({
      ...this.#options,
      payload,
      policy: sync,
      remembersComplete,
      have,
      synced,
      infoHash: metainfo.infoHash,
      key: random.fill(new Uint8Array(NOTE_BYTES)),
    })
    const opened = { payload, have, checked, source, resume }
    const end = (error?: StorageError): void => {
      this.#isHeld = false
      if (this.#onClosed) resume.close(this.#onClosed)
      else if (error) this.#fail(error, resume)
      else this.#done(opened)
    }
    this.#isHeld = true
    payload.allocate(mayOverwrite, (error) => {
      if (this.#isCancelled || error || have.isFull) end(error)
      else resume.start(end)
    })
  }

  /** @param next gets the bad pieces, and why the first unreadable one of them could not be read */
  #verify(
    payload: Payload,
    pieces: readonly number[],
    next: (bad: readonly number[], unread?: StorageError) => void,
  ): void {
    if (this.#isCancelled) return
    if (pieces.length === 0) return next([])
    const bad: number[] = []
    let firstUnread: StorageError | undefined
    let done = 0
    this.#cancelVerify = payload.verify(
      pieces,
      (piece, isGood, unread) => {
        if (!isGood) bad.push(piece)
        // Files that are not there, or too short, are merely bad.
        if (unread?.code !== 'disk.missing' && unread?.code !== 'disk.wrong-size') firstUnread ??= unread
        this.#options.onProgress(++done, pieces.length)
      },
      (error) => {
        this.#cancelVerify = undefined
        if (this.#isCancelled) return
        if (error) this.#fail(error)
        else next(bad, firstUnread)
      },
    )
  }

  #done(opened: Opened): void {
    this.#options.onDone(opened)
  }

  /** @param last who closes the payload, if there is one */
  #fail(error: StorageError | PayloadError, last: Pick<Payload, 'close'> | undefined = this.#payload): void {
    const report = (): void => {
      if (this.#onClosed) this.#onClosed()
      else this.#options.onDone(error)
    }
    this.#isHeld = true
    if (last) last.close(report)
    else report()
  }
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, piece) => piece)
}

function withEnds(pieces: readonly number[], count: number): number[] {
  return [...new Set([0, ...pieces, count - 1])]
}

function describe(bad: readonly number[]): string {
  const [first] = bad.toSorted((a, b) => a - b)
  return bad.length === 1 ? `piece ${first} differs` : `${bad.length} pieces differ, the first is ${first}`
}
