/** The list of a walk is bounded: who makes room on it. */
import type { LookupEntry } from './lookup-entry.ts'

/** Nodes on the list of one walk. */
const MAX_ENTRIES = 64

/**
 * Of a list that has become too long by `newest`, removes the farthest node that was not asked. If that is `newest` itself, the farthest
 * node beyond it goes instead of which nothing more is expected: a long walk gets no nearer unless it forgets where it came from.
 *
 * @returns whom it removed, who may be `newest`
 */
export function makeRoom(entries: LookupEntry[], newest: LookupEntry): LookupEntry | undefined {
  if (entries.length <= MAX_ENTRIES) return undefined
  let at = entries.findLastIndex(({ state }) => state === 'heard')
  if (entries[at] === newest) at = entries.findLastIndex((one) => one === newest || isOver(one))
  return entries.splice(at, 1)[0]
}

function isOver({ state }: LookupEntry): boolean {
  return state === 'answered' || state === 'failed'
}
