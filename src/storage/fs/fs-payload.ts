/** One session's files on the file system. Reads go through Node's thread pool, commits and hashing through workers. */
import { fsync } from 'node:fs'
import { mkdir, readFile, rm, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { StorageError } from '../../protocol/errors.ts'
import { invariant } from '../../protocol/errors.ts'
import { bytesEqual, ID_LENGTH } from '../../protocol/ids.ts'
import type { Cancel } from '../../protocol/ports.ts'
import { cut, totalLength } from '../buffer-list.ts'
import type { FileStat, OpenMode, Payload, PayloadPlan, Verdict } from '../disk.ts'
import { FileMap } from '../file-map.ts'
import { replaceDurably, syncPath } from './durable-file.ts'
import { toStorageError } from './errno.ts'
import { AsyncHandles, READ_FLAGS, WRITE_FLAGS } from './handles.ts'
import { runsOf } from './hash-runs.ts'
import { Lock } from './lock.ts'
import { preallocate, statFiles, statOne } from './payload-files.ts'
import { readScattered } from './scattered-read.ts'
import type { WorkerPool } from './worker-pool.ts'

interface Opened {
  readonly map: FileMap
  readonly digests: Uint8Array
  readonly mode: OpenMode
  readonly workers: WorkerPool
  readonly found: readonly (FileStat | undefined)[]
  readonly lock: Lock | undefined
  readonly newNamesIn: ReadonlySet<string>
}

export class FsPayload implements Payload {
  readonly found: readonly (FileStat | undefined)[]
  readonly #map: FileMap
  readonly #digests: Uint8Array
  readonly #mode: OpenMode
  readonly #workers: WorkerPool
  readonly #handles: AsyncHandles
  /** Files written since they were last synced. */
  readonly #dirty = new Set<number>()
  /** Folders with names that are not durable yet. */
  readonly #newNamesIn: Set<string>
  #lock: Lock | undefined
  #underWay = 0
  #onIdle: (() => void) | undefined

  private constructor(opened: Opened) {
    this.found = opened.found
    this.#map = opened.map
    this.#digests = opened.digests
    this.#mode = opened.mode
    this.#workers = opened.workers
    this.#lock = opened.lock
    this.#newNamesIn = new Set(opened.newNamesIn)
    this.#handles = new AsyncHandles(opened.mode === 'download' ? WRITE_FLAGS : READ_FLAGS)
  }

  static async open(plan: PayloadPlan, mode: OpenMode, workers: WorkerPool): Promise<FsPayload> {
    const map = new FileMap({ ...plan, path: resolve(plan.path) })
    const { digests } = plan
    if (mode === 'seed') {
      const found = await look(map, mode)
      return new FsPayload({ map, digests, mode, workers, found, lock: undefined, newNamesIn: new Set() })
    }
    const firstMade = await mkdir(dirname(map.root), { recursive: true })
    const lock = await Lock.acquire(map.lockPath)
    try {
      const found = await look(map, mode)
      const isNew = found.some((stat, file) => stat === undefined && map.pathOf(file) !== undefined)
      if (isNew) workers.prepare() // pieces will come soon
      const newNamesIn = await preallocate(map, found)
      if (firstMade !== undefined) newNamesIn.add(dirname(firstMade))
      return new FsPayload({ map, digests, mode, workers, found, lock, newNamesIn })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  commit(piece: number, data: Uint8Array, done: (result: Verdict | StorageError) => void): void {
    invariant(this.#mode === 'download', 'only a download is written to')
    this.#begin()
    const files = this.#map.geometry.spans(piece, 0, data.length)
    const spans = this.#map.spans(piece, 0, data.length)
    // A view, which a Buffer's `slice` is, too, would take all digests along to the worker, with every piece.
    const digest = new Uint8Array(this.#digestOf(piece))
    this.#workers.commit({ data, digest, spans }, (result) => {
      // A failed write may have changed something, too.
      if (result !== 'corrupt') for (const { file } of files) this.#dirty.add(file)
      this.#end(() => done(result))
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
    const next = (index: number, at: number): void => {
      const span = spans[index]
      if (span === undefined) return this.#end(done)
      const { path, offset, length } = span
      const parts = cut(into, at, length)
      const onRead = (error?: StorageError): void => {
        if (error === undefined) next(index + 1, at + length)
        else this.#end(() => done(error))
      }
      if (path !== undefined) return this.#readFile({ path, offset }, parts, onRead)
      for (const part of parts) part.fill(0)
      setImmediate(onRead)
    }
    next(0, 0)
  }

  verify(
    pieces: readonly number[],
    onPiece: (piece: number, isGood: boolean) => void,
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
          onPiece(piece, sha1 instanceof Uint8Array && bytesEqual(sha1, this.#digestOf(piece)))
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
    this.#run(statFiles(this.#map, this.#mode), done)
  }

  statFile(file: number, done: (result: FileStat | StorageError) => void): void {
    this.#run(statOne(this.#map, file, this.#mode), done)
  }

  reopen(): void {
    this.#handles.reopen()
    this.#workers.forget(this.#map.root)
  }

  readResume(done: (result: Uint8Array | undefined | StorageError) => void): void {
    const content = readFile(this.#map.resumePath).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    this.#run(content, done)
  }

  replaceResume(bytes: Uint8Array, done: (error?: StorageError) => void): void {
    this.#runVoid(replaceDurably(this.#map.resumePath, bytes.slice()), done)
  }

  removeResume(done: (error?: StorageError) => void): void {
    this.#runVoid(rm(this.#map.resumePath, { force: true }), done)
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
    const finish = (): void => {
      this.#handles.close()
      this.#workers.forget(this.#map.root)
      // A lock file that cannot be removed names a process that will be gone.
      this.#releaseLock().then(done, done)
    }
    if (this.#underWay === 0) finish()
    else this.#onIdle = finish
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

  async #sync(files: readonly number[]): Promise<void> {
    try {
      for (const file of files) {
        const path = this.#map.pathOf(file)
        if (path !== undefined) await this.#syncFile(path)
      }
      for (const folder of this.#newNamesIn) {
        await syncPath(folder)
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

  /** Ends in one call of `done`; what that throws is not caught here. */
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
    this.#underWay--
    report()
    if (this.#underWay === 0) this.#onIdle?.()
  }
}

async function look(map: FileMap, mode: OpenMode): Promise<(FileStat | undefined)[]> {
  const found = await statFiles(map, mode)
  const refusal = map.refuse(found, mode)
  if (refusal !== undefined) throw refusal
  return found
}
