/**
 * A machine's disk in memory, under a virtual clock: the reference implementation of {@link Disk}. Any number of
 * sessions open their payloads on one; it outlives the process (`kill`) and the power (`crash`) and can then be
 * opened again. Operations finish in the order in which they were asked for.
 */
import { invariant, StorageError } from '../protocol/errors.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { Cancel, Clock, Hashes, Millis, Random } from '../protocol/ports.ts'
import type { Disk, FileStat, OpenMode, Payload, PayloadPlan } from './disk.ts'
import { FileMap } from './file-map.ts'
import type { PathSpan } from './file-map.ts'
import { MemoryFile, PAGE_BYTES, type FileTimes } from './memory-file.ts'
import { MemoryPayload } from './memory-payload.ts'

export type DiskOperation = 'open' | 'read' | 'write' | 'sync'

export interface MemoryDiskOptions {
  readonly clock: Clock
  readonly random: Random
  readonly hashes: Pick<Hashes, 'sha1'>
}

/** The bytes an operation moves, and what it may leave behind when the process dies before it is done. */
export interface DeviceWork {
  readonly bytes: number
  readonly onKill?: () => void
}

/** An operation that has not finished. */
interface Pending {
  readonly cancel: Cancel
  readonly work: DeviceWork
}

export class MemoryDisk implements Disk {
  /** The least time of every operation. */
  latencyMs: Millis = 0
  /** The device's rate; operations wait for each other. */
  bytesPerSecond: number = Infinity
  /** Space left; writes fail with `disk.full` beyond it. */
  freeBytes: number = Number.MAX_SAFE_INTEGER
  /** Counts up with every change of what is stored. */
  changes: number = 0
  readonly #clock: Clock
  readonly #random: Random
  readonly #hashes: Pick<Hashes, 'sha1'>
  readonly #files = new Map<string, MemoryFile>()
  /** Files whose directory entry is not durable yet. */
  readonly #created = new Set<string>()
  readonly #locks = new Set<string>()
  readonly #faults = new Map<DiskOperation, StorageError>()
  readonly #pending = new Set<Pending>()
  #finishesAt: Millis = 0
  /** Of this process. */
  #openPayloads = 0
  #life = 0
  #boots = 1
  #inodes = 0

  constructor({ clock, random, hashes }: MemoryDiskOptions) {
    this.#clock = clock
    this.#random = random
    this.#hashes = hashes
  }

  open(plan: PayloadPlan, mode: OpenMode, done: (result: Payload | StorageError) => void): void {
    const map = new FileMap(plan)
    this.run({ bytes: 0 }, () => done(this.#open(map, plan.digests, mode)))
  }

  digest(
    plan: Omit<PayloadPlan, 'digests'>,
    onDigest: (piece: number, sha1: Uint8Array) => void,
    done: (error?: StorageError) => void,
  ): Cancel {
    const map = new FileMap(plan)
    const pieces = Array.from({ length: plan.geometry.pieceCount }, (_, piece) => piece)
    return this.hashPieces(map, pieces, {
      onDigest: (piece, sha1) => {
        if (sha1 instanceof StorageError) return sha1
        onDigest(piece, sha1)
        return undefined
      },
      done,
    })
  }

  close(done: () => void): void {
    invariant(this.#openPayloads === 0, 'payloads are closed before their disk')
    this.run({ bytes: 0 }, done)
  }

  /** Puts a file there as if it had always been there. The content is not copied and must not change. */
  writeFile(path: string, content: Uint8Array): void {
    this.changes++
    this.#files.set(path, MemoryFile.of(this.#newInode(), content, this.#now()))
  }

  /** A copy of what the file holds now; undefined when there is none. */
  readFile(path: string): Uint8Array | undefined {
    const file = this.#files.get(path)
    if (file === undefined) return undefined
    const content = new Uint8Array(file.length)
    file.read(0, content)
    return content
  }

  /** Whether a power cut would leave the file as it is. */
  isDurable(path: string): boolean {
    return !this.#created.has(path) && this.#files.get(path)?.isDirty !== true
  }

  removeFile(path: string): void {
    this.changes++
    this.#files.delete(path)
    this.#created.delete(path)
  }

  fileNames(): string[] {
    return [...this.#files.keys()].sort()
  }

  /** Somebody sets the time at which the file was last written. */
  setTime(path: string, modifiedAt: number): void {
    const file = this.#files.get(path)!
    file.times = { ...this.#now(), modifiedAt }
  }

  /** Bit rot: one bit changes, and neither length nor times reveal it. */
  flipBit(path: string, offset: number, bit = 0): void {
    this.changes++
    const { inode, times } = this.#files.get(path)!
    const content = this.readFile(path)!
    content[offset]! ^= 1 << bit
    this.#files.set(path, MemoryFile.of(inode, content, times))
  }

  /** A bad sector: the bytes around this one cannot be read until they are written again. */
  spoil(path: string, offset: number): void {
    this.#files.get(path)!.spoil(Math.floor(offset / PAGE_BYTES))
  }

  /** Makes every such operation fail from now on, until called without a code. */
  setFault(operation: DiskOperation, code?: Extract<ErrorCode, `disk.${string}`>): void {
    if (code === undefined) this.#faults.delete(operation)
    else this.#faults.set(operation, new StorageError(code, `injected: ${operation} fails with ${code}`))
  }

  /** The process dies: what was under way is left undone, done, or half done; nothing is called back; locks are free. */
  kill(): void {
    this.#life++
    this.#openPayloads = 0
    for (const { cancel, work } of this.#pending) {
      cancel()
      work.onKill?.()
    }
    this.#pending.clear()
    this.#locks.clear()
  }

  /** The power fails: like `kill`, and a random part of what was not synced is lost, about this share of it. */
  crash(lossPercent: number = 50): void {
    this.kill()
    this.#boots++
    this.changes++
    for (const file of this.#files.values()) file.crash(this.#random, lossPercent)
    for (const path of this.#created) if (this.#random.int(2) === 0) this.#files.delete(path)
    this.#created.clear()
  }

  // What follows serves MemoryPayload.

  /** How many processes have died. */
  get life(): number {
    return this.#life
  }

  get boot(): string {
    return `boot ${this.#boots}`
  }

  /** Runs `effect` when the device gets to it. */
  run(work: DeviceWork, effect: () => void): void {
    const now = this.#clock.now()
    const duration = (1000 * work.bytes) / this.bytesPerSecond
    this.#finishesAt = Math.max(this.#finishesAt, now + this.latencyMs) + duration
    const pending: Pending = {
      cancel: this.#clock.after(this.#finishesAt - now, () => {
        this.#pending.delete(pending)
        effect()
      }),
      work,
    }
    this.#pending.add(pending)
  }

  /** When it will have done everything it was asked so far. */
  get idleAt(): Millis {
    return this.#finishesAt
  }

  faultOf(operation: DiskOperation): StorageError | undefined {
    return this.#faults.get(operation)
  }

  chance(below: number): number {
    return this.#random.int(below)
  }

  sha1(data: Uint8Array): Uint8Array {
    return this.#hashes.sha1(data)
  }

  stat(path: string | undefined): FileStat | undefined {
    const file = path !== undefined && this.#files.get(path)
    return file ? { length: file.length, ...file.times, attributes: '', inode: file.inode } : undefined
  }

  readSpans(spans: readonly PathSpan[], into: Uint8Array): StorageError | undefined {
    const spoilt = spans.find(
      ({ path, offset, length }) => path && this.#files.get(path)?.isReadable(offset, length) === false,
    )
    const badSector = spoilt && new StorageError('disk.io', `${spoilt.path}: a bad sector`)
    return this.faultOf('read') ?? badSector ?? this.peek(spans, into)
  }

  /** What is stored now, even if reading it would fail. */
  peek(spans: readonly PathSpan[], into: Uint8Array): StorageError | undefined {
    let at = 0
    for (const { path, offset, length } of spans) {
      const part = into.subarray(at, at + length)
      at += length
      if (path === undefined) {
        part.fill(0)
        continue
      }
      const file = this.#files.get(path)
      if (file === undefined) return new StorageError('disk.missing', `${path} is not there`)
      if (offset + length > file.length)
        return new StorageError('disk.wrong-size', `${path} ends after ${file.length} bytes`)
      file.read(offset, part)
    }
    return undefined
  }

  writeSpans(spans: readonly PathSpan[], data: Uint8Array): StorageError | undefined {
    const fault = this.faultOf('write')
    if (fault !== undefined) return fault
    let at = 0
    for (const { path, offset, length } of spans) {
      const part = data.subarray(at, at + length)
      at += length
      if (path === undefined) continue
      const file = this.#files.get(path)
      if (file === undefined) return new StorageError('disk.missing', `${path} is not there`)
      const grows = file.newPages(offset, length) * PAGE_BYTES
      if (grows > this.freeBytes) return new StorageError('disk.full', `no space left for ${path}`)
      this.freeBytes -= grows
      this.changes++
      file.write(offset, part)
      file.times = this.#now()
    }
    return undefined
  }

  /** Atomic and durable at once. */
  replaceFile(path: string, content: Uint8Array): StorageError | undefined {
    const fault = this.faultOf('write')
    if (fault !== undefined) return fault
    if (content.length > this.freeBytes) return new StorageError('disk.full', `no space left for ${path}`)
    this.writeFile(path, content)
    return undefined
  }

  syncFiles(paths: readonly (string | undefined)[]): StorageError | undefined {
    const fault = this.faultOf('sync')
    if (fault !== undefined) return fault
    for (const path of paths) {
      if (path === undefined) continue
      this.#files.get(path)?.sync()
      this.#created.delete(path)
    }
    return undefined
  }

  unlock(path: string): void {
    this.#locks.delete(path)
  }

  onPayloadClosed(): void {
    this.#openPayloads--
  }

  /** Reads and hashes piece after piece; `onDigest` may end it with an error. */
  hashPieces(
    map: FileMap,
    pieces: readonly number[],
    {
      onDigest,
      done,
    }: {
      onDigest: (piece: number, sha1: Uint8Array | StorageError) => StorageError | undefined
      done: (error?: StorageError) => void
    },
  ): Cancel {
    let isCancelled = false
    const next = (at: number): void => {
      const piece = pieces[at]
      const length = piece === undefined ? 0 : map.geometry.lengthOf(piece)
      this.run({ bytes: length }, () => {
        if (isCancelled) return
        if (piece === undefined) return done()
        const data = new Uint8Array(length)
        const error = onDigest(piece, this.readSpans(map.spans(piece, 0, length), data) ?? this.sha1(data))
        if (error !== undefined) done(error)
        else if (!isCancelled) next(at + 1)
      })
    }
    next(0)
    return () => {
      isCancelled = true
    }
  }

  /** Creates the file if there is none, not durably, and gives it this length. */
  resize(path: string, length: number): void {
    this.changes++
    const file = this.#files.get(path)
    if (file === undefined) {
      this.#files.set(path, new MemoryFile(this.#newInode(), length, this.#now()))
      this.#created.add(path)
    } else if (file.length !== length) {
      if (length < file.length) file.cut(length)
      file.length = length
      file.times = this.#now()
    }
  }

  /** Of a file that is written to now. */
  #now(): FileTimes {
    const now = this.#clock.wallNow()
    return { modifiedAt: now, changedAt: now }
  }

  #newInode(): string {
    return String(++this.#inodes)
  }

  #open(map: FileMap, digests: Uint8Array, mode: OpenMode): Payload | StorageError {
    const fault = this.faultOf('open')
    if (fault !== undefined) return fault
    if (mode === 'download' && this.#locks.has(map.lockPath))
      return new StorageError('disk.locked', `${map.root} is being downloaded by this process`)
    const found = Array.from({ length: map.fileCount }, (_, file) => this.stat(map.pathOf(file)))
    const refusal = mode === 'seed' ? map.refuseToSeed(found) : undefined
    if (refusal !== undefined) return refusal
    if (mode === 'download') this.#locks.add(map.lockPath)
    this.#openPayloads++
    return new MemoryPayload({ disk: this, map, digests, mode, found })
  }
}
