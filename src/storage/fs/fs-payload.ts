/** One session's files on the file system. Reads go through Node's thread pool, commits and hashing through workers. */
import { fsync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { StorageError } from '../../protocol/errors.ts'
import { invariant } from '../../protocol/errors.ts'
import { bytesEqual, ID_LENGTH, toHex } from '../../protocol/ids.ts'
import type { Cancel } from '../../protocol/ports.ts'
import { cut, totalLength } from '../buffer-list.ts'
import type { FileStat, NoteTaking, OpenMode, Payload, PayloadPlan, Remembered, Verdict } from '../disk.ts'
import { FileMap } from '../file-map.ts'
import { currentBoot } from './boot.ts'
import { replaceDurably, syncFolder } from './durable-file.ts'
import { fromFault, toStorageError } from './errno.ts'
import { AsyncHandles, MAX_OPEN_FILES, READ_FLAGS, READ_WRITTEN_FLAGS } from './handles.ts'
import { runsOf } from './hash-runs.ts'
import { CALLS_IN_FLIGHT, forEachInFlight } from './in-flight.ts'
import { Lock } from './lock.ts'
import { makeFolders } from './make-folders.ts'
import { allocate, findContent, statFiles, statThese } from './payload-files.ts'
import { createNotes, eraseNotes, readRemembered, removeRemembered } from './resume-files.ts'
import { readScattered } from './scattered-read.ts'
import { placeOf } from './stray.ts'
import type { WorkerPool } from './worker-pool.ts'

interface Opened {
  readonly map: FileMap
  readonly digests: Uint8Array
  readonly mode: OpenMode
  readonly workers: WorkerPool
  readonly found: readonly (FileStat | undefined)[]
  readonly boot: string
  readonly lock: Lock | undefined
  /** Where the payload is, free of symlinks. */
  readonly place: string
  /** The topmost folder that had to be created for the lock. */
  readonly firstMade: string | undefined
}

export class FsPayload implements Payload {
  readonly found: readonly (FileStat | undefined)[]
  readonly boot: string
  readonly #map: FileMap
  readonly #digests: Uint8Array
  readonly #mode: OpenMode
  readonly #workers: WorkerPool
  readonly #place: string
  readonly #handles: AsyncHandles
  /** Files that may have been written since they were last synced; initially, by an earlier process. */
  readonly #dirty = new Set<number>()
  /** Folders with names that are not durable yet. */
  readonly #newNamesIn = new Set<string>()
  #noteTaking: { readonly path: string; readonly key: string; readonly isDurable: boolean } | undefined
  #lock: Lock | undefined
  #commitsUnderWay = 0
  /** Callbacks that wait until no commit is under way. */
  #afterCommits: (() => void)[] = []
  #underWay = 0
  /** Spans that are being read, by all reads together. */
  #spansUnderWay = 0
  /** Set once closing has begun. */
  #onIdle: (() => void) | undefined

  private constructor(opened: Opened) {
    this.found = opened.found
    this.boot = opened.boot
    this.#map = opened.map
    this.#digests = opened.digests
    this.#mode = opened.mode
    this.#workers = opened.workers
    this.#lock = opened.lock
    if (opened.firstMade !== undefined) this.#newNamesIn.add(dirname(opened.firstMade))
    for (const [file, stat] of opened.found.entries()) if (stat !== undefined) this.#dirty.add(file)
    this.#place = opened.place
    this.#handles =
      opened.mode === 'download'
        ? new AsyncHandles(READ_WRITTEN_FLAGS, opened.place)
        : new AsyncHandles(READ_FLAGS)
  }

  static async open(plan: PayloadPlan, mode: OpenMode, workers: WorkerPool): Promise<FsPayload> {
    const map = new FileMap({ ...plan, path: resolve(plan.path) })
    const { digests } = plan
    const opened = { map, digests, mode, workers, boot: await currentBoot() }
    if (mode !== 'download') {
      const found = await statFiles(map, mode)
      const refusal = mode === 'seed' ? map.refuseToSeed(found) : undefined
      if (refusal !== undefined) throw refusal
      return new FsPayload({ ...opened, found, lock: undefined, place: map.root, firstMade: undefined })
    }
    const firstMade = await makeFolders(dirname(map.root))
    const lock = await Lock.acquire(map.lockPath)
    try {
      const place = await placeOf(map.root)
      return new FsPayload({ ...opened, found: await statFiles(map, mode), lock, place, firstMade })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  findContent(files: readonly number[], done: (result: readonly number[] | StorageError) => void): void {
    this.#run(
      findContent(this.#map, files, () => this.#onIdle !== undefined),
      done,
    )
  }

  allocate(mayCut: boolean, done: (error?: StorageError) => void): void {
    invariant(this.#mode === 'download', 'only a download changes files')
    this.#runVoid(this.#allocate(mayCut), done)
  }

  startNotes({ key, isDurable }: NoteTaking, done: (error?: StorageError) => void): void {
    const start = async (): Promise<void> => {
      const path = this.#map.notesPath
      await createNotes(this.#map, isDurable)
      this.#workers.forget(path)
      this.#noteTaking = { path, key: toHex(key), isDurable }
    }
    this.#runVoid(start(), done)
  }

  eraseNotes(pieces: readonly number[], done: (error?: StorageError) => void): void {
    this.#runVoid(this.#noteTaking ? eraseNotes(this.#map, pieces) : Promise.resolve(), done)
  }

  commit(piece: number, data: Uint8Array, done: (result: Verdict | StorageError) => void): void {
    invariant(this.#mode === 'download', 'only a download is written to')
    this.#begin()
    const files = this.#map.geometry.spans(piece, 0, data.length)
    const spans = this.#map.spans(piece, 0, data.length)
    const digest = toHex(this.#digestOf(piece))
    this.#commitsUnderWay++
    const note = this.#noteTaking && { ...this.#noteTaking, piece }
    this.#workers.commit({ data, digest, spans, place: this.#place, note }, (result) => {
      this.#commitsUnderWay--
      // A failed write may have changed something, too.
      if (result !== 'corrupt') for (const { file } of files) this.#dirty.add(file)
      this.#end(() => done(result))
      if (this.#commitsUnderWay === 0) for (const next of this.#afterCommits.splice(0)) next()
    })
  }

  read(
    piece: number,
    begin: number,
    into: readonly Uint8Array[],
    done: (error?: StorageError) => void,
  ): void {
    this.#begin()
    const spans = this.#map.spans(piece, begin, totalLength(into))
    let [next, at, underWay] = [0, 0, 0]
    let failure: StorageError | undefined
    // Each read may have one file open; further ones are shared out among all reads.
    const hasRoom = (): boolean =>
      underWay === 0 || (underWay < CALLS_IN_FLIGHT && this.#spansUnderWay < MAX_OPEN_FILES)
    const goOn = (): void => {
      while (next < spans.length && failure === undefined && hasRoom()) {
        const { path, offset, length } = spans[next++]!
        const parts = cut(into, at, length)
        at += length
        underWay++
        this.#spansUnderWay++
        if (path !== undefined) this.#readFile({ path, offset }, parts, onRead)
        else {
          for (const part of parts) part.fill(0)
          setImmediate(onRead)
        }
      }
      // The buffers are not returned while anything may still be written to them.
      if (underWay === 0) this.#end(() => done(failure))
    }
    const onRead = (error?: StorageError): void => {
      underWay--
      this.#spansUnderWay--
      failure ??= error
      goOn()
    }
    goOn()
  }

  verify(
    pieces: readonly number[],
    onPiece: (piece: number, isGood: boolean, unread?: StorageError) => void,
    done: (error?: StorageError) => void,
  ): Cancel {
    this.#begin()
    let isCancelled = false
    const cancel = this.#workers.hash({
      bytes: pieces.length * this.#map.geometry.pieceLength,
      runs: runsOf(this.#map, pieces),
      onRun: ({ firstPiece }, hashed) => {
        for (const [index, sha1] of hashed.entries()) {
          if (isCancelled) return
          const piece = firstPiece + index
          if (sha1 instanceof Uint8Array) onPiece(piece, bytesEqual(sha1, this.#digestOf(piece)))
          else onPiece(piece, false, fromFault(sha1))
        }
      },
      onEnd: (error) =>
        this.#end(() => {
          if (!isCancelled) done(error)
        }),
    })
    return () => {
      isCancelled = true
      cancel()
    }
  }

  sync(done: (error?: StorageError) => void): void {
    const files = [...this.#dirty]
    this.#dirty.clear()
    this.#runVoid(this.#sync(files), done)
  }

  stat(done: (result: readonly (FileStat | undefined)[] | StorageError) => void): void {
    const committed = new Promise<void>((resolve) => {
      if (this.#commitsUnderWay === 0) resolve()
      else this.#afterCommits.push(resolve)
    })
    this.#run(
      committed.then(() => statFiles(this.#map, this.#mode)),
      done,
    )
  }

  pathOf(file: number): string {
    return this.#map.pathOf(file)!
  }

  statFiles(
    files: readonly number[],
    onFile: (file: number, result: FileStat | StorageError) => void,
    done: () => void,
  ): void {
    this.#runVoid(statThese(this.#map, { files, mode: this.#mode, onFile }), (error) => {
      invariant(error === undefined, 'each file fails by itself')
      done()
    })
  }

  reopen(): void {
    this.#handles.reopen()
    this.#workers.forget(this.#map.root)
  }

  readResume(done: (result: Remembered | StorageError) => void): void {
    this.#run(readRemembered(this.#map), done)
  }

  replaceResume(bytes: Uint8Array, done: (error?: StorageError) => void): void {
    this.#runVoid(replaceDurably(this.#map.resumePath, bytes.slice()), done)
  }

  removeResume(done: (error?: StorageError) => void): void {
    this.#noteTaking = undefined
    this.#runVoid(
      removeRemembered(this.#map).finally(() => this.#workers.forget(this.#map.notesPath)),
      done,
    )
  }

  freeSpace(done: (result: number | StorageError) => void): void {
    this.#run(
      statfs(dirname(this.#map.root)).then(({ bavail, bsize }) => bavail * bsize),
      done,
    )
  }

  unlock(done: (error?: StorageError) => void): void {
    this.#runVoid(this.#releaseLock(), done)
  }

  close(done: () => void): void {
    invariant(this.#onIdle === undefined, 'a payload is closed once')
    this.#onIdle = () => {
      this.#handles.close()
      for (const path of [this.#map.root, this.#map.notesPath]) this.#workers.forget(path)
      // A lock file that cannot be removed names a process that will soon be gone.
      this.#releaseLock().then(done, done)
    }
    if (this.#underWay === 0) this.#onIdle()
  }

  #readFile(
    { path, offset }: { readonly path: string; readonly offset: number },
    into: readonly Uint8Array[],
    done: (error?: StorageError) => void,
  ): void {
    const onOpen = (fd: number, release: () => void): void =>
      readScattered({ fd, offset }, into, (error) => {
        release()
        done(error && toStorageError(error, path))
      })
    this.#handles.use(path, onOpen, (error) => done(toStorageError(error, path)))
  }

  async #allocate(mayCut: boolean): Promise<void> {
    const now = await statFiles(this.#map, this.#mode)
    const refusal = mayCut ? undefined : this.#map.refuseToWrite(now)
    if (refusal !== undefined) throw refusal
    const isNew = now.some((stat, file) => stat === undefined && this.#map.pathOf(file) !== undefined)
    if (isNew) this.#workers.prepare() // pieces will come soon
    for (const folder of await allocate(this.#map, { found: now, place: this.#place }))
      this.#newNamesIn.add(folder)
  }

  async #sync(files: readonly number[]): Promise<void> {
    try {
      await forEachInFlight(files.length, async (index) => {
        const path = this.#map.pathOf(files[index]!)
        if (path !== undefined) await this.#syncFile(path)
      })
      for (const folder of this.#newNamesIn) {
        await syncFolder(folder)
        this.#newNamesIn.delete(folder)
      }
    } catch (error) {
      for (const file of files) this.#dirty.add(file)
      throw error
    }
  }

  #syncFile(path: string): Promise<void> {
    return new Promise((onSynced, onFailed) => {
      const onOpen = (fd: number, release: () => void): void =>
        fsync(fd, (error) => {
          release()
          if (error === null) onSynced()
          else onFailed(toStorageError(error, path))
        })
      this.#handles.use(path, onOpen, onFailed)
    })
  }

  async #releaseLock(): Promise<void> {
    const lock = this.#lock
    this.#lock = undefined
    await lock?.release()
  }

  #digestOf(piece: number): Uint8Array {
    return this.#digests.subarray(piece * ID_LENGTH, (piece + 1) * ID_LENGTH)
  }

  /** Ends in one call of `done`; errors that `done` throws are not caught here. */
  #run<T>(work: Promise<T>, done: (result: T | StorageError) => void): void {
    this.#begin()
    work.then(
      (result) => this.#end(() => done(result)),
      (error: unknown) => this.#end(() => done(toStorageError(error, this.#map.root))),
    )
  }

  #runVoid(work: Promise<void>, done: (error?: StorageError) => void): void {
    this.#run(
      work.then(() => undefined),
      done,
    )
  }

  #begin(): void {
    invariant(this.#onIdle === undefined, 'a closed payload is left alone')
    this.#underWay++
  }

  #end(report: () => void): void {
    report()
    if (--this.#underWay === 0) this.#onIdle?.()
  }
}
