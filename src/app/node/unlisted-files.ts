/** What lies in a folder and is not in its metainfo: it came later, and nobody gets it. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Files of a folder that came after its metainfo, and are counted. */
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
