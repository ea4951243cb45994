/**
 * The disk as the core sees it, with what a crash may take. Satisfied by `fs/fs-disk.ts` (worker threads) and by
 * `memory-disk.ts` (tests and simulations); one contract suite runs over both.
 *
 * Promises:
 * - Every `done` is called exactly once, in a later turn; that of `close` comes last. Only a {@link Cancel} keeps
 *   callbacks from coming.
 * - What `commit` reported as `written` is readable at once, and survives a crash of the process. Only what was
 *   written before a `sync` that reported success survives a crash of the machine. After a `sync` that failed, what
 *   was written since the last good one is in doubt for good: a later success says nothing about it.
 * - `replaceResume` is atomic: after any crash the file holds the old bytes or the new ones.
 * - A piece may be committed again once its last commit is `done`; until then what is on disk may be either.
 * - Padding (BEP 47) is zeros and has no file: it is neither looked for nor made, and a piece with anything else there
 *   is corrupt.
 * - Nothing outside `path` and the two files beside it (resume, lock) is ever touched; a file that is longer than
 *   planned is refused, never cut.
 */
import type { StorageError } from '../protocol/errors.ts'
import type { Cancel } from '../protocol/ports.ts'
import type { PieceGeometry } from '../metainfo/geometry.ts'

/** Where a payload lies and what it must be. */
export interface PayloadPlan {
  /** The single file, or the folder of a multi-file payload. */
  readonly path: string
  readonly isSingleFile: boolean
  readonly geometry: PieceGeometry
  /** SHA-1 of every piece, one after the other. */
  readonly digests: Uint8Array
}

/**
 * `download` takes the lock and creates files and folders (sparse, at full length), after it has seen that nothing in
 * place is longer than planned (`disk.wrong-size`). `seed` opens for reading only, takes no lock, and fails with
 * `disk.missing` or `disk.wrong-size` when a file is not as long as planned.
 */
export type OpenMode = 'download' | 'seed'

export interface FileStat {
  readonly length: number
  /** Unix milliseconds. */
  readonly modifiedAt: number
  /** Tells the file from any other that has been in its place. */
  readonly inode: string
}

export type Verdict = 'written' | 'corrupt'

/** What a process has once. Sessions open their payloads on it. */
export interface Disk {
  /** Failures: `disk.locked` (the message names the holder), `disk.permission`, `disk.full`, `disk.unsafe-path` and the ones of the mode. */
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
  /** The files as they lay there before `open` created or lengthened any; undefined where there was none, and for padding. Index = file. */
  readonly found: readonly (FileStat | undefined)[]
  /**
   * Hashes `data`, the whole piece, and writes it when the digest is right. `data` (in a SharedArrayBuffer, so that
   * no copy is made) must not change until `done`.
   */
  commit(piece: number, data: Uint8Array, done: (result: Verdict | StorageError) => void): void
  /**
   * Fills the buffers, one after the other, with what begins at `begin` of `piece` and may go on in the pieces behind it.
   * They lie in SharedArrayBuffers, are one at least, and none is empty. After an error what is in them is arbitrary.
   */
  read(piece: number, begin: number, into: readonly Uint8Array[], done: (error?: StorageError) => void): void
  /** Re-reads and hashes pieces, streaming, on all workers. Unreadable or missing data counts as not good. Any order. */
  verify(
    pieces: readonly number[],
    onPiece: (piece: number, isGood: boolean) => void,
    done: (error?: StorageError) => void,
  ): Cancel
  /** All that was reported written so far is durable once `done` reports no error. */
  sync(done: (error?: StorageError) => void): void
  /** The files as they are now; undefined as in `found`. */
  stat(done: (result: readonly (FileStat | undefined)[] | StorageError) => void): void
  /** One file as it is now; it must not be padding. Failures: `disk.missing`, or why it cannot be looked at. */
  statFile(file: number, done: (result: FileStat | StorageError) => void): void
  /** From now on what lies at the files' paths is read and verified, also where other files lay when they were first read. */
  reopen(): void
  /** Undefined when there is no resume file. */
  readResume(done: (result: Uint8Array | undefined | StorageError) => void): void
  replaceResume(bytes: Uint8Array, done: (error?: StorageError) => void): void
  removeResume(done: (error?: StorageError) => void): void
  /** Bytes that this user may still write where the payload lies. */
  freeSpace(done: (result: number | StorageError) => void): void
  /** Gives up the lock, keeps the files open for reading: the download is complete. */
  unlock(done: (error?: StorageError) => void): void
  /** Waits for what is under way, closes the files, gives up the lock. */
  close(done: () => void): void
}
