/**
 * The disk as the core sees it, and what a crash may cost. Implemented by `fs/fs-disk.ts` (worker threads) and by
 * `memory-disk.ts` (tests and simulations); one contract suite runs over both.
 *
 * Promises:
 * - Every `done` is called exactly once, in a later turn; that of `close` comes last. Only a {@link Cancel} keeps
 *   callbacks from coming.
 * - What `commit` reported as `written` is readable at once and noted, and both survive a crash of the process. Only
 *   what was written before a `sync` that reported success survives a crash of the machine. After a `sync` that failed,
 *   what was written since the last good one is in doubt for good: a later success says nothing about it.
 * - `replaceResume` is atomic: after any crash the file holds the old bytes or the new ones.
 * - A piece may be committed again once its last commit is `done`; until then what is on disk may be either.
 * - Padding (BEP 47) is zeros and has no file: none is looked for or created, and a piece with anything else there
 *   is corrupt.
 * - Nothing outside `path` and the three files beside it (resume, notes, lock) is ever touched. Until `allocate`, no
 *   file of the payload is; and none that is too long is truncated unless asked for.
 */
import type { StorageError } from '../protocol/errors.ts'
import type { Cancel } from '../protocol/ports.ts'
import type { PieceGeometry } from '../metainfo/geometry.ts'

/** Where a payload is, and what it must contain. */
export interface PayloadPlan {
  /** The single file, or the folder of a multi-file payload. */
  readonly path: string
  readonly isSingleFile: boolean
  readonly geometry: PieceGeometry
  /** SHA-1 of every piece, one after the other. */
  readonly digests: Uint8Array
}

/**
 * `download` takes the lock and looks at existing files; `allocate` then prepares them for writing. `seed` opens for
 * reading only, takes no lock, and fails with `disk.missing` or `disk.wrong-size` if a file is not as long as planned. `verify`
 * does the same without failing: it reads what is there.
 */
export type OpenMode = 'download' | 'seed' | 'verify'

export interface FileStat {
  readonly length: number
  /** When its bytes were last written, Unix milliseconds. Anybody who may write to the file may set it. */
  readonly modifiedAt: number
  /** When anything of it was last changed: its bytes, times, names or attributes. Nobody can set that. */
  readonly changedAt: number
  /** Permissions, owner and link count: changing them changes `changedAt` but not the bytes. */
  readonly attributes: string
  /** Distinguishes the file from any other that was in its place. */
  readonly inode: string
}

/** What earlier downloads left beside the payload. A file that is too long to be one of theirs is not read, and missing here. */
export interface Remembered {
  /** As `replaceResume` was given it. */
  readonly resume: Uint8Array | undefined
  /** {@link NOTE_BYTES} a piece, see `resume-notes.ts`; may be short, torn, or of an older key. */
  readonly notes: Uint8Array | undefined
  /** When either was last written, by the clock that dates files; Unix milliseconds. */
  readonly writtenAt: number
}

/** How commits are recorded. */
export interface NoteTaking {
  /** 8 bytes that were never used for this payload before. */
  readonly key: Uint8Array
  /** A commit is `written` once the piece and its note are durable. */
  readonly isDurable: boolean
}

export type Verdict = 'written' | 'corrupt'

/** One per process. Sessions open their payloads on it. */
export interface Disk {
  /** Failures: `disk.locked` (the message names the holder), `disk.permission`, `disk.unsafe-path` and the ones of the mode. */
  open(plan: PayloadPlan, mode: OpenMode, done: (result: Payload | StorageError) => void): void
  /**
   * SHA-1 of every piece of a payload whose digests are not known yet; `plan.digests` is ignored. Uses all workers,
   * streams (memory does not depend on the piece length), and calls `onDigest` in any order.
   */
  digest(
    plan: Omit<PayloadPlan, 'digests'>,
    onDigest: (piece: number, sha1: Uint8Array) => void,
    done: (error?: StorageError) => void,
  ): Cancel
  /** Waits for what is under way, then stops the workers. Payloads must be closed before. */
  close(done: () => void): void
}

/** One session's files. */
export interface Payload {
  /** The files as they were before `allocate`; undefined where there was none, and for padding. Index = file. */
  readonly found: readonly (FileStat | undefined)[]
  /**
   * Identifies the current boot of the machine: within it, the next process can read what this one has written,
   * synced or not. Empty when the system does not tell.
   */
  readonly boot: string
  /** The path of a file, for people; it must not be padding. */
  pathOf(file: number): string
  /** Which of these files hold any byte but zero. A file that cannot be read counts; a missing one does not. */
  findContent(files: readonly number[], done: (result: readonly number[] | StorageError) => void): void
  /**
   * Creates missing files and folders and extends short files, sparsely, each to its planned length. To be called
   * before the first commit of a download, which has the lock.
   *
   * @param mayCut whether longer files are truncated; otherwise they are `disk.wrong-size`, and nothing is touched
   */
  allocate(mayCut: boolean, done: (error?: StorageError) => void): void
  /** From `done` on, each commit leaves a note. */
  startNotes(taking: NoteTaking, done: (error?: StorageError) => void): void
  /** Withdraws the notes of pieces that are gone because somebody else has written to their files. */
  eraseNotes(pieces: readonly number[], done: (error?: StorageError) => void): void
  /**
   * Hashes `data`, the whole piece, and if the digest is right, writes it and then its note. `data` (in a SharedArrayBuffer, so that
   * no copy is made) must not change until `done`.
   */
  commit(piece: number, data: Uint8Array, done: (result: Verdict | StorageError) => void): void
  /**
   * Fills the buffers, one after the other, with the bytes from `begin` of `piece` on, which may extend into the following
   * pieces. There is at least one buffer, none is empty, and all lie in SharedArrayBuffers. After an error their content is arbitrary.
   */
  read(piece: number, begin: number, into: readonly Uint8Array[], done: (error?: StorageError) => void): void
  /** Re-reads and hashes pieces, streaming, on all workers. What could not be read, for whatever reason, is not good. Any order. */
  verify(
    pieces: readonly number[],
    onPiece: (piece: number, isGood: boolean, unread?: StorageError) => void,
    done: (error?: StorageError) => void,
  ): Cancel
  /** Once `done` reports no error, everything reported written so far, and everything found in place, is durable. */
  sync(done: (error?: StorageError) => void): void
  /** The files as they are once all pending commits are done; undefined as in `found`. */
  stat(done: (result: readonly (FileStat | undefined)[] | StorageError) => void): void
  /**
   * These files as they are now, each as soon as it is known, in any order; none may be padding. Failures are those of each
   * file: `disk.missing`, or why it cannot be looked at.
   */
  statFiles(
    files: readonly number[],
    onFile: (file: number, result: FileStat | StorageError) => void,
    done: () => void,
  ): void
  /** From now on, reads and checks use whatever is at the files' paths now, even if other files were there before. */
  reopen(): void
  readResume(done: (result: Remembered | StorageError) => void): void
  replaceResume(bytes: Uint8Array, done: (error?: StorageError) => void): void
  /** Removes the notes, too. */
  removeResume(done: (error?: StorageError) => void): void
  /** Bytes that this user may still write where the payload is. */
  freeSpace(done: (result: number | StorageError) => void): void
  /** Gives up the lock, keeps the files open for reading: the download is complete. */
  unlock(done: (error?: StorageError) => void): void
  /** Waits for what is under way, closes the files, gives up the lock. Call once, and nothing else afterwards. */
  close(done: () => void): void
}
