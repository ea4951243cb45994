/** A file in memory that knows what a power cut would leave of it. Sparse, in pages; content is shared until written. */
import type { Random } from '../protocol/ports.ts'

/** What reaches the platter whole or not at all. */
export const PAGE_BYTES = 16_384

export class MemoryFile {
  readonly inode: string
  length: number
  /** Unix milliseconds. */
  modifiedAt: number
  /** Written pages; the others read as zeros. */
  readonly #pages = new Map<number, Uint8Array>()
  /** What the pages written since the last sync were before. */
  readonly #durable = new Map<number, Uint8Array | undefined>()

  constructor(inode: string, length: number, modifiedAt: number) {
    this.inode = inode
    this.length = length
    this.modifiedAt = modifiedAt
  }

  /** A durable file with this content, which must not change: it is not copied. */
  static of(inode: string, content: Uint8Array, modifiedAt: number): MemoryFile {
    const file = new MemoryFile(inode, content.length, modifiedAt)
    for (let at = 0; at < content.length; at += PAGE_BYTES)
      file.#pages.set(at / PAGE_BYTES, content.subarray(at, at + PAGE_BYTES))
    return file
  }

  get pageCount(): number {
    return this.#pages.size
  }

  /** Whether bytes have been written since the last sync. */
  get isDirty(): boolean {
    return this.#durable.size > 0
  }

  /** Pages that a write there would newly take up. */
  newPages(offset: number, length: number): number {
    let count = 0
    for (let page = Math.floor(offset / PAGE_BYTES); page * PAGE_BYTES < offset + length; page++)
      if (!this.#pages.has(page)) count++
    return count
  }

  read(offset: number, into: Uint8Array): void {
    into.fill(0)
    forEachPage(offset, into.length, (page, within, at, length) => {
      const content = this.#pages.get(page)?.subarray(within, within + length)
      if (content !== undefined) into.set(content, at)
    })
  }

  write(offset: number, data: Uint8Array): void {
    forEachPage(offset, data.length, (page, within, at, length) => {
      const before = this.#pages.get(page)
      const after = new Uint8Array(PAGE_BYTES)
      if (before !== undefined) after.set(before)
      after.set(data.subarray(at, at + length), within)
      this.#pages.set(page, after)
      if (!this.#durable.has(page)) this.#durable.set(page, before)
    })
    this.length = Math.max(this.length, offset + data.length)
  }

  sync(): void {
    this.#durable.clear()
  }

  /** The power fails: each page that was not synced is as it was before or as it was written, by chance. */
  crash(random: Random): void {
    for (const [page, before] of this.#durable) {
      if (random.int(2) === 0) continue
      if (before === undefined) this.#pages.delete(page)
      else this.#pages.set(page, before)
    }
    this.#durable.clear()
  }
}

/** Cuts a range at page borders. */
function forEachPage(
  offset: number,
  length: number,
  visit: (page: number, within: number, at: number, length: number) => void,
): void {
  for (let at = 0; at < length;) {
    const page = Math.floor((offset + at) / PAGE_BYTES)
    const within = offset + at - page * PAGE_BYTES
    const here = Math.min(PAGE_BYTES - within, length - at)
    visit(page, within, at, here)
    at += here
  }
}
