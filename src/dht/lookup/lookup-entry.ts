/** A node on the list of a walk, and what the walk knows of it. */
import type { Millis } from '../../protocol/ports.ts'
import { K } from '../table/bucket-memory.ts'
import type { Contact, ContactBook } from '../table/contact.ts'

/** Dead or false nodes on a node's list after which the rest of its list is not asked. */
const MAX_BAD_SUGGESTIONS = 3

export type EntryState = 'heard' | 'waiting' | 'late' | 'answered' | 'failed'

export interface LookupEntry {
  readonly contact: Contact
  /** From the target, as a share of the space. */
  readonly distance: number
  /** Steps away from us: 1 for those we knew, one more for each referral. */
  readonly hops: number
  /** What is known of its round trip; infinite when it was never measured. */
  readonly rttMs: Millis
  readonly suggestedBy: LookupEntry | undefined
  /** All that named it; nobody, perhaps, if we knew it. */
  readonly namers: LookupEntry[]
  /** See {@link LookupOptions.counts}. */
  readonly counts: boolean
  state: EntryState
  sends: number
  badSuggestions: number
  /** How many nodes it named, and how far from the target the farthest of them is. */
  named: number
  reach: number
  /** The token to announce with. */
  token: string | undefined
}

/** A node not asked yet. @param entry its contact is retained */
export function heardEntry(
  entry: Pick<LookupEntry, 'contact' | 'distance' | 'rttMs' | 'suggestedBy' | 'counts'>,
): LookupEntry {
  const { suggestedBy } = entry
  return {
    ...entry,
    hops: suggestedBy === undefined ? 1 : suggestedBy.hops + 1,
    namers: suggestedBy === undefined ? [] : [suggestedBy],
    state: 'heard',
    sends: 0,
    badSuggestions: 0,
    named: 0,
    reach: 0,
    token: undefined,
  }
}

export function countOf(entries: readonly LookupEntry[], state: EntryState): number {
  let count = 0
  for (const entry of entries) if (entry.state === state) count++
  return count
}

/** The {@link K} first of a list that have answered, or still might. */
export function nearestOf(entries: readonly LookupEntry[]): LookupEntry[] {
  const nearest: LookupEntry[] = []
  for (const entry of entries) {
    if (nearest.length === K) break
    if (entry.state !== 'failed') nearest.push(entry)
  }
  return nearest
}

/** We know it, or a second node named it. */
export function isConfirmed({ suggestedBy, namers }: LookupEntry): boolean {
  return suggestedBy === undefined || namers.length > 1
}

/** We know it, or believe who named it. */
export function isTrusted({ suggestedBy }: LookupEntry): boolean {
  return suggestedBy === undefined || suggestedBy.badSuggestions < MAX_BAD_SUGGESTIONS
}

/** Whether `entry` had to name `other`: it named nodes that are farther away, or not as many as it could. */
export function shouldName(entry: LookupEntry, other: LookupEntry): boolean {
  return entry.named < K || entry.reach > other.distance
}

/** One public address, or one endpoint, is on the list once: sixteen names of one victim are no flood. */
export function isCrowded(contact: Contact, entries: readonly LookupEntry[], book: ContactBook): boolean {
  const isPublic = book.scope(contact) === 'public'
  const addressBits = book.family === 4 ? 32 : 64
  for (const { contact: other } of entries)
    if (isPublic ? book.isSameNetwork(other, contact, addressBits) : book.isSameEndpoint(other, contact))
      return true
  return false
}
