/**
 * Whether the nodes nearest to a target contradict each other. Each knows its neighbourhood: of two such nodes, at least one
 * names the other, unless one of them has just joined. Nodes that placed themselves there and nodes that belong there are
 * strangers: the former name only each other, and the latter have never heard of them.
 */
import { shouldName, type LookupEntry } from './lookup-entry.ts'

/** The share of pairs that may be strangers: with churn, not everybody has heard of everybody. */
const STRANGERS_PERCENT = 15

/** A node further away does not know all of those that it should, but this share. */
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

/** Whether a node further away, which was also asked for the nearest, has named others instead of most of them. */
export function isUnknownTo(witness: LookupEntry, nearest: readonly LookupEntry[]): boolean {
  const due = nearest.filter((near) => shouldName(witness, near))
  const named = due.filter(({ namers }) => namers.includes(witness))
  return named.length < MIN_KNOWN_SHARE * due.length
}
