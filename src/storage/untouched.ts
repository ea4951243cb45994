import type { FileStat } from './disk.ts'

/**
 * Whether nobody can have written to a file since its state was `then`. A file that was written and dated back still has a new
 * `changedAt`. So has one after a chmod or another hard link, but that shows in the attributes and is no reason to read it again.
 */
export function isUntouched(now: FileStat, then: FileStat): boolean {
  if (now.inode !== then.inode || now.length !== then.length || now.modifiedAt !== then.modifiedAt)
    return false
  return now.changedAt === then.changedAt || now.attributes !== then.attributes
}
