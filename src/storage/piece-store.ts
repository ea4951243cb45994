/**
 * Assembles blocks into pieces and has them hashed and written.
 *
 *     put ──last block──▶ commit ──written──▶ cache
 *                         │    ▲
 *                    disk error └── one probe after a growing delay
 *
 * Complete pieces that are not written yet count as unwritten bytes: above the high-water mark `isCongested` is true
 * and the swarm pauses its sockets until `onDrain`. That also bounds what a failing disk can make us keep.
 *
 * After a failure that may pass (full disk, I/O error, a worker that died) the store is stalled: complete pieces wait in
 * memory and a single one is tried again until it succeeds. Others (no permission, file gone) are given up at once.
 */
import { InvariantError, StorageError } from '../protocol/errors.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { Cancel, Clock, Emit, Millis } from '../protocol/ports.ts'
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { BufferPool, PieceBuffer } from './buffer-pool.ts'
import type { Payload, Verdict } from './disk.ts'
import type { StorageEvent } from './events.ts'
import type { PieceCache } from './piece-cache.ts'

/** Unwritten bytes above which the store is congested, and at which it has drained. */
export const HIGH_WATER_BYTES = 16 * 2 ** 20
export const LOW_WATER_BYTES = 8 * 2 ** 20
/** The wait before the first retry of a failed write, doubled up to the longest. */
export const FIRST_RETRY_MS: Millis = 1_000
export const LONGEST_RETRY_MS: Millis = 60_000
/** Failed tries in a row after which an I/O error, or a worker that dies, is taken as lasting. A full disk is waited for without end. */
export const MAX_IO_TRIES = 6

export interface PieceStoreOptions {
  readonly payload: Pick<Payload, 'commit'>
  readonly geometry: PieceGeometry
  readonly pool: BufferPool
  readonly cache: Pick<PieceCache, 'add'>
  readonly clock: Clock
  readonly emit: Emit<StorageEvent>
  /**
   * The fate of a complete piece, once per completion. `bytes` is what was hashed, valid during the call. A
   * `StorageError` is final: the piece is dropped and may be assembled again.
   */
  readonly onPiece: (piece: number, result: Verdict | StorageError, bytes: Uint8Array) => void
  /** The store was congested and is no longer. */
  readonly onDrain: () => void
}

interface Assembling {
  readonly buffer: PieceBuffer
  missingBytes: number
}

interface CompletePiece {
  readonly piece: number
  readonly buffer: PieceBuffer
}

/** Writing has failed and waits for a retry, or for the verdict on one. */
interface Stall {
  readonly since: Millis
  /** The latest one. */
  error: StorageError
  tries: number
  cancelRetry: Cancel | undefined
  probe: CompletePiece | undefined
}

export class PieceStore {
  readonly #options: PieceStoreOptions
  readonly #assembling = new Map<number, Assembling>()
  /** Complete pieces that wait for the end of the stall. */
  readonly #kept: CompletePiece[] = []
  /** Complete pieces, kept or being committed. */
  readonly #unwritten = new Set<number>()
  #unwrittenBytes = 0
  #stall: Stall | undefined
  #isCongested = false
  #isClosed = false

  constructor(options: PieceStoreOptions) {
    this.#options = options
  }

  /** Take in no more blocks until `onDrain`. */
  get isCongested(): boolean {
    return this.#isCongested
  }

  /** The disk refuses writes for now: it makes no sense to request more. */
  get isStalled(): boolean {
    return this.#stall !== undefined
  }

  /** Why, while it does. */
  get stalledBy(): StorageError | undefined {
    return this.#stall?.error
  }

  /**
   * Copies a block into its piece; the last missing one starts the commit. The caller has checked the range and puts
   * each block of a piece once between two fates of that piece.
   */
  put(piece: number, begin: number, block: Uint8Array): void {
    if (this.#isClosed) return
    let assembling = this.#assembling.get(piece)
    if (assembling === undefined) {
      if (this.#unwritten.has(piece)) throw new InvariantError(`a block of piece ${piece}, which is complete`)
      const length = this.#options.geometry.lengthOf(piece)
      assembling = { buffer: this.#options.pool.acquire(length), missingBytes: length }
      this.#assembling.set(piece, assembling)
    }
    assembling.buffer.write(begin, block)
    assembling.missingBytes -= block.length
    if (assembling.missingBytes > 0) return
    this.#assembling.delete(piece)
    this.#onComplete({ piece, buffer: assembling.buffer })
  }

  /** Blocks of a piece that is not complete are of no use, so many bytes in all: each is put again. */
  unput(piece: number, bytes: number): void {
    const assembling = this.#assembling.get(piece)
    if (assembling !== undefined) assembling.missingBytes += bytes
  }

  /** Throws away the blocks of a piece that is not complete. */
  discard(piece: number): void {
    this.#assembling.get(piece)?.buffer.release()
    this.#assembling.delete(piece)
  }

  /** Drops everything that is not being committed. Nothing is called back afterwards. */
  close(): void {
    this.#isClosed = true
    this.#stall?.cancelRetry?.()
    for (const { buffer } of this.#assembling.values()) buffer.release()
    for (const { buffer } of this.#kept) buffer.release()
    this.#assembling.clear()
    this.#kept.length = 0
  }

  #onComplete(complete: CompletePiece): void {
    this.#unwritten.add(complete.piece)
    this.#unwrittenBytes += complete.buffer.bytes.length
    if (this.#unwrittenBytes > HIGH_WATER_BYTES) this.#isCongested = true
    if (this.#stall === undefined) this.#commit(complete)
    else this.#kept.push(complete)
  }

  #commit(complete: CompletePiece): void {
    const { piece, buffer } = complete
    this.#options.payload.commit(piece, buffer.bytes, (result) => {
      if (this.#isClosed) buffer.release()
      else if (!(result instanceof StorageError)) this.#onFate(complete, result)
      else if (isRetryable(result.code)) this.#onFailed(complete, result)
      else {
        this.#options.emit({ event: 'disk_error', code: result.code, message: result.message })
        this.#onFate(complete, result)
      }
    })
  }

  #onFate(complete: CompletePiece, result: Verdict | StorageError): void {
    const { piece, buffer } = complete
    this.#unwritten.delete(piece)
    this.#unwrittenBytes -= buffer.bytes.length
    if (result === 'written') this.#options.cache.add(piece, buffer)
    if (this.#stall?.probe === complete) this.#onProbed(this.#stall, result)
    this.#options.onPiece(piece, result, buffer.bytes)
    buffer.release()
    if (this.#isClosed || !this.#isCongested || this.#unwrittenBytes > LOW_WATER_BYTES) return
    this.#isCongested = false
    this.#options.onDrain()
  }

  #onFailed(complete: CompletePiece, error: StorageError): void {
    const stall = (this.#stall ??= {
      since: this.#options.clock.now(),
      error,
      tries: 0,
      cancelRetry: undefined,
      probe: undefined,
    })
    this.#kept.unshift(complete)
    // What was under way when the first write failed mostly fails too: one report and one retry serve them all.
    if (stall.cancelRetry !== undefined || (stall.probe !== undefined && stall.probe !== complete)) return
    stall.probe = undefined
    stall.error = error
    stall.tries++
    if (error.code !== 'disk.full' && stall.tries >= MAX_IO_TRIES) this.#giveUp(error)
    else this.#scheduleRetry(stall, error)
  }

  #scheduleRetry(stall: Stall, { code, message }: StorageError): void {
    const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (stall.tries - 1))
    this.#options.emit({ event: 'disk_error', code, message, retrySeconds: delay / 1000 })
    stall.cancelRetry = this.#options.clock.after(delay, () => {
      stall.cancelRetry = undefined
      this.#probe(stall)
    })
  }

  #probe(stall: Stall): void {
    stall.probe = this.#kept.shift()
    if (stall.probe === undefined) this.#stall = undefined
    else this.#commit(stall.probe)
  }

  /** A corrupt piece was not written, so it says nothing of the disk: the next one is tried. */
  #onProbed(stall: Stall, result: Verdict | StorageError): void {
    if (result === 'corrupt') return this.#probe(stall)
    this.#stall = undefined
    if (result === 'written') {
      const stalledSeconds = Math.round(this.#options.clock.now() - stall.since) / 1000
      this.#options.emit({ event: 'disk_recovered', stalledSeconds })
    }
    for (const complete of this.#kept.splice(0)) this.#commit(complete)
  }

  #giveUp(error: StorageError): void {
    this.#stall = undefined
    this.#options.emit({ event: 'disk_error', code: error.code, message: error.message })
    for (const complete of this.#kept.splice(0)) {
      if (this.#isClosed) complete.buffer.release()
      else this.#onFate(complete, error)
    }
  }
}

/**
 * Whether trying again may help: space can be freed, an I/O error can be a cable or a busy device, and a worker that died may
 * have died of what another torrent had it do.
 */
function isRetryable(code: ErrorCode): boolean {
  return code === 'disk.full' || code === 'disk.io' || code === 'disk.worker'
}
