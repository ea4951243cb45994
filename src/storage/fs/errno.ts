/** Errors of the system: their names, our codes for them, and what people are told. */
import { StorageError } from '../../protocol/errors.ts'

type DiskCode = StorageError['code']

/** Our own: a file has become too short. */
const CUT_SHORT = 'CUT_SHORT'
/** Our own: a path leads elsewhere. */
const STRAYED = 'STRAYED'

const CODES: Readonly<Record<string, DiskCode>> = {
  ENOSPC: 'disk.full',
  EDQUOT: 'disk.full',
  EACCES: 'disk.permission',
  EPERM: 'disk.permission',
  EROFS: 'disk.permission',
  ENOENT: 'disk.missing',
  ENOTDIR: 'disk.missing',
  EEXIST: 'disk.occupied',
  // O_NOFOLLOW met a symlink; a folder is where a file should be.
  ELOOP: 'disk.unsafe-path',
  EISDIR: 'disk.unsafe-path',
  [CUT_SHORT]: 'disk.wrong-size',
  [STRAYED]: 'disk.unsafe-path',
}

/** What people are told about frequent errors. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such file or folder',
  EISDIR: 'it is a folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space left',
  EDQUOT: 'the quota is used up',
}

/** For example `ENOSPC`; empty when the error does not name one. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

export function codeOf(error: unknown): DiskCode {
  return CODES[errnoOf(error)] ?? 'disk.io'
}

/** The end of a sentence that says what could not be done: in our words if there are any, else the system's. */
export function inWords(error: unknown): string {
  return WORDS[errnoOf(error)] ?? reasonIn(error instanceof Error ? error.message : String(error))
}

/** Node puts the errno before the reason, and the call behind it. */
function reasonIn(message: string): string {
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
}

/** What survives of an error on its way from a worker. */
export interface FsFault {
  /** For example `ENOSPC`; empty when the file system did not name one. */
  readonly errno: string
  readonly message: string
  readonly path: string
}

export function faultOf(error: unknown, path: string): FsFault {
  return { errno: errnoOf(error), message: (error as Error).message, path }
}

/** `read.bin: no space left on device (ENOSPC)`; the fault or the original error stays as the cause. */
export function fromFault(fault: FsFault, cause: unknown = fault): StorageError {
  const { errno, message, path } = fault
  const reason = reasonIn(message)
  const text =
    errno === '' || errno === CUT_SHORT || errno === STRAYED
      ? `${path}: ${reason}`
      : `${path}: ${reason} (${errno})`
  return new StorageError(CODES[errno] ?? 'disk.io', text, { cause, data: { errno } })
}

/**
 * Passes our own errors through.
 *
 * @throws any error that is not the file system's: a bug must not pass for a bad disk
 */
export function toStorageError(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error
  if (errnoOf(error) === '') throw error
  return fromFault(faultOf(error, (error as NodeJS.ErrnoException).path ?? path), error)
}

/** What to throw when reading meets the end of the file. */
export function cutShort(at: number): Error {
  return Object.assign(new Error(`the file ends too early, after ${at} bytes`), { code: CUT_SHORT })
}

/** What to throw when the opened file is outside its place. */
export function strayed(): Error {
  return Object.assign(new Error('a folder on the way to it leads elsewhere now'), { code: STRAYED })
}
