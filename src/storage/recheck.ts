/**
 * Verifies pieces again that were good and may be good no longer, as soon as their files stand still.
 *
 *     good ──doubt──▶ in doubt ──verified──▶ good
 *                        │ ▲
 *                       bad └─ tried again when a file changes, and one of them in turn after a growing delay:
 *                              a disk may be plugged in again, and permission given back, without a trace in its files
 *
 * A complete payload of which nothing is left is given up once nothing has moved for {@link PATIENCE_MS}.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import { PayloadError, StorageError } from '../protocol/errors.ts'
import type { Cancel, Clock, Emit, Millis } from '../protocol/ports.ts'
import type { FileStat, Payload } from './disk.ts'
import type { StorageEvent } from './events.ts'
import { isUntouched } from './untouched.ts'

/** The wait before pieces in doubt are verified: a file that is still being written to can wait. */
const FIRST_RECHECK_MS: Millis = 1_000
/** That wait doubles, up to this, while nothing changes. */
export const LONGEST_RECHECK_MS: Millis = 60_000
/** Bytes that are verified before the good ones are served again: some seconds' work. */
export const RECHECK_BYTES = 2 * 2 ** 30
/** How long there may be nothing to serve before the payload is given up. */
export const PATIENCE_MS: Millis = 60_000

export interface RecheckOptions {
  readonly payload: Pick<Payload, 'read' | 'verify' | 'statFiles' | 'reopen'>
  readonly geometry: PieceGeometry
  readonly clock: Clock
  readonly emit: Emit<StorageEvent>
  /** Pieces that are good now. */
  readonly have: Bitfield
  /** The payload is complete: bad pieces stay in doubt. Otherwise they are fetched again, and no longer our concern. */
  readonly isComplete: () => boolean
  /** What a file was like when all its pieces were good. */
  readonly knownOf: (file: number) => FileStat | undefined
  /** These pieces are good, with their files as they are now. */
  readonly onGood: (pieces: readonly number[]) => void
  /** These pieces have turned out bad, for the first time since they were good. */
  readonly onBad: (pieces: readonly number[]) => void
  /** The state of a file in which its pieces were verified. */
  readonly onVerified: (file: number, stat: FileStat) => void
  readonly onGone: (error: StorageError | PayloadError) => void
}

type Look = FileStat | StorageError

/** Some pieces were read. */
interface Reading {
  /** With pieces in doubt. */
  readonly files: readonly number[]
  /** Those of them that the pieces lie in. */
  readonly read: readonly number[]
  /** Those of them that changed meanwhile: verdicts on their pieces mean nothing. */
  readonly moved: ReadonlySet<number>
  readonly good: readonly number[]
  readonly bad: readonly number[]
  /** There are no others to be read. */
  readonly isAll: boolean
}

export class Recheck {
  readonly #options: RecheckOptions
  readonly #doubtful: Bitfield
  /** Those of them that were bad in the last known state of their files. */
  #refuted: Bitfield
  /** Those of them that were reported as bad. */
  readonly #lost: Bitfield
  /** Files with pieces in doubt, at the last look. */
  readonly #looks = new Map<number, Look>()
  /** Doubts not reported yet. */
  #news: { readonly cause: StorageError; count: number } | undefined
  /** Of the last doubt reported. */
  #cause: StorageError | undefined
  #delay: Millis = FIRST_RECHECK_MS
  #nextAt: Millis = Infinity
  #cancelNext: Cancel | undefined
  #cancelVerify: Cancel | undefined
  #isChecking = false
  /** When something last changed, for better or worse. */
  #movedAt: Millis = 0
  #lastProbe = -1
  #isClosed = false

  constructor(options: RecheckOptions) {
    const { pieceCount } = options.geometry
    this.#options = options
    this.#doubtful = new Bitfield(pieceCount)
    this.#refuted = new Bitfield(pieceCount)
    this.#lost = new Bitfield(pieceCount)
  }

  /** `pieces` were good until now. */
  doubt(pieces: readonly number[], cause: StorageError): void {
    for (const piece of pieces) this.#doubtful.set(piece)
    this.#news ??= { cause, count: 0 }
    this.#news.count += pieces.length
    this.#onMove()
    if (!this.#isChecking) this.#plan()
  }

  /** Nothing is called afterwards. */
  close(): void {
    this.#isClosed = true
    this.#cancelNext?.()
    this.#cancelVerify?.()
  }

  #onMove(): void {
    this.#movedAt = this.#options.clock.now()
    this.#delay = FIRST_RECHECK_MS
  }

  /** Further doubts do not postpone a check that is already planned. */
  #plan(): void {
    const { clock } = this.#options
    const at = clock.now() + this.#delay
    if (at >= this.#nextAt) return
    this.#nextAt = at
    this.#cancelNext?.()
    this.#cancelNext = clock.after(this.#delay, () => {
      this.#nextAt = Infinity
      this.#isChecking = true
      this.#check()
    })
  }

  #check(): void {
    this.#report()
    this.#options.payload.reopen()
    const files = this.#filesInDoubt()
    this.#look(files, (moved) => this.#read(files, moved))
  }

  /** Reads pieces of files that were looked at, the next ones each time; a look after the reading tells whether the verdicts count. */
  #read(files: readonly number[], moved: ReadonlySet<number>): void {
    const blocked = this.#piecesOf(files.filter((file) => moved.has(file) || !this.#isWhole(file)))
    const { pieces, isAll } = this.#choose(this.#doubtful.indices().filter((piece) => blocked[piece] === 0))
    this.#verify(pieces, (good, bad) => {
      const read = this.#filesOf(pieces, files)
      this.#look(read, (movedSince) =>
        this.#judge({ files, read, moved: new Set([...moved, ...movedSince]), good, bad, isAll }),
      )
    })
  }

  /** The first readable piece without a verdict; if there is none, one of the others. */
  #choose(pieces: readonly number[]): { readonly pieces: readonly number[]; readonly isAll: boolean } {
    const open = pieces.filter((piece) => !this.#refuted.has(piece))
    const room = Math.ceil(RECHECK_BYTES / this.#options.geometry.pieceLength)
    if (open.length > 0 || pieces.length === 0)
      return { pieces: open.slice(0, room), isAll: open.length <= room }
    this.#lastProbe = pieces.find((piece) => piece > this.#lastProbe) ?? pieces[0]!
    return { pieces: [this.#lastProbe], isAll: true }
  }

  #verify(pieces: readonly number[], next: (good: number[], bad: number[]) => void): void {
    const good: number[] = []
    const bad: number[] = []
    if (pieces.length === 0) return next(good, bad)
    this.#cancelVerify = this.#options.payload.verify(
      pieces,
      (piece, isGood) => (isGood ? good : bad).push(piece),
      // After an error, pieces without a verdict stay in doubt.
      () => {
        if (!this.#isClosed) next(good, bad)
      },
    )
  }

  #judge({ files, read, moved, good, bad, isAll }: Reading): void {
    const { clock, have, isComplete, onVerified } = this.#options
    const absent = files.filter((file) => !this.#isWhole(file))
    const blocked = this.#piecesOf([...absent, ...moved])
    const isAbsent = this.#piecesOf(absent)
    for (const file of read)
      if (!moved.has(file) && this.#isWhole(file)) onVerified(file, this.#looks.get(file) as FileStat)
    const kept = good.filter((piece) => blocked[piece] === 0)
    const refuted = bad.filter((piece) => blocked[piece] === 0)
    const missing = this.#doubtful.indices().filter((piece) => isAbsent[piece] === 1)
    const isStill = moved.size === 0 && this.#news === undefined
    // Without any verdict, reading itself is failing, which can wait.
    const goesOn = !isAll && isStill && good.length + bad.length > 0
    if (!goesOn && isStill && kept.length === 0) this.#delay = Math.min(2 * this.#delay, LONGEST_RECHECK_MS)
    this.#settle(kept, [...refuted, ...missing], goesOn)
    if (this.#isClosed) return
    if (goesOn) return this.#read(files, moved)
    this.#isChecking = false
    if (this.#doubtful.isEmpty) this.#looks.clear()
    else if (isComplete() && have.isEmpty && clock.now() - this.#movedAt >= PATIENCE_MS) this.#giveUp()
    else this.#plan()
  }

  #settle(good: readonly number[], bad: readonly number[], goesOn: boolean): void {
    const { have, emit, isComplete, onGood, onBad } = this.#options
    // Other pieces that were bad may now be good, too.
    if (good.some((piece) => this.#refuted.has(piece))) this.#refuted = new Bitfield(this.#refuted.length)
    for (const piece of good) for (const set of [this.#doubtful, this.#lost]) set.clear(piece)
    const lost = bad.filter((piece) => this.#lost.set(piece))
    for (const piece of bad) this.#refuted.set(piece)
    if (!isComplete())
      for (const piece of bad) for (const set of [this.#doubtful, this.#lost, this.#refuted]) set.clear(piece)
    if (good.length > 0) {
      this.#onMove()
      onGood(good)
    }
    if (lost.length > 0) onBad(lost)
    if (good.length > 0 || lost.length > 0)
      emit({
        event: 'disk_verdict',
        good: good.length,
        bad: lost.length,
        have: have.count,
        pieces: have.length,
        ...(!this.#doubtful.isEmpty && { retrySeconds: goesOn ? 0 : this.#delay / 1000 }),
      })
  }

  /** The file system knows why nothing can be read, or nothing is wrong with reading. */
  #giveUp(): void {
    const { payload, onGone } = this.#options
    const byte = new Uint8Array(new SharedArrayBuffer(1))
    payload.read(this.#doubtful.indices()[0]!, 0, [byte], (error) => {
      if (this.#isClosed) return
      onGone(
        error ??
          new PayloadError('payload.mismatch', `nothing is left to serve: ${this.#cause!.message}`, {
            cause: this.#cause,
          }),
      )
    })
  }

  #report(): void {
    if (this.#news === undefined) return
    const { cause, count } = this.#news
    this.#news = undefined
    this.#cause = cause
    this.#options.emit({ event: 'disk_doubt', code: cause.code, message: cause.message, pieces: count })
  }

  /** Looks at the files. @param next gets those that have changed since the last look */
  #look(files: readonly number[], next: (moved: ReadonlySet<number>) => void): void {
    if (files.length === 0) return next(new Set())
    const moved = new Set<number>()
    const onFile = (file: number, now: FileStat | StorageError): void => {
      if (this.#isClosed) return
      if (!this.#isSame(now, this.#looks.get(file) ?? this.#options.knownOf(file))) {
        moved.add(file)
        this.#onMove()
        const [first, end] = this.#options.geometry.piecesOf(file)
        for (let piece = first; piece < end; piece++) this.#refuted.clear(piece)
      }
      this.#looks.set(file, now)
    }
    this.#options.payload.statFiles(files, onFile, () => {
      if (!this.#isClosed) next(moved)
    })
  }

  #filesInDoubt(): number[] {
    const { files } = this.#options.geometry
    return Array.from(files.keys()).filter((file) => !files[file]!.isPadding && this.#isInDoubt(file))
  }

  /** Those of `files` that hold any of these pieces. */
  #filesOf(pieces: readonly number[], files: readonly number[]): number[] {
    const { geometry } = this.#options
    const marks = new Uint8Array(geometry.pieceCount)
    for (const piece of pieces) marks[piece] = 1
    return files.filter((file) => marks.subarray(...geometry.piecesOf(file)).includes(1))
  }

  #isInDoubt(file: number): boolean {
    const [first, end] = this.#options.geometry.piecesOf(file)
    for (let piece = first; piece < end; piece++) if (this.#doubtful.has(piece)) return true
    return false
  }

  #isWhole(file: number): boolean {
    const look = this.#looks.get(file)
    return look !== undefined && 'inode' in look && look.length === this.#options.geometry.files[file]!.length
  }

  /** Marks the pieces that touch any of these files. */
  #piecesOf(files: Iterable<number>): Uint8Array {
    const { geometry } = this.#options
    const marks = new Uint8Array(geometry.pieceCount)
    for (const file of files) marks.fill(1, ...geometry.piecesOf(file))
    return marks
  }

  #isSame(now: Look, before: Look | undefined): boolean {
    if (before === undefined) return false
    if (now instanceof StorageError || before instanceof StorageError)
      return now instanceof StorageError && before instanceof StorageError && now.code === before.code
    if (this.#options.isComplete()) return isUntouched(now, before)
    // While we write to files, their times mean nothing.
    return now.inode === before.inode && now.length === before.length
  }
}
