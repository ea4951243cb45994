/**
 * Whether a file that a download has opened is really inside its payload. A symlink in the last place of a path is never
 * followed (O_NOFOLLOW), but a folder on the way may have been swapped for a symlink since the folders were checked, and Node
 * has no `openat`. So after opening, and before anything is read or written, this checks that the path still leads into the
 * payload's place and to the file that was opened.
 */
import { closeSync, fstatSync, lstatSync, openSync, realpathSync, type Stats } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { errnoOf, strayed } from './errno.ts'

/** Where the payload at `root` is, or will be, free of symlinks. The folder around it exists. */
export async function placeOf(root: string): Promise<string> {
  try {
    return await realpath(root)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return join(await realpath(dirname(root)), basename(root))
  }
}

/**
 * For a worker, which blocks.
 *
 * @param place of the payload
 * @throws what becomes `disk.unsafe-path`; or Node's error
 */
export function openInsideSync(path: string, flags: number, place: string): number {
  const fd = openSync(path, flags)
  try {
    const real = realpathSync.native(path)
    refuse(real, place, [fstatSync(fd), lstatSync(real)])
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * For the main thread.
 *
 * @param stat of the open file
 * @throws as {@link openInsideSync} does
 */
export async function refuseStray(stat: () => Promise<Stats>, path: string, place: string): Promise<void> {
  const real = await realpath(path)
  refuse(real, place, await Promise.all([stat(), lstat(real)]))
}

function refuse(real: string, place: string, [opened, there]: readonly [Stats, Stats]): void {
  const isInside = real === place || real.startsWith(place + sep)
  if (!isInside || opened.ino !== there.ino || opened.dev !== there.dev) throw strayed()
}
