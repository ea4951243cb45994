/**
 * Notices when a file is no longer what it was when its pieces were found good: gone, of another length, replaced, or
 * written to by somebody else.
 *
 * Files are looked at a few at a time, whether anybody reads them or not. And bytes read from a file are passed on only if
 * the file was looked at within {@link FRESH_MS}, if need be after reading them: so nothing is passed on that was read later
 * than that after a change.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { StorageError } from '../protocol/errors.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Cancel, Clock, Millis } from '../protocol/ports.ts'
import { totalLength } from './buffer-list.ts'
import type { FileStat, Payload } from './disk.ts'
import { isUntouched } from './untouched.ts'

/** Time between two looks at a payload's files … */
export const LOOK_INTERVAL_MS: Millis = 10_000
/** … and how many of them are looked at each time: an idle seeder must cost nothing. */
const FILES_PER_LOOK = 64
/** How long a look at a file vouches for what is read from it. */
export const FRESH_MS: Millis = 1_000

export interface FileWatchOptions {
  readonly payload: Pick<Payload, 'pathOf' | 'read' | 'stat' | 'statFiles'>
  readonly geometry: PieceGeometry
  readonly clock: Clock
  /** The files as they were before their pieces were found good; undefined when we write to them from now on. */
  readonly found: readonly (FileStat | undefined)[] | undefined
  /** Whether a piece is good, as far as is known: queried after `onChanged` and `onUnreadable`. */
  readonly has: (piece: number) => boolean
  /** @returns whether that was news */
  readonly onChanged: (file: number, error: StorageError) => boolean
  readonly onUnreadable: (piece: number, error: StorageError) => void
}

export class FileWatch {
  readonly #options: FileWatchOptions
  /** What the files were like when they were good. Index = file; undefined until the next look. */
  readonly #known: (FileStat | undefined)[]
  /** When the last completed look at each file began: what it saw is as old as that. */
  readonly #lookedAt: Float64Array
  /** Files that are being looked at, with the callbacks that wait for it. */
  readonly #looks = new Map<number, ((isNews: boolean) => void)[]>()
  /** Set while files change because we write to them: then only their identity and length mean something. */
  #areOurs: boolean
  #nextFile = 0
  #cancelSweep: Cancel | undefined
  #isClosed = false

  constructor(options: FileWatchOptions) {
    const { files } = options.geometry
    this.#options = options
    this.#areOurs = options.found === undefined
    this.#known = options.found?.slice() ?? files.map(() => undefined)
    this.#lookedAt = new Float64Array(files.length).fill(-Infinity)
    // The state of our own files is not known yet.
    this.#planSweep(this.#areOurs ? 0 : LOOK_INTERVAL_MS)
  }

  /** As {@link Payload.read}. What was read from a file that has changed is a `disk.changed`. */
  read(
    piece: number,
    begin: number,
    into: readonly Uint8Array[],
    done: (error?: StorageError) => void,
  ): void {
    const { payload, geometry, has, onUnreadable } = this.#options
    const length = totalLength(into)
    payload.read(piece, begin, into, (error) => {
      if (this.#isClosed) return done(error)
      // Each of several buffers is read again by itself, to find out which piece cannot be read.
      if (error !== undefined && into.length > 1) return done(error)
      if (error !== undefined) onUnreadable(piece, error)
      // After a failed read the file has to be looked at in any case: all of it may be affected.
      const freshMs = error === undefined ? FRESH_MS : 0
      this.#confirm({ piece, begin, length }, freshMs, () => {
        const last = piece + Math.floor((begin + length - 1) / geometry.pieceLength)
        for (let each = piece; each <= last; each++)
          if (!has(each)) return done(error ?? new StorageError('disk.changed', `piece ${each} is in doubt`))
        done(error)
      })
    })
  }

  /** What a file was like when it was last good. */
  knownOf(file: number): FileStat | undefined {
    return this.#known[file]
  }

  /** From now on, the file should be like this. */
  accept(file: number, stat: FileStat): void {
    this.#known[file] = stat
    this.#lookedAt[file] = this.#options.clock.now()
  }

  /** We write no more: from now on every change is somebody else's. Fails if there was one before. */
  onAllWritten(done: (error?: StorageError) => void): void {
    const { payload, geometry } = this.#options
    payload.stat((stats) => {
      if (stats instanceof StorageError) return done(stats)
      for (const [file, stat] of stats.entries()) {
        if (geometry.files[file]!.isPadding) continue
        const error =
          stat === undefined
            ? new StorageError('disk.missing', `${payload.pathOf(file)} is not there any more`)
            : this.#judge(file, stat)
        if (error !== undefined) return done(error)
        this.accept(file, stat!)
      }
      this.#areOurs = false
      done()
    })
  }

  /** Nothing is called afterwards. */
  close(): void {
    this.#isClosed = true
    this.#cancelSweep?.()
  }

  #planSweep(delay: Millis): void {
    const { clock, geometry } = this.#options
    this.#cancelSweep = clock.after(delay, () => this.#sweep(geometry.files.length))
  }

  /** @param left files that were not passed yet in this sweep */
  #sweep(left: number): void {
    const { files } = this.#options.geometry
    const next: number[] = []
    let rest = left
    for (; rest > 0 && next.length < FILES_PER_LOOK; rest--) {
      if (!files[this.#nextFile]!.isPadding) next.push(this.#nextFile)
      this.#nextFile = (this.#nextFile + 1) % files.length
    }
    this.#look(next, (isNews) => {
      if (this.#isClosed) return
      // If one file has changed, or was never looked at, the same may be true of others: they are looked at without waiting.
      if (isNews && rest > 0) this.#sweep(rest)
      else this.#planSweep(LOOK_INTERVAL_MS)
    })
  }

  /**
   * Calls `next` once each file that holds these bytes has been looked at, by a look that began at most `freshMs` ago.
   *
   * @param freshMs 0: looks that are already complete do not count
   */
  #confirm({ piece, begin, length }: BlockRange, freshMs: Millis, next: () => void): void {
    const { geometry, clock } = this.#options
    if (this.#areOurs && freshMs > 0) return next()
    const since = clock.now() - freshMs
    const isOld = (file: number): boolean => this.#lookedAt[file]! < since
    const lookAt = (files: readonly number[]): void => {
      if (files.length === 0 || this.#isClosed) next()
      // One that was under way may have begun too early.
      else this.#look(files, () => lookAt(files.filter(isOld)))
    }
    const files = geometry.spans(piece, begin, length).map(({ file }) => file)
    lookAt(files.filter((file) => (freshMs === 0 || isOld(file)) && !geometry.files[file]!.isPadding))
  }

  /** Looks at these files, or waits for a look under way. `done` is told whether there was any news. */
  #look(files: readonly number[], done: (isNews: boolean) => void): void {
    if (files.length === 0) return done(false)
    this.#begin(files.filter((file) => !this.#looks.has(file)))
    let [missing, isAnyNews] = [files.length, false]
    const onLook = (isNews: boolean): void => {
      isAnyNews ||= isNews
      if (--missing === 0) done(isAnyNews)
    }
    for (const file of files) this.#looks.get(file)!.push(onLook)
  }

  /** Each file has a verdict of its own, so that a disk that hangs does not hold up reads from the others. */
  #begin(files: readonly number[]): void {
    if (files.length === 0) return
    const { clock, payload } = this.#options
    const begunAt = clock.now()
    for (const file of files) this.#looks.set(file, [])
    const onFile = (file: number, stat: FileStat | StorageError): void => {
      const waiting = this.#looks.get(file)!
      this.#looks.delete(file)
      const isNews = !this.#isClosed && this.#note(file, stat, begunAt)
      for (const each of waiting) each(isNews)
    }
    payload.statFiles(files, onFile, () => {})
  }

  #note(file: number, stat: FileStat | StorageError, begunAt: Millis): boolean {
    this.#lookedAt[file] = begunAt
    const error = stat instanceof StorageError ? stat : this.#judge(file, stat)
    if (error !== undefined) return this.#options.onChanged(file, error)
    const isNews = this.#known[file] === undefined
    this.#known[file] = stat as FileStat
    return isNews
  }

  /** @returns why the file is not what it was, or undefined */
  #judge(file: number, now: FileStat): StorageError | undefined {
    const { length, inode, modifiedAt } = now
    const known = this.#known[file]
    const planned = this.#options.geometry.files[file]!.length
    const name = this.#options.payload.pathOf(file)
    if (length !== planned)
      return new StorageError('disk.wrong-size', `${name} has ${length} bytes, the metainfo says ${planned}`)
    if (known === undefined) return undefined
    if (inode !== known.inode)
      return new StorageError('disk.changed', `another file is in the place of ${name}`)
    if (this.#areOurs || isUntouched(now, known)) return undefined
    const what = modifiedAt === known.modifiedAt ? 'touched, and may have been written to' : 'written to'
    return new StorageError('disk.changed', `${name} was ${what}`)
  }
}
