/** One session's files on a {@link MemoryDisk}; dead once the process that opened them has died. */
import { bytesEqual, ID_LENGTH } from '../protocol/ids.ts'
import { invariant, StorageError } from '../protocol/errors.ts'
import type { Cancel } from '../protocol/ports.ts'
import { totalLength } from './buffer-list.ts'
import type { FileStat, NoteTaking, OpenMode, Payload, Remembered, Verdict } from './disk.ts'
import { hasZeroPadding } from './file-map.ts'
import type { FileMap, PathSpan } from './file-map.ts'
import type { DeviceWork, MemoryDisk } from './memory-disk.ts'
import { NOTE_BYTES, noteOf } from './resume-notes.ts'

export class MemoryPayload implements Payload {
  readonly found: readonly (FileStat | undefined)[]
  readonly boot: string
  readonly #disk: MemoryDisk
  readonly #map: FileMap
  readonly #digests: Uint8Array
  readonly #mode: OpenMode
  readonly #life: number
  #noteTaking: NoteTaking | undefined
  #isOpen = true
  #hasLock: boolean

  constructor({
    disk,
    map,
    digests,
    mode,
    found,
  }: {
    disk: MemoryDisk
    map: FileMap
    digests: Uint8Array
    mode: OpenMode
    found: readonly (FileStat | undefined)[]
  }) {
    this.#disk = disk
    this.#map = map
    this.#digests = digests
    this.#mode = mode
    this.#life = disk.life
    this.#hasLock = mode === 'download'
    this.found = found
    this.boot = disk.boot
  }

  findContent(files: readonly number[], done: (result: readonly number[] | StorageError) => void): void {
    this.#run({ bytes: 0 }, () => {
      const hasContent = (file: number): boolean =>
        this.#disk.faultOf('read') !== undefined ||
        (this.#disk.readFile(this.#map.pathOf(file)!)?.some((byte) => byte !== 0) ?? false)
      done(files.filter(hasContent))
    })
  }

  allocate(mayCut: boolean, done: (error?: StorageError) => void): void {
    this.#run({ bytes: 0 }, () => {
      const fault = this.#disk.faultOf('write')
      const paths = this.#paths()
      const refusal =
        fault ?? (mayCut ? undefined : this.#map.refuseToWrite(paths.map((path) => this.#disk.stat(path))))
      if (refusal !== undefined) return done(refusal)
      for (const [file, path] of paths.entries())
        if (path !== undefined) this.#disk.resize(path, this.#map.lengthOf(file))
      done()
    })
  }

  startNotes(taking: NoteTaking, done: (error?: StorageError) => void): void {
    const path = this.#map.notesPath
    this.#run({ bytes: 0 }, () => {
      const fault = this.#disk.faultOf('write')
      if (fault !== undefined) return done(fault)
      this.#disk.removeFile(path)
      this.#disk.resize(path, this.#map.geometry.pieceCount * NOTE_BYTES)
      this.#noteTaking = taking
      done(taking.isDurable ? this.#disk.syncFiles([path]) : undefined)
    })
  }

  eraseNotes(pieces: readonly number[], done: (error?: StorageError) => void): void {
    this.#run({ bytes: 0 }, () => {
      for (const piece of this.#noteTaking ? pieces : []) {
        const error = this.#disk.writeSpans([this.#noteSpan(piece)], new Uint8Array(NOTE_BYTES))
        if (error !== undefined) return done(error)
      }
      done()
    })
  }

  commit(piece: number, data: Uint8Array, done: (result: Verdict | StorageError) => void): void {
    invariant(this.#mode === 'download', 'only a download is written to')
    const spans = this.#map.spans(piece, 0, data.length)
    const isGood = (): boolean =>
      bytesEqual(this.#disk.sha1(data), this.#digestOf(piece)) && hasZeroPadding(spans, data)
    // A process that dies during a write leaves nothing, all, or the first bytes of it; the note comes last.
    const onKill = (): void => {
      const length = this.#disk.chance(data.length + 1)
      if (!isGood()) return
      this.#disk.writeSpans(this.#map.spans(piece, 0, length), data.subarray(0, length))
      if (length === data.length && this.#disk.chance(2) === 0) this.#note(piece, spans)
    }
    this.#run({ bytes: data.length, onKill }, () => {
      if (!isGood()) done('corrupt')
      else done(this.#disk.writeSpans(spans, data) ?? this.#note(piece, spans) ?? 'written')
    })
  }

  read(
    piece: number,
    begin: number,
    into: readonly Uint8Array[],
    done: (error?: StorageError) => void,
  ): void {
    const bytes = totalLength(into)
    this.#run({ bytes }, () => {
      let at = begin
      for (const part of into) {
        const error = this.#disk.readSpans(this.#map.spans(piece, at, part.length), part)
        if (error !== undefined) return done(error)
        at += part.length
      }
      done()
    })
  }

  verify(
    pieces: readonly number[],
    onPiece: (piece: number, isGood: boolean, unread?: StorageError) => void,
    done: (error?: StorageError) => void,
  ): Cancel {
    this.#expectOpen()
    return this.#disk.hashPieces(this.#map, pieces, {
      onDigest: (piece, sha1) => {
        if (sha1 instanceof StorageError) onPiece(piece, false, sha1)
        else onPiece(piece, bytesEqual(sha1, this.#digestOf(piece)))
        return undefined
      },
      done,
    })
  }

  sync(done: (error?: StorageError) => void): void {
    this.#run({ bytes: 0 }, () => done(this.#disk.syncFiles(this.#paths())))
  }

  stat(done: (result: readonly (FileStat | undefined)[] | StorageError) => void): void {
    this.#run({ bytes: 0 }, () => {
      done(this.#disk.faultOf('read') ?? this.#paths().map((path) => this.#disk.stat(path)))
    })
  }

  pathOf(file: number): string {
    return this.#map.pathOf(file)!
  }

  statFiles(
    files: readonly number[],
    onFile: (file: number, result: FileStat | StorageError) => void,
    done: () => void,
  ): void {
    const statOne = (file: number): FileStat | StorageError => {
      const path = this.#map.pathOf(file)
      const missing = new StorageError('disk.missing', `${path} is not there`)
      return this.#disk.faultOf('read') ?? this.#disk.stat(path) ?? missing
    }
    this.#run({ bytes: 0 }, () => {
      const results = files.map(statOne)
      for (const [index, file] of files.entries()) onFile(file, results[index]!)
      done()
    })
  }

  /** Paths are all there is here: no file is open. */
  reopen(): void {}

  readResume(done: (result: Remembered | StorageError) => void): void {
    const { resumePath, notesPath } = this.#map
    this.#run({ bytes: 0 }, () => {
      const remembered: Remembered = {
        resume: this.#disk.readFile(resumePath),
        notes: this.#disk.readFile(notesPath),
        writtenAt: Math.max(...[resumePath, notesPath].map((path) => this.#disk.stat(path)?.modifiedAt ?? 0)),
      }
      done(this.#disk.faultOf('read') ?? remembered)
    })
  }

  replaceResume(bytes: Uint8Array, done: (error?: StorageError) => void): void {
    const content = bytes.slice()
    const replace = (): StorageError | undefined => this.#disk.replaceFile(this.#map.resumePath, content)
    const onKill = (): void => {
      if (this.#disk.chance(2) === 0) replace()
    }
    this.#run({ bytes: content.length, onKill }, () => done(replace()))
  }

  removeResume(done: (error?: StorageError) => void): void {
    this.#run({ bytes: 0 }, () => {
      const fault = this.#disk.faultOf('write')
      if (fault === undefined)
        for (const path of [this.#map.resumePath, this.#map.notesPath]) this.#disk.removeFile(path)
      done(fault)
    })
  }

  freeSpace(done: (result: number | StorageError) => void): void {
    this.#run({ bytes: 0 }, () => done(this.#disk.freeBytes))
  }

  unlock(done: (error?: StorageError) => void): void {
    this.#run({ bytes: 0 }, () => {
      this.#releaseLock()
      done()
    })
  }

  close(done: () => void): void {
    this.#run({ bytes: 0 }, () => {
      this.#releaseLock()
      this.#disk.onPayloadClosed()
      done()
    })
    this.#isOpen = false
  }

  /** Whatever a dead process still asks for never happens. */
  #run(operation: DeviceWork, effect: () => void): void {
    if (this.#disk.life !== this.#life) return
    this.#expectOpen()
    this.#disk.run(operation, effect)
  }

  #expectOpen(): void {
    invariant(this.#isOpen, 'a closed payload is left alone')
  }

  /** Only once: by then another session may hold it. */
  #releaseLock(): void {
    if (this.#hasLock) this.#disk.unlock(this.#map.lockPath)
    this.#hasLock = false
  }

  #note(piece: number, spans: readonly PathSpan[]): StorageError | undefined {
    if (this.#noteTaking === undefined) return undefined
    const { key, isDurable } = this.#noteTaking
    const error = this.#disk.writeSpans([this.#noteSpan(piece)], noteOf(key, piece))
    if (error !== undefined || !isDurable) return error
    return this.#disk.syncFiles([this.#map.notesPath, ...spans.map(({ path }) => path)])
  }

  #noteSpan(piece: number): PathSpan {
    return { path: this.#map.notesPath, offset: piece * NOTE_BYTES, length: NOTE_BYTES }
  }

  #digestOf(piece: number): Uint8Array {
    return this.#digests.subarray(piece * ID_LENGTH, (piece + 1) * ID_LENGTH)
  }

  #paths(): (string | undefined)[] {
    return Array.from({ length: this.#map.fileCount }, (_, file) => this.#map.pathOf(file))
  }
}
