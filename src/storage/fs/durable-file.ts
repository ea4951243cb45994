/** Files that are replaced as a whole and survive a power cut. */
import { constants } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants

/**
 * After any crash the file holds the old bytes or the new ones; once this is done, the new ones. One at a time for a path.
 *
 * @param mode of the new file, less what the process masks
 */
export async function replaceDurably(path: string, bytes: Uint8Array, mode: number = 0o666): Promise<void> {
  const fresh = unfinished(path)
  const file = await open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  await syncPath(dirname(path))
}

/** Where the new bytes lie until they take the place of the old ones; a process that is killed leaves it there. */
export function unfinished(path: string): string {
  return `${path}.tmp`
}

/** Makes a file's content, or the names in a folder, durable. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
