/**
 * Creates a folder and all missing folders above it. Node's own recursive `mkdir` never ends where an existing folder refuses
 * new ones (`ENOENT` in /proc, or below a mount point of autofs): it goes up and down for ever, and blocks a thread.
 */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from './errno.ts'

/**
 * @param path absolute
 * @returns the topmost folder that had to be created
 * @throws Node's error
 */
export async function makeFolders(path: string, mode?: number): Promise<string | undefined> {
  try {
    return await makeFolder(path, mode)
  } catch (error) {
    const above = dirname(path)
    if (errnoOf(error) !== 'ENOENT' || above === path) throw error
    const firstAbove = await makeFolders(above, mode)
    const made = await makeFolder(path, mode)
    return firstAbove ?? made
  }
}

/** @returns the path, unless it was a folder already */
async function makeFolder(path: string, mode?: number): Promise<string | undefined> {
  try {
    await mkdir(path, mode)
    return path
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && (await isFolder(path))) return undefined
    throw errnoOf(error) === 'EEXIST' ? occupied(path, error) : error
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}

/** Node says of a file, or of a link that leads nowhere, that it "already exists". */
function occupied(path: string, cause: unknown): Error {
  const message = 'EEXIST: something that is not a folder is in its place'
  return Object.assign(new Error(message, { cause }), { code: 'EEXIST', path })
}
