/** How many nodes there are, judged by how near our nearest contacts are. */
import type { Contact, ContactBook } from './contact.ts'
import { K } from './k-bucket.ts'

/** Contacts that the judgement looks at. */
export const JUDGED = 3 * K

/**
 * The lowest of what the eighth, sixteenth and twenty-fourth nearest say: who puts ids beside ours to make the network
 * look large needs that many.
 *
 * @param nearest to `ownId`, nearest first, up to {@link JUDGED}
 */
export function estimateNetworkSize(
  nearest: readonly Contact[],
  ownId: Uint8Array,
  book: ContactBook,
): number {
  if (nearest.length < K) return nearest.length + 1
  let size = Number.POSITIVE_INFINITY
  for (let rank = K; rank <= nearest.length; rank += K)
    size = Math.min(size, rank / book.distanceFraction(nearest[rank - 1]!, ownId))
  return size
}
