/** The list of a walk is bounded: who makes room on it. */
import type { LookupEntry } from './lookup-entry.ts'

/**
 * Requests of one walk, resends included. Its list has as many places, so that whoever was asked keeps his: however often he is
 * named again, he is not asked again.
 */
export const MAX_RPCS = 80

/** Of a list that has become too long, removes the farthest node that was not asked. @returns whom it removed */
export function makeRoom(entries: LookupEntry[]): LookupEntry | undefined {
  if (entries.length <= MAX_RPCS) return undefined
  return entries.splice(
    entries.findLastIndex(({ state }) => state === 'heard'),
    1,
  )[0]
}
