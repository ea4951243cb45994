/**
 * Serves blocks from memory: a bounded, least-recently-used set of pieces in front of {@link Payload.read}.
 *
 * The unit of reading is the whole piece, or an aligned window of it when the piece is longer than
 * {@link MAX_WINDOW_BYTES}: few large reads cost half of many small ones, while too large ones push out what other
 * peers are still fetching. Neighbours that are asked for together are read together, each into a buffer of its own. Reading
 * ahead is earned: who asks for a single block in the midst of a window gets that block read, until a second one is asked for, since
 * blocks at random would cost a window each. Who asks for less than a block is not downloading (BEP 3) and never earns it.
 * A piece that was just written lies here whole, in the buffer it was assembled in.
 *
 * A block that was handed out pins its buffer: evicted or not, the memory is not reused before its release.
 */
import { LRUCache } from 'lru-cache'
import type { StorageError } from '../protocol/errors.ts'
import { BLOCK_LENGTH, type PieceGeometry } from '../metainfo/geometry.ts'
import { PieceBuffer, type BufferPool } from './buffer-pool.ts'
import type { Payload } from './disk.ts'

/** Bytes of cached pieces, unless told otherwise. */
export const CACHE_BYTES = 32 * 2 ** 20
/** Bytes of them for each peer that may ask for more. Memory that nobody will read again had better stay in use and warm. */
export const CACHE_BYTES_PER_READER = 8 * 2 ** 20
/** The most that is read because one block of it is wanted: 50 peers' windows must fit into the cache. */
export const MAX_WINDOW_BYTES = 512 * 1024
/** The longest single read, of several windows that are wanted: each costs the wake of a thread. */
export const MAX_READ_BYTES = 2 ** 20
/** Reads under way at once: the threads that Node's pool has. */
export const MAX_READS_IN_FLIGHT = 4
/** Windows of which a single block was read: a second one, before so many others, has the window read. */
export const MAX_GLIMPSED_WINDOWS = 64
/** Blocks that may wait for reads. */
export const MAX_WAITING_BLOCKS = 4096

/** Bytes of the payload, unchanged until `release` is called, which must happen exactly once. */
export interface CachedBlock {
  readonly bytes: Uint8Array
  /** What stays in memory until then: all that was read together. */
  readonly pinnedBytes: number
  readonly release: () => void
}

export type OnBlock = (block: CachedBlock | StorageError) => void

export interface PieceCacheOptions {
  readonly payload: Pick<Payload, 'read'>
  readonly geometry: PieceGeometry
  readonly pool: BufferPool
  readonly maxBytes?: number
}

/** A read that is queued or under way, with everybody who waits for it. */
interface Miss {
  /** Where the result goes in the cache; undefined for a range that lies in no single window. */
  readonly key: number | undefined
  readonly piece: number
  /** First byte within the piece, and how many. */
  readonly begin: number
  readonly length: number
  readonly waiters: { readonly begin: number; readonly length: number; readonly onBlock: OnBlock }[]
  /** It was part of a longer read that failed: who is to blame is found one by one. */
  isAlone: boolean
}

export class PieceCache {
  readonly #payload: Pick<Payload, 'read'>
  readonly #geometry: PieceGeometry
  readonly #pool: BufferPool
  readonly #maxBytes: number
  /** Keys of one piece: the first stands for the whole piece, the others for its windows. */
  readonly #keysPerPiece: number
  readonly #buffers: LRUCache<number, PieceBuffer>
  /** Bytes that there is room for now: {@link readers} decide. */
  #room: number
  /** Keys of windows of which a single block was read. */
  readonly #glimpsed = new LRUCache<number, true>({ max: MAX_GLIMPSED_WINDOWS })
  readonly #misses = new Map<number, Miss>()
  readonly #queue: Miss[] = []
  #inFlight = 0
  #waiting = 0
  #isClosed = false

  constructor({ payload, geometry, pool, maxBytes = CACHE_BYTES }: PieceCacheOptions) {
    this.#payload = payload
    this.#geometry = geometry
    this.#pool = pool
    this.#maxBytes = maxBytes
    this.#keysPerPiece = 1 + Math.ceil(geometry.pieceLength / MAX_WINDOW_BYTES)
    this.#room = maxBytes
    this.#buffers = new LRUCache<number, PieceBuffer>({
      maxSize: maxBytes,
      sizeCalculation: (buffer) => buffer.bytes.length,
      dispose: (buffer) => buffer.release(),
    })
  }

  /** How many peers may ask for blocks. Until the first word of it, as many as the whole cache is for. */
  set readers(count: number) {
    this.#room = Math.min(this.#maxBytes, Math.max(1, count) * CACHE_BYTES_PER_READER)
    this.#evict()
  }

  /** Bytes held for serving. */
  get bytes(): number {
    return this.#buffers.calculatedSize
  }

  /** Keeps a whole piece that is known to be good; adds a hold of its own to `buffer`. */
  add(piece: number, buffer: PieceBuffer): void {
    if (!this.#isClosed) this.#keep(this.#keyOf(piece), buffer)
  }

  /**
   * Fetches a range that lies inside one piece. A hit calls `onBlock` before this returns, a miss in a later turn, once
   * {@link startReads} was called. An asker that has gone by then still has to release the block. Nothing is called after
   * `close`.
   *
   * @returns false when too many blocks wait already: nothing will be called, ask again later
   */
  read(piece: number, begin: number, length: number, onBlock: OnBlock): boolean {
    const whole = this.#buffers.get(this.#keyOf(piece))
    if (whole !== undefined) {
      onBlock(lend(whole, begin, length))
      return true
    }
    const window = Math.floor(begin / MAX_WINDOW_BYTES)
    const windowBegin = window * MAX_WINDOW_BYTES
    const windowLength = Math.min(MAX_WINDOW_BYTES, this.#geometry.lengthOf(piece) - windowBegin)
    const isInWindow = begin + length <= windowBegin + windowLength
    const key = this.#keyOf(piece) + (windowLength === this.#geometry.lengthOf(piece) ? 0 : 1 + window)
    const cached = isInWindow ? this.#buffers.get(key) : undefined
    if (cached !== undefined) {
      onBlock(lend(cached, begin - windowBegin, length))
      return true
    }
    if (this.#isClosed || this.#waiting >= MAX_WAITING_BLOCKS) return false
    this.#waiting++
    const waiter = { begin, length, onBlock }
    const underWay = isInWindow ? this.#misses.get(key) : undefined
    if (underWay !== undefined) underWay.waiters.push(waiter)
    else if (isInWindow && this.#isReadWhole(key, { begin: begin - windowBegin, length, windowLength }))
      this.#enqueue({
        key,
        piece,
        begin: windowBegin,
        length: windowLength,
        waiters: [waiter],
        isAlone: false,
      })
    else
      this.#enqueue({
        key: undefined,
        piece,
        ...this.#blocksOf(piece, waiter),
        waiters: [waiter],
        isAlone: false,
      })
    return true
  }

  /** Whether a range that lies in a window shows that the rest of it will be asked for, too. */
  #isReadWhole(
    key: number,
    {
      begin,
      length,
      windowLength,
    }: { readonly begin: number; readonly length: number; readonly windowLength: number },
  ): boolean {
    if (windowLength <= BLOCK_LENGTH) return true
    if (length !== BLOCK_LENGTH) return length > BLOCK_LENGTH
    if (begin === 0 || this.#glimpsed.delete(key)) return true
    this.#glimpsed.set(key, true)
    return false
  }

  /** The blocks that a range of a piece lies in. */
  #blocksOf(
    piece: number,
    range: { readonly begin: number; readonly length: number },
  ): Pick<Miss, 'begin' | 'length'> {
    const begin = range.begin - (range.begin % BLOCK_LENGTH)
    const end = Math.ceil((range.begin + range.length) / BLOCK_LENGTH) * BLOCK_LENGTH
    return { begin, length: Math.min(end, this.#geometry.lengthOf(piece)) - begin }
  }

  /** How much of a piece, from byte `begin` on, lies in one window: the most that one `read` should ask for. */
  windowFrom(begin: number): number {
    return MAX_WINDOW_BYTES - (begin % MAX_WINDOW_BYTES)
  }

  /** Reads what was asked for, as far as the disk is free. Whoever asks for several blocks calls it after the last. */
  startReads(): void {
    while (this.#inFlight < MAX_READS_IN_FLIGHT && this.#queue.length > 0) this.#start(this.#takeRun())
  }

  /** Forgets what is cached of a piece; blocks that are out stay valid. */
  forget(piece: number): void {
    const first = this.#keyOf(piece)
    for (let key = first; key < first + this.#keysPerPiece; key++) this.#buffers.delete(key)
  }

  /** Forgets what is cached of all pieces; blocks that are out stay valid. */
  clear(): void {
    this.#buffers.clear()
  }

  close(): void {
    this.#isClosed = true
    this.#queue.length = 0
    this.#misses.clear()
    this.clear()
  }

  #keep(key: number, buffer: PieceBuffer): void {
    if (buffer.bytes.length > this.#room) return
    this.#buffers.set(key, buffer.retain())
    this.#evict()
  }

  #evict(): void {
    while (this.#buffers.calculatedSize > this.#room) this.#buffers.pop()
  }

  #keyOf(piece: number): number {
    return piece * this.#keysPerPiece
  }

  #enqueue(miss: Miss): void {
    if (miss.key !== undefined) this.#misses.set(miss.key, miss)
    this.#queue.push(miss)
  }

  /** The miss that has waited longest, and those behind it in the queue as long as each goes on where the last one ends. */
  #takeRun(): Miss[] {
    const first = this.#queue.shift()!
    const run = [first]
    let bytes = first.length
    for (let last = first; !last.isAlone;) {
      const next = this.#queue[0]
      if (next === undefined || next.isAlone || bytes + next.length > MAX_READ_BYTES) break
      if (this.#placeOf(next) !== this.#placeOf(last) + last.length) break
      this.#queue.shift()
      run.push(next)
      bytes += next.length
      last = next
    }
    return run
  }

  /** Its first byte in the payload. */
  #placeOf({ piece, begin }: Miss): number {
    return piece * this.#geometry.pieceLength + begin
  }

  #start(run: readonly Miss[]): void {
    this.#inFlight++
    const { piece, begin } = run[0]!
    const buffers = run.map(({ length }) => this.#pool.acquire(length))
    const into = buffers.map(({ bytes }) => bytes)
    this.#payload.read(piece, begin, into, (error) => {
      this.#inFlight--
      if (error !== undefined && run.length > 1) this.#retryAlone(run)
      else for (const [index, miss] of run.entries()) this.#onRead(miss, error ?? buffers[index]!)
      for (const buffer of buffers) buffer.release()
      if (!this.#isClosed) this.startReads()
    })
  }

  #retryAlone(run: readonly Miss[]): void {
    if (this.#isClosed) return
    for (const miss of run) miss.isAlone = true
    this.#queue.unshift(...run)
  }

  #onRead({ key, begin, waiters }: Miss, result: PieceBuffer | StorageError): void {
    if (this.#isClosed) return
    this.#waiting -= waiters.length
    if (key !== undefined) {
      this.#misses.delete(key)
      if (result instanceof PieceBuffer) this.#keep(key, result)
    }
    for (const waiter of waiters) {
      // A waiter may close the cache, which leaves the rest unserved.
      if (this.#isClosed) return
      if (result instanceof PieceBuffer) waiter.onBlock(lend(result, waiter.begin - begin, waiter.length))
      else waiter.onBlock(result)
    }
  }
}

function lend(buffer: PieceBuffer, begin: number, length: number): CachedBlock {
  const bytes = buffer.bytes.subarray(begin, begin + length)
  return { bytes, pinnedBytes: buffer.bytes.length, release: buffer.retain().release }
}
