/** Piece buffers by key, as many as fit; the one that was least recently used goes first. Holds each that it keeps. */
import type { PieceBuffer } from './buffer-pool.ts'

export class RecentBuffers {
  /** Least recently used first. */
  readonly #buffers = new Map<number, PieceBuffer>()
  #bytes = 0
  #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes
  }

  set maxBytes(bytes: number) {
    this.#maxBytes = bytes
    this.#evict()
  }

  get(key: number): PieceBuffer | undefined {
    const buffer = this.#buffers.get(key)
    if (buffer === undefined) return undefined
    this.#buffers.delete(key)
    this.#buffers.set(key, buffer)
    return buffer
  }

  /** Takes the place of what had this key. One that is longer than all there is room for is not kept. */
  add(key: number, buffer: PieceBuffer): void {
    this.#remove(key)
    this.#buffers.set(key, buffer.retain())
    this.#bytes += buffer.bytes.length
    this.#evict()
  }

  clear(): void {
    for (const key of [...this.#buffers.keys()]) this.#remove(key)
  }

  #evict(): void {
    for (const key of this.#buffers.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.#remove(key)
    }
  }

  #remove(key: number): void {
    const buffer = this.#buffers.get(key)
    if (buffer === undefined) return
    this.#buffers.delete(key)
    this.#bytes -= buffer.bytes.length
    buffer.release()
  }
}
