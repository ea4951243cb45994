import type { FileStat } from './disk.ts'

/**
 * Whether nobody can have written to a file since it was `then`. What has been written and dated back still has a new
 * `changedAt`. A chmod or another hard link has one, too, and shows in the attributes: that is no reason to read it all again.
 */
export function isUntouched(now: FileStat, then: FileStat): boolean {
  if (now.inode !== then.inode || now.length !== then.length || now.modifiedAt !== then.modifiedAt)
    return false
  return now.changedAt === then.changedAt || now.attributes !== then.attributes
}
