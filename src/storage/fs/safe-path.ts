/**
 * Keeps a payload inside its folder: what the metainfo calls `photos/cat.jpg` may be reached through a symlink only
 * when that stays in the folder, a download never writes through one, and only regular files are opened.
 */
import { lstat, realpath, stat } from 'node:fs/promises'
import { sep } from 'node:path'
import type { Stats } from 'node:fs'
import { StorageError } from '../../protocol/errors.ts'
import type { OpenMode } from '../disk.ts'
import { errnoOf } from './errno.ts'

export class SafePaths {
  readonly #root: string
  #realRoot: Promise<string> | undefined
  /** Whether each folder exists; each is looked at once. */
  readonly #folders = new Map<string, Promise<boolean>>()

  /** @param root the payload's folder, which the user named and which may itself be a symlink */
  constructor(root: string) {
    this.#root = root
    this.#folders.set('', Promise.resolve(true)) // What `/file` lies in.
  }

  /**
   * What is at `path`, below the root; undefined if nothing is.
   *
   * @throws {StorageError} `disk.unsafe-path`; `disk.occupied` when the root is no folder; or Node's error
   */
  async stat(path: string, mode: OpenMode): Promise<Stats | undefined> {
    if (!(await this.#hasFolder(path.slice(0, path.lastIndexOf('/'))))) return undefined
    return refuseIrregular(path, mode === 'download' ? await orNothing(lstat(path)) : await this.#lstat(path))
  }

  #hasFolder(path: string): Promise<boolean> {
    let answer = this.#folders.get(path)
    if (answer === undefined) {
      answer = path === this.#root ? hasRoot(path) : this.#lookForFolder(path)
      this.#folders.set(path, answer)
    }
    return answer
  }

  async #lookForFolder(path: string): Promise<boolean> {
    if (!(await this.#hasFolder(path.slice(0, path.lastIndexOf('/'))))) return false
    const stats = await this.#lstat(path)
    if (stats === undefined) return false
    if (!stats.isDirectory()) throw new StorageError('disk.unsafe-path', `${path} is not a folder`)
    return true
  }

  /** As `stat`, after it has made sure that a symlink does not lead out of the root. */
  async #lstat(path: string): Promise<Stats | undefined> {
    const stats = await orNothing(lstat(path))
    if (!stats?.isSymbolicLink()) return stats
    this.#realRoot ??= realpath(this.#root)
    const target = await realpath(path)
    if (!target.startsWith((await this.#realRoot) + sep))
      throw new StorageError('disk.unsafe-path', `${path} is a symlink that leads out of ${this.#root}`)
    return lstat(target)
  }
}

/** What is at a path that the user named, which may therefore be a symlink to anywhere. */
export async function statNamed(path: string): Promise<Stats | undefined> {
  return refuseIrregular(path, await orNothing(stat(path)))
}

function refuseIrregular(path: string, stats: Stats | undefined): Stats | undefined {
  if (stats === undefined || stats.isFile()) return stats
  const kind = stats.isSymbolicLink() ? 'a symlink' : stats.isDirectory() ? 'a folder' : 'not a regular file'
  throw new StorageError('disk.unsafe-path', `${path} is ${kind}`)
}

async function orNothing(looked: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await looked
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function hasRoot(folder: string): Promise<boolean> {
  const stats = await orNothing(stat(folder))
  if (stats !== undefined && !stats.isDirectory())
    throw new StorageError('disk.occupied', `${folder} is not a folder, but the payload is one`)
  return stats !== undefined
}
