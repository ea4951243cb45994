/** Files other than payloads: finds, reads and writes metainfo for the command line. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, lstat, mkdtemp, open, readdir, rm, rmdir, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { MetainfoError, StorageError } from '../../protocol/errors.ts'
import { replaceDurably } from '../../storage/fs/durable-file.ts'
import { codeOf, errnoOf, faultOf, fromFault, inWords } from '../../storage/fs/errno.ts'
import { makeFolders } from '../../storage/fs/make-folders.ts'

export { basename, dirname, join, resolve }

/** @throws {StorageError} `disk.missing`: somebody has removed it */
export function currentFolder(): string {
  try {
    return process.cwd()
  } catch (error) {
    throw new StorageError('disk.missing', 'the current folder has been removed: change to another one', {
      cause: error,
    })
  }
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** Whether nothing is in a folder, or there is no folder. One that may not be read could hold anything. */
export async function isEmpty(folder: string): Promise<boolean> {
  return readdir(folder).then(
    (names) => names.length === 0,
    (error: unknown) => errnoOf(error) !== 'EACCES',
  )
}

/** Whether the user wrote a path that can only be a folder. */
export function endsInSeparator(path: string): boolean {
  return path.endsWith('/')
}

/** The first `.torrent` by name in a folder, else the first `.bit`. */
export async function findMetainfo(folder: string): Promise<string | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
  const found = names.find((name) => name.endsWith('.torrent')) ?? names.find((name) => name.endsWith('.bit'))
  return found === undefined ? undefined : join(folder, found)
}

/** Does not wait for the writer of a pipe. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/**
 * Reads a whole file. Pipes and devices are refused: they may never end, or never begin.
 *
 * @param maxLength bytes: checked before anything is read
 * @throws {MetainfoError} `meta.unreadable`
 */
export async function readMetainfoBytes(path: string, maxLength: number): Promise<Uint8Array> {
  let file: FileHandle | undefined
  try {
    file = await open(path, OPEN_FLAGS)
    const stats = await file.stat()
    if (!stats.isFile() && !stats.isDirectory())
      throw new MetainfoError('meta.unreadable', `cannot read ${path}: it is not a regular file`)
    if (stats.isFile() && stats.size > maxLength)
      throw new MetainfoError('meta.unreadable', `${path} is too large for metainfo: ${stats.size} bytes`)
    return await file.readFile()
  } catch (error) {
    if (error instanceof MetainfoError) throw error
    throw new MetainfoError('meta.unreadable', `cannot read ${path}: ${inWords(error)}`, { cause: error })
  } finally {
    await file?.close()
  }
}

const DRAFT_NAME = /^\.bitswarm-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/
/** Drafts of one file that other processes may remove: each does so once, when it begins to write into the folder. */
const MAX_DRAFTS = 32

/** Creates a folder and those above it. If that fails, writing into it will say why. */
export async function makeFolder(path: string): Promise<void> {
  await makeFolders(path).catch(() => {})
}

/**
 * Writes a file atomically: whatever happens, `path` holds what was there before or all of `bytes`.
 *
 * @throws {StorageError} why it cannot be written
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await removeDrafts(dirname(path))
  for (let drafts = 1; ; drafts++) {
    // A name of its own, since the name of `path` may already have the greatest length.
    const draft = join(dirname(path), `.bitswarm-${randomUUID()}.tmp`)
    try {
      return await replaceDurably(path, bytes, { mode: 0o644, draft })
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {})
      if (!isTakenAway(error) || drafts === MAX_DRAFTS) throw unwritable(path, error)
    }
  }
}

/**
 * Removes what processes left behind that were killed while they wrote. A live process that is writing there at this moment also
 * loses its draft, and makes another: neither process numbers nor times tell the two apart in every container and on every disk.
 */
async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (DRAFT_NAME.test(name)) await rm(join(folder, name), { force: true }).catch(() => {})
}

function isTakenAway(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'rename'
}

/**
 * Whether {@link replaceFile} could write there, to be asked before hours of work for what it is to write.
 *
 * @throws {StorageError} why not: no permission, no such folder, a name that is too long, …
 */
export async function refuseUnwritable(path: string): Promise<void> {
  const refuse = (error: unknown): never => {
    throw unwritable(path, error)
  }
  await access(dirname(path), constants.W_OK).catch(refuse)
  await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') refuse(error)
  })
}

/**
 * Whether files can be put into a folder, or into one that is yet to be made. Whether one can be made, only making one shows; it has
 * a name of its own, because another process may be about to use the folder that is asked about.
 *
 * @param path absolute
 * @throws {StorageError} why not
 */
export async function refuseUnwritableFolder(path: string): Promise<void> {
  try {
    const nearest = await nearestName(path)
    await makeFolders(nearest) // refuses what is there and is no folder
    if (nearest === path) await access(path, constants.W_OK | constants.X_OK)
    else await rmdir(await mkdtemp(join(nearest, '.bitswarm-')))
  } catch (error) {
    if (errnoOf(error) === '') throw error
    throw fromFault(faultOf(error, path), error)
  }
}

/** The path, or the nearest one above it, at which something is. */
async function nearestName(path: string): Promise<string> {
  try {
    await lstat(path)
    return path
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return nearestName(dirname(path))
  }
}

function unwritable(path: string, error: unknown): StorageError {
  return new StorageError(codeOf(error), `cannot write ${path}: ${inWords(error)}`, { cause: error })
}
