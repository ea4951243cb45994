/** What `open` does to the files of a payload: look at all of them, then create and lengthen what a download needs. */
import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FileStat, OpenMode } from '../disk.ts'
import type { FileMap } from '../file-map.ts'
import { forEachInFlight } from './in-flight.ts'
import { SafePaths, statNamed } from './safe-path.ts'

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants

/** @throws {StorageError} `disk.unsafe-path`; or Node's error */
export async function statFiles(map: FileMap, mode: OpenMode): Promise<(FileStat | undefined)[]> {
  const paths = new SafePaths(map.isSingleFile ? dirname(map.root) : map.root)
  const found = Array.from<FileStat | undefined>({ length: map.fileCount })
  // The user has named a single file: where a symlink of that name leads is the user's choice when reading.
  const follow = map.isSingleFile && mode === 'seed'
  await forEachInFlight(map.fileCount, async (file) => {
    const path = map.pathOf(file)
    if (path === undefined) return
    const stats = follow ? await statNamed(path) : await paths.stat(path, mode)
    found[file] = stats && { length: stats.size, modifiedAt: stats.mtimeMs }
  })
  return found
}

/**
 * Creates missing files and lengthens short ones, sparse.
 *
 * @returns the folders that got new names, which are not durable yet
 */
export async function preallocate(
  map: FileMap,
  found: readonly (FileStat | undefined)[],
): Promise<Set<string>> {
  const changed = new Set<string>()
  await forEachInFlight(map.fileCount, async (file) => {
    const path = map.pathOf(file)
    const length = found[file]?.length
    if (path === undefined || length === map.lengthOf(file)) return
    const folder = dirname(path)
    if (length === undefined && !changed.has(folder)) {
      const firstMade = await mkdir(folder, { recursive: true })
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
      await handle.truncate(map.lengthOf(file))
    } finally {
      await handle.close()
    }
  })
  return changed
}
