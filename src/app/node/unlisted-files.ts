/** Files that are in a folder but not in its metainfo: they came later, and are not served. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** How many such files are counted. */
export const MAX_UNLISTED = 100

/**
 * @param listed "/"-joined, relative to the folder
 * @returns the others alike, {@link MAX_UNLISTED} at most, in order of folders; those in folders that cannot be read are missing
 */
export async function unlistedFiles(folder: string, listed: ReadonlySet<string>): Promise<string[]> {
  const found: string[] = []
  const walk = async (prefix: string): Promise<void> => {
    const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (found.length >= MAX_UNLISTED) return
      const path = prefix + entry.name
      if (entry.isDirectory()) await walk(`${path}/`)
      else if (!listed.has(path)) found.push(path)
    }
  }
  await walk('')
  return found
}
