/**
 * Piece buffers that are used again while they are warm. They lie in SharedArrayBuffers, so that a worker hashes
 * and writes one while this thread serves it, without a copy. The first user releases what it acquired; anybody who keeps
 * a buffer longer retains it. Memory that is not reused waits for the garbage collector, so steady work should
 * acquire few different lengths.
 */
import { InvariantError } from '../protocol/errors.ts'
import type { CopyBytes } from '../protocol/ports.ts'

/** Bytes kept for reuse when nobody holds them; a single buffer is kept even when it is longer. */
const MAX_IDLE_BYTES = 32 * 2 ** 20

/** A reference-counted lease on pooled bytes. Once the count is zero, `bytes` must not be used. */
export class PieceBuffer {
  readonly bytes: Uint8Array
  /** Gives up one hold. Bound, so that it can be passed as a callback. */
  readonly release: () => void
  readonly #copy: CopyBytes
  #holds = 1

  constructor(bytes: Uint8Array, copy: CopyBytes, onFree: (bytes: Uint8Array) => void) {
    this.bytes = bytes
    this.#copy = copy
    this.release = (): void => {
      if (this.#holds <= 0)
        throw new InvariantError('a piece buffer was released more often than it was held')
      if (--this.#holds === 0) onFree(bytes)
    }
  }

  /** Copies `source` in, from byte `at` on. */
  write(at: number, source: Uint8Array): void {
    this.#copy(source, this.bytes, at)
  }

  /** Adds a hold, which needs a `release` of its own. */
  retain(): this {
    if (this.#holds <= 0) throw new InvariantError('a piece buffer was retained after its last release')
    this.#holds++
    return this
  }
}

export interface BufferPoolOptions {
  /** For blocks on their way into shared memory. */
  readonly copy?: CopyBytes
  readonly maxIdleBytes?: number
}

export class BufferPool {
  readonly #copy: CopyBytes
  readonly #maxIdleBytes: number
  /** By length; the least recently freed length comes first. No list is empty. */
  readonly #idle = new Map<number, Uint8Array[]>()
  #idleBytes = 0
  #outstandingBytes = 0

  constructor({ copy = set, maxIdleBytes = MAX_IDLE_BYTES }: BufferPoolOptions = {}) {
    this.#copy = copy
    this.#maxIdleBytes = maxIdleBytes
  }

  /** Bytes in leases. */
  get outstandingBytes(): number {
    return this.#outstandingBytes
  }

  /** Bytes kept for reuse. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  /** A buffer of exactly `length` bytes with arbitrary content, held once. */
  acquire(length: number): PieceBuffer {
    this.#outstandingBytes += length
    const bytes = this.#takeIdle(length) ?? new Uint8Array(new SharedArrayBuffer(length))
    return new PieceBuffer(bytes, this.#copy, this.#onFree)
  }

  readonly #onFree = (bytes: Uint8Array): void => {
    this.#outstandingBytes -= bytes.length
    while (this.#idleBytes > 0 && this.#idleBytes + bytes.length > this.#maxIdleBytes) {
      const [oldest] = this.#idle.keys()
      this.#takeIdle(oldest!)
    }
    const same = this.#idle.get(bytes.length) ?? []
    same.push(bytes)
    this.#idle.delete(bytes.length)
    this.#idle.set(bytes.length, same)
    this.#idleBytes += bytes.length
  }

  #takeIdle(length: number): Uint8Array | undefined {
    const same = this.#idle.get(length)
    const bytes = same?.pop()
    if (bytes === undefined) return undefined
    if (same!.length === 0) this.#idle.delete(length)
    this.#idleBytes -= length
    return bytes
  }
}

/** The language's own copy: correct everywhere, but slow into shared memory. */
function set(source: Uint8Array, target: Uint8Array, at: number): void {
  target.set(source, at)
}
