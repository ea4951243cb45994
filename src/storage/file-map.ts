/**
 * Where the bytes of a payload are: piece ranges as spans of named files, and the files beside the payload. Names
 * only: whether their components are safe was checked when the metainfo was read, and whether a symlink leads out of the
 * folder is checked where files are opened (`fs/safe-path.ts`).
 */
import { StorageError } from '../protocol/errors.ts'
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { FileStat, PayloadPlan } from './disk.ts'

/** The longest name that file systems take is 255 bytes; a longer payload name is cut to leave room for our suffix. */
const MAX_STEM_BYTES = 200

/** A run of bytes in a named file. */
export interface PathSpan {
  /** Undefined for padding: zeros that are neither written nor read (BEP 47). */
  readonly path: string | undefined
  /** Bytes from the file's first byte. */
  readonly offset: number
  readonly length: number
}

export class FileMap {
  readonly geometry: PieceGeometry
  /** The payload's file or folder, without trailing separators. */
  readonly root: string
  readonly isSingleFile: boolean

  constructor({ path, isSingleFile, geometry }: Omit<PayloadPlan, 'digests'>) {
    this.root = path.replace(/(?<=.)\/+$/, '')
    this.isSingleFile = isSingleFile
    this.geometry = geometry
  }

  get fileCount(): number {
    return this.geometry.files.length
  }

  /** Undefined for padding (BEP 47), which has a place in the payload but none on disk. */
  pathOf(file: number): string | undefined {
    const { path, isPadding } = this.geometry.files[file]!
    if (isPadding) return undefined
    return this.isSingleFile ? this.root : `${this.root}/${path.join('/')}`
  }

  lengthOf(file: number): number {
    return this.geometry.files[file]!.length
  }

  /** The named parts of files that hold `length` bytes from `begin` of `piece`, in order. */
  spans(piece: number, begin: number, length: number): PathSpan[] {
    return this.geometry
      .spans(piece, begin, length)
      .map((span) => ({ path: this.pathOf(span.file), offset: span.offset, length: span.length }))
  }

  get lockPath(): string {
    return beside(this.root, 'lock')
  }

  get resumePath(): string {
    return beside(this.root, 'resume')
  }

  get notesPath(): string {
    return beside(this.root, 'notes')
  }

  /** @returns why the existing files cannot be served, or undefined */
  refuseToSeed(found: readonly (FileStat | undefined)[]): StorageError | undefined {
    const amiss = [...found.keys()].filter(
      (file) => this.pathOf(file) !== undefined && found[file]?.length !== this.lengthOf(file),
    )
    const [first] = amiss
    if (first === undefined) return undefined
    const stat = found[first]
    const others = othersAmiss(amiss.length - 1)
    return stat === undefined
      ? new StorageError('disk.missing', `${this.pathOf(first)} is not there${others}`)
      : this.#wrongSize(first, stat.length, others)
  }

  /** @returns why the existing files cannot be written to without truncating one, or undefined */
  refuseToWrite(found: readonly (FileStat | undefined)[]): StorageError | undefined {
    for (const [file, stat] of found.entries())
      if (stat !== undefined && stat.length > this.lengthOf(file)) return this.#wrongSize(file, stat.length)
    return undefined
  }

  #wrongSize(file: number, length: number, others = ''): StorageError {
    const message = `${this.pathOf(file)} has ${length} bytes, the metainfo says ${this.lengthOf(file)}`
    return new StorageError('disk.wrong-size', `${message}${others}`)
  }
}

/** How much is missing: a single missing file is easily put back, half of them suggest another folder. */
function othersAmiss(count: number): string {
  if (count === 0) return ''
  return count === 1
    ? '; another file is missing or of another length'
    : `; ${count} more files are missing or of another length`
}

/** Whether `data` is zeros wherever `spans` are padding: nothing else could be read back. */
export function hasZeroPadding(spans: readonly PathSpan[], data: Uint8Array): boolean {
  let at = 0
  for (const { path, length } of spans) {
    if (path === undefined && data.subarray(at, at + length).some((byte) => byte !== 0)) return false
    at += length
  }
  return true
}

/** `/data/film.mkv` → `/data/.film.mkv.bitswarm-lock` */
function beside(path: string, purpose: 'lock' | 'resume' | 'notes'): string {
  const cut = path.lastIndexOf('/') + 1
  return `${path.slice(0, cut)}.${shorten(path.slice(cut))}.bitswarm-${purpose}`
}

/** Cuts a name between characters, so that it has at most {@link MAX_STEM_BYTES} in UTF-8. */
function shorten(name: string): string {
  const bytes = new TextEncoder().encode(name)
  if (bytes.length <= MAX_STEM_BYTES) return name
  let end = MAX_STEM_BYTES
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return new TextDecoder().decode(bytes.subarray(0, end))
}
