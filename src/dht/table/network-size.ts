/** How many nodes there are, judged by how near our nearest contacts are. */
import type { Contact, ContactBook } from './contact.ts'
import { K } from './bucket-memory.ts'

/** Contacts that the judgement looks at. */
const JUDGED = 3 * K
/**
 * A table with fewer has just been begun: it knows its {@link K} nearest from the walk to its own id, and beyond them
 * it has gaps. 24 contacts of 40 would tell of a twelfth of the nodes, and hide those from us that are really near a target.
 */
const BEGUN = 64

/** What a table tells of our neighbours. */
export interface Neighbours {
  /** Contacts in all. */
  readonly size: number
  /** The nearest of them, nearest first. */
  closest(target: Uint8Array, count: number): readonly Contact[]
}

/**
 * The lowest of what the eighth, sixteenth and twenty-fourth nearest say: who puts ids beside ours to make the network
 * look large needs that many, unless our table has just been begun.
 */
export function estimateNetworkSize(neighbours: Neighbours, ownId: Uint8Array, book: ContactBook): number {
  const nearest = neighbours.closest(ownId, neighbours.size < BEGUN ? K : JUDGED)
  if (nearest.length < K) return nearest.length + 1
  let size = Number.POSITIVE_INFINITY
  for (let rank = K; rank <= nearest.length; rank += K)
    size = Math.min(size, rank / book.distanceFraction(nearest[rank - 1]!, ownId))
  return size
}
