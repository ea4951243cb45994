/** Operations on all files of a payload: look at them, then create and extend what a download needs. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { invariant, StorageError } from '../../protocol/errors.ts'
import type { FileStat, OpenMode } from '../disk.ts'
import type { FileMap } from '../file-map.ts'
import { errnoOf, toStorageError } from './errno.ts'
import { forEachInFlight } from './in-flight.ts'
import { makeFolders } from './make-folders.ts'
import { SafePaths, statNamed } from './safe-path.ts'
import { refuseStray } from './stray.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW } = constants
/** Bytes looked at in one go. */
const READ_BYTES = 256 * 1024
const ZEROS = Buffer.alloc(READ_BYTES)

/** @throws {StorageError} `disk.unsafe-path`; or Node's error */
export async function statFiles(map: FileMap, mode: OpenMode): Promise<(FileStat | undefined)[]> {
  const paths = safePaths(map)
  const found = Array.from<FileStat | undefined>({ length: map.fileCount })
  await forEachInFlight(map.fileCount, async (file) => {
    const path = map.pathOf(file)
    if (path !== undefined) found[file] = await statPath(path, paths, { map, mode })
  })
  return found
}

/** @param onFile gets the status of each of `files`, or `disk.missing`, `disk.unsafe-path`, or why it cannot be looked at */
export async function statThese(
  map: FileMap,
  {
    files,
    mode,
    onFile,
  }: {
    readonly files: readonly number[]
    readonly mode: OpenMode
    readonly onFile: (file: number, result: FileStat | StorageError) => void
  },
): Promise<void> {
  const paths = safePaths(map)
  const look = async (path: string): Promise<FileStat | StorageError> => {
    try {
      const stat = await statPath(path, paths, { map, mode })
      return stat ?? new StorageError('disk.missing', `${path} is not there`)
    } catch (error) {
      return toStorageError(error, path)
    }
  }
  await forEachInFlight(files.length, async (index) => {
    const file = files[index]!
    const path = map.pathOf(file)
    invariant(path !== undefined, 'padding has no file')
    onFile(file, await look(path))
  })
}

function safePaths(map: FileMap): SafePaths {
  return new SafePaths(map.isSingleFile ? dirname(map.root) : map.root)
}

async function statPath(
  path: string,
  paths: SafePaths,
  { map, mode }: { readonly map: FileMap; readonly mode: OpenMode },
): Promise<FileStat | undefined> {
  // A single file was named by the user: for reading, where a symlink of that name leads is the user's choice.
  const follow = map.isSingleFile && mode !== 'download'
  const stats = follow ? await statNamed(path) : await paths.stat(path, mode)
  if (stats === undefined) return undefined
  const { size, mtimeMs, ctimeMs, ino, mode: rights, uid, gid, nlink } = stats
  return {
    length: size,
    modifiedAt: mtimeMs,
    changedAt: ctimeMs,
    attributes: [rights, uid, gid, nlink].join(' '),
    inode: String(ino),
  }
}

/** Which of `files` hold any byte but zero, or cannot be read; arbitrary once it is cancelled. */
export async function findContent(
  map: FileMap,
  files: readonly number[],
  isCancelled: () => boolean,
): Promise<number[]> {
  const holding = new Set<number>()
  await forEachInFlight(files.length, async (index) => {
    const file = files[index]!
    if (await hasContent(map.pathOf(file)!, isCancelled)) holding.add(file)
  })
  return files.filter((file) => holding.has(file))
}

async function hasContent(path: string, isCancelled: () => boolean): Promise<boolean> {
  try {
    const file = await open(path, O_RDONLY | O_NOFOLLOW)
    try {
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null)
        if (bytesRead === 0) return false
        if (isCancelled() || !isBlank(buffer, bytesRead)) return true
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    return errnoOf(error) !== 'ENOENT'
  }
}

/** Comparing memory with memory is many times as fast as looking at each byte. */
function isBlank(buffer: Buffer, length: number): boolean {
  return buffer.compare(ZEROS, 0, length, 0, length) === 0
}

/**
 * Creates missing files and gives those of another length the planned one, sparsely.
 *
 * @param place where they must be
 * @returns the folders that got new entries, which are not durable yet
 */
export async function allocate(
  map: FileMap,
  { found, place }: { readonly found: readonly (FileStat | undefined)[]; readonly place: string },
): Promise<Set<string>> {
  const changed = new Set<string>()
  await forEachInFlight(map.fileCount, async (file) => {
    const path = map.pathOf(file)
    const length = found[file]?.length
    if (path === undefined || length === map.lengthOf(file)) return
    const folder = dirname(path)
    if (length === undefined && !changed.has(folder)) {
      const firstMade = await makeFolders(folder)
      changed.add(folder)
      for (
        let made = folder;
        firstMade !== undefined && made.length >= firstMade.length;
        made = dirname(made)
      )
        changed.add(dirname(made))
    }
    const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666)
    try {
      await refuseStray(() => handle.stat(), path, place)
      await handle.truncate(map.lengthOf(file))
    } finally {
      await handle.close()
    }
  })
  return changed
}
