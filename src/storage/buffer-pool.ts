/**
 * Piece buffers that are used again while they are warm. They lie in SharedArrayBuffers, so that a worker hashes
 * and writes one while this thread serves it, without a copy. The first user releases what it acquired; who keeps
 * a buffer longer retains it. Memory that is not reused waits for the garbage collector, so steady work should
 * acquire few different lengths.
 */
import { InvariantError } from '../protocol/errors.ts'

/** Bytes kept for reuse when nobody holds them; a single buffer is kept even when it is longer. */
export const MAX_IDLE_BYTES = 8 * 2 ** 20

/**
 * Copies pass through here, 16 KiB at a time. V8 copies into shared memory byte by byte, at 1.3 GB/s, unless both sides
 * are aligned alike, and a block behind its 13-byte header never is. The way through this aligned scratch, which stays in
 * the first-level cache, makes it 5.5 GB/s.
 */
const scratch = new Uint8Array(16_384)

/** A counted lease on pooled bytes. Whoever sees a count of zero must not look at `bytes` again. */
export class PieceBuffer {
  readonly bytes: Uint8Array
  /** Gives up one hold. Bound, so that it can be handed on as a callback. */
  readonly release: () => void
  #holds = 1

  constructor(bytes: Uint8Array, onFree: (bytes: Uint8Array) => void) {
    this.bytes = bytes
    this.release = (): void => {
      if (this.#holds <= 0)
        throw new InvariantError('a piece buffer was released more often than it was held')
      if (--this.#holds === 0) onFree(bytes)
    }
  }

  /** Copies `source` in, from byte `at` on. */
  write(at: number, source: Uint8Array): void {
    for (let done = 0; done < source.length; done += scratch.length) {
      const part = source.subarray(done, done + scratch.length)
      scratch.set(part)
      this.bytes.set(scratch.subarray(0, part.length), at + done)
    }
  }

  /** Adds a hold, which needs a `release` of its own. */
  retain(): this {
    if (this.#holds <= 0) throw new InvariantError('a piece buffer was retained after its last release')
    this.#holds++
    return this
  }
}

export class BufferPool {
  readonly #maxIdleBytes: number
  /** By length; the least recently freed length comes first. No list is empty. */
  readonly #idle = new Map<number, Uint8Array[]>()
  #idleBytes = 0
  #outstandingBytes = 0

  constructor(maxIdleBytes: number = MAX_IDLE_BYTES) {
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
    return new PieceBuffer(bytes, this.#onFree)
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
