/** Estimates the number of nodes from the distances of our nearest contacts. */
import type { Contact, ContactBook } from './contact.ts'
import { K } from './bucket-memory.ts'

/** Contacts that the estimate uses. */
const JUDGED = 3 * K
/**
 * A table with fewer contacts is new, unless they are half of all: it knows its {@link K} nearest from the walk to its own id, and
 * has gaps beyond them. 24 contacts of 40 would suggest a twelfth of the nodes, and make nodes that are really near a target look
 * made up; and where a fifth of all datagrams is lost the gaps close only after minutes.
 */
const BEGUN = 192

/** What a table knows about our neighbours. */
export interface Neighbours {
  /** Contacts in all. */
  readonly size: number
  /** The nearest of them, nearest first. */
  closest(target: Uint8Array, count: number): readonly Contact[]
}

/**
 * The lowest of what the eighth, sixteenth and twenty-fourth nearest suggest: an attacker that places ids beside ours to make
 * the network look large needs that many, unless our table is new.
 */
export function estimateNetworkSize(neighbours: Neighbours, ownId: Uint8Array, book: ContactBook): number {
  const nearest = neighbours.closest(ownId, JUDGED)
  if (nearest.length < K) return nearest.length + 1
  const suggestedBy = (rank: number): number => rank / book.distanceFraction(nearest[rank - 1]!, ownId)
  let size = suggestedBy(K)
  if (neighbours.size < Math.min(BEGUN, size / 2)) return size
  for (let rank = 2 * K; rank <= nearest.length; rank += K) size = Math.min(size, suggestedBy(rank))
  return size
}
