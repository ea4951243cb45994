/**
 * Whether a file that a download has opened lies in the payload's folder. The last name of a path is never followed
 * (O_NOFOLLOW), but a folder on the way may have been swapped for a symlink since all of them were looked at, and Node has
 * no `openat`. So it is looked at after the opening, before anything is read or written: where the path leads lies in the
 * folder, and is what was opened.
 */
import { closeSync, fstatSync, lstatSync, openSync, realpathSync, type Stats } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { sep } from 'node:path'
import { strayed } from './errno.ts'

/**
 * For a worker, which blocks.
 *
 * @param root the payload: its folder, or the file itself. What lies beside it is opened, too.
 * @throws what becomes `disk.unsafe-path`; or Node's error
 */
export function openInsideSync(path: string, flags: number, root: string): number {
  const fd = openSync(path, flags)
  try {
    if (isBelow(path, root)) {
      const place = realpathSync(path)
      refuse({ place, root: realpathSync(root) }, [fstatSync(fd), lstatSync(place)])
    }
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
export async function refuseStray(stat: () => Promise<Stats>, path: string, root: string): Promise<void> {
  if (!isBelow(path, root)) return
  const [place, realRoot] = await Promise.all([realpath(path), realpath(root)])
  refuse({ place, root: realRoot }, await Promise.all([stat(), lstat(place)]))
}

function refuse(
  { place, root }: { readonly place: string; readonly root: string },
  [opened, there]: readonly [Stats, Stats],
): void {
  if (!isBelow(place, root) || opened.ino !== there.ino || opened.dev !== there.dev) throw strayed()
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root + sep)
}
