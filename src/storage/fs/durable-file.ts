/** Files that are replaced as a whole and survive a power cut. */
import { constants } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from './errno.ts'

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants

/**
 * After any crash the file holds the old bytes or the new ones; once this is done, the new ones. One at a time for a path.
 *
 * @param mode of the new file, less the process's umask
 * @param draft path of the new bytes until they replace the old ones; in the same folder
 */
export async function replaceDurably(
  path: string,
  bytes: Uint8Array,
  { mode = 0o666, draft = unfinished(path) }: { readonly mode?: number; readonly draft?: string } = {},
): Promise<void> {
  const file = await open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncFolder(dirname(path))
}

/** The draft of a file that is replaced again and again; a process that is killed leaves it there. */
export function unfinished(path: string): string {
  return `${path}.tmp`
}

/** Makes the names in a folder durable, where the file system can: some have no such call, and say EINVAL. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error
  } finally {
    await folder.close()
  }
}
