/**
 * Whether the nodes nearest to a target contradict each other. Each knows its neighbourhood: of two such nodes, the one
 * names the other, or the other the one, unless one of them has just come. Those who put themselves there and those who belong
 * there are strangers, as the former name each other only, and the latter have never heard of them.
 */
import { shouldName, type LookupEntry } from './lookup-entry.ts'

/** So many of a hundred pairs may be strangers: not everybody has heard of everybody while nodes come and go. */
const STRANGERS_PERCENT = 15

/** Who lies farther away does not know all, but so many of those that it should. */
const MIN_KNOWN_SHARE = 1 / 3

export function isContradictory(nearest: readonly LookupEntry[]): boolean {
  let pairs = 0
  let strangers = 0
  for (const [at, one] of nearest.entries())
    for (const other of nearest.slice(at + 1)) {
      if (!shouldName(one, other) || !shouldName(other, one)) continue
      pairs++
      if (!one.namers.includes(other) && !other.namers.includes(one)) strangers++
    }
  return strangers > (STRANGERS_PERCENT / 100) * pairs
}

/** Whether a node farther away, which was asked for the nearest, too, has named others in place of most of them. */
export function isUnknownTo(witness: LookupEntry, nearest: readonly LookupEntry[]): boolean {
  const due = nearest.filter((near) => shouldName(witness, near))
  const named = due.filter(({ namers }) => namers.includes(witness))
  return named.length < MIN_KNOWN_SHARE * due.length
}
