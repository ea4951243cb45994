/** A file in memory that knows what a power cut would leave of it. Sparse, in pages, which share content until written. */
import type { Random } from '../protocol/ports.ts'
import type { FileStat } from './disk.ts'

/** Bytes that reach the platter entirely or not at all. */
export const PAGE_BYTES = 16_384

export type FileTimes = Pick<FileStat, 'modifiedAt' | 'changedAt'>

export class MemoryFile {
  readonly inode: string
  length: number
  times: FileTimes
  /** Written pages; the others read as zeros. */
  readonly #pages = new Map<number, Uint8Array>()
  /** Pages that cannot be read until they are written anew. */
  readonly #bad = new Set<number>()
  /** What the pages written since the last sync were before. */
  readonly #durable = new Map<number, Uint8Array | undefined>()
  /** As of the last sync. */
  #durableLength = 0
  #durableTimes: FileTimes

  /** A new file, none of which is durable. */
  constructor(inode: string, length: number, times: FileTimes) {
    this.inode = inode
    this.length = length
    this.times = times
    this.#durableTimes = times
  }

  /** A durable file with this content, which must not change: it is not copied. */
  static of(inode: string, content: Uint8Array, times: FileTimes): MemoryFile {
    const file = new MemoryFile(inode, content.length, times)
    file.#durableLength = content.length
    for (let at = 0; at < content.length; at += PAGE_BYTES)
      file.#pages.set(at / PAGE_BYTES, content.subarray(at, at + PAGE_BYTES))
    return file
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
      this.#bad.delete(page)
      if (!this.#durable.has(page)) this.#durable.set(page, before)
    })
    this.length = Math.max(this.length, offset + data.length)
  }

  /** Makes the file shorter at once and for good. */
  cut(length: number): void {
    this.length = length
    this.#durableLength = Math.min(this.#durableLength, length)
    this.#dropPagesBehind(length)
  }

  /** Makes a page unreadable. */
  spoil(page: number): void {
    this.#bad.add(page)
  }

  isReadable(offset: number, length: number): boolean {
    if (this.#bad.size === 0) return true
    let isReadable = true
    forEachPage(offset, length, (page) => (isReadable &&= !this.#bad.has(page)))
    return isReadable
  }

  sync(): void {
    this.#durable.clear()
    this.#durableLength = this.length
    this.#durableTimes = this.times
  }

  /** The power fails: each unsynced page, the times and the length randomly keep their old or new state. */
  crash(random: Random, lossPercent: number): void {
    for (const [page, before] of this.#durable) {
      if (random.int(100) >= lossPercent) continue
      if (before === undefined) this.#pages.delete(page)
      else this.#pages.set(page, before)
    }
    if (this.times !== this.#durableTimes && random.int(2) === 0) this.times = this.#durableTimes
    if (this.length !== this.#durableLength && random.int(2) === 0) this.length = this.#durableLength
    this.#dropPagesBehind(this.length)
    this.sync()
  }

  #dropPagesBehind(length: number): void {
    for (const page of this.#pages.keys()) if (page * PAGE_BYTES >= length) this.#pages.delete(page)
    const last = this.#pages.get(Math.floor(length / PAGE_BYTES))
    if (last !== undefined)
      this.#pages.set(Math.floor(length / PAGE_BYTES), last.slice(0, length % PAGE_BYTES))
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
