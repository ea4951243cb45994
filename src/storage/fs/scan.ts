/** Looks through a file or folder that is to become a payload. */
import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Dirent } from 'node:fs'
import { StorageError } from '../../protocol/errors.ts'
import type { PayloadFile } from '../../metainfo/geometry.ts'
import { toStorageError } from './errno.ts'
import { forEachInFlight } from './in-flight.ts'

/** Files of one payload. */
const MAX_SCANNED_FILES = 1_000_000

export interface ScannedPayload {
  /** Absolute. */
  readonly path: string
  /** Its last component. */
  readonly name: string
  readonly isSingleFile: boolean
  /** Sorted by path, component by component; hidden and empty files are included, empty folders are not. */
  readonly files: readonly PayloadFile[]
  /** When each file was last written, Unix milliseconds. */
  readonly modifiedAt: readonly number[]
}

/**
 * The path itself may be a symlink. Inside a folder, symlinks, sockets, pipes and devices are refused: they could not
 * be downloaded as what they are, and leaving them out would silently lose something.
 *
 * @throws {StorageError} `disk.missing`, `disk.permission`, `disk.unsafe-path`, `disk.wrong-size` when there is not
 *   a byte
 */
export async function scanPayload(given: string): Promise<ScannedPayload> {
  const path = resolve(given)
  const name = basename(path)
  try {
    const stats = await stat(path)
    const isSingleFile = stats.isFile()
    if (!isSingleFile && !stats.isDirectory())
      throw new StorageError('disk.unsafe-path', `${given} is neither a file nor a folder`)
    const { files, modifiedAt } = isSingleFile
      ? { files: [{ path: [], length: stats.size }], modifiedAt: [stats.mtimeMs] }
      : await filesIn(path)
    if (files.every((file) => file.length === 0))
      throw new StorageError(
        'disk.wrong-size',
        `${given} is empty: there is nothing to ${isSingleFile ? 'hash' : 'hash in it'}`,
      )
    return { path, name, isSingleFile, files, modifiedAt }
  } catch (error) {
    throw unnamable(error) ?? toStorageError(error, given)
  }
}

/** In order of the names' UTF-16 code units, which is the same on every machine. */
async function filesIn(root: string): Promise<Pick<ScannedPayload, 'files' | 'modifiedAt'>> {
  const paths: (readonly string[])[] = []
  const walk = async (path: readonly string[]): Promise<void> => {
    const folder = join(root, ...path)
    const entries = await readdir(folder, { withFileTypes: true })
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      if (entry.isDirectory()) await walk([...path, entry.name])
      else if (!entry.isFile()) throw irregular(join(folder, entry.name), entry)
      else if (paths.length >= MAX_SCANNED_FILES)
        throw new StorageError('disk.wrong-size', `${root} has more than ${MAX_SCANNED_FILES} files`)
      else paths.push([...path, entry.name])
    }
  }
  await walk([])
  const files = paths.map((path) => ({ path, length: 0 }))
  const modifiedAt = paths.map(() => 0)
  await forEachInFlight(paths.length, async (file) => {
    const stats = await stat(join(root, ...paths[file]!))
    files[file]!.length = stats.size
    modifiedAt[file] = stats.mtimeMs
  })
  return { files, modifiedAt }
}

/** Node reads invalid UTF-8 in a name as U+FFFD, and cannot find the file by that name. */
function unnamable(error: unknown): StorageError | undefined {
  const { code, path = '' } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' || !path.includes('\u{fffd}')) return undefined
  return new StorageError('disk.unsafe-path', `${path}: the name is not UTF-8, as metainfo wants it`, {
    cause: error,
  })
}

function irregular(path: string, entry: Dirent): StorageError {
  const kind = entry.isSymbolicLink() ? 'a symlink' : 'neither a file nor a folder'
  return new StorageError('disk.unsafe-path', `${path} is ${kind}, which a payload cannot hold`)
}
