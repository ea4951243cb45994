/** Node's file system errors as ours. */
import { StorageError } from '../../protocol/errors.ts'

type DiskCode = StorageError['code']

/** Our own: a file has become shorter than it has to be. */
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
  // O_NOFOLLOW met a symlink; a folder lies where a file should.
  ELOOP: 'disk.unsafe-path',
  EISDIR: 'disk.unsafe-path',
  [CUT_SHORT]: 'disk.wrong-size',
  [STRAYED]: 'disk.unsafe-path',
}

/** What of an error survives the way from a worker. */
export interface FsFault {
  /** For example `ENOSPC`; empty when the file system did not name one. */
  readonly errno: string
  readonly message: string
  readonly path: string
}

export function faultOf(error: unknown, path: string): FsFault {
  const { code = '', message } = error as NodeJS.ErrnoException
  return { errno: code, message, path }
}

/** `read.bin: no space left on device (ENOSPC)`; the fault or the original error stays as the cause. */
export function fromFault(fault: FsFault, cause: unknown = fault): StorageError {
  const { errno, message, path } = fault
  const reason = /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
  const text =
    errno === '' || errno === CUT_SHORT || errno === STRAYED
      ? `${path}: ${reason}`
      : `${path}: ${reason} (${errno})`
  return new StorageError(CODES[errno] ?? 'disk.io', text, { cause, data: { errno } })
}

/**
 * Passes our own errors through.
 *
 * @throws what is no error of the file system: a bug, which must not pass for a bad disk
 */
export function toStorageError(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error
  if (typeof (error as NodeJS.ErrnoException | undefined)?.code !== 'string') throw error
  return fromFault(faultOf(error, (error as NodeJS.ErrnoException).path ?? path), error)
}

/** What to throw when reading meets the end of the file. */
export function cutShort(at: number): Error {
  return Object.assign(new Error(`the file ends too early, after ${at} bytes`), { code: CUT_SHORT })
}

/** What to throw when what was opened lies elsewhere. */
export function strayed(): Error {
  return Object.assign(new Error('a folder on the way to it leads elsewhere now'), { code: STRAYED })
}
