/** How many contacts of one address or network a routing table accepts: the owner of a network must not own the table. */
import type { Contact, ContactBook } from './contact.ts'
import type { RoutingTable } from './routing-table.ts'

/** Contacts at one private or loopback address: a machine may run many nodes. */
const MAX_PER_PRIVATE_IP = 256
/** Contacts of one public /24 (IPv6: /48) in one bucket, and in the table. A public address has one contact. */
const MAX_PER_NETWORK_AND_BUCKET = 2
const MAX_PER_NETWORK = 8

export interface Members {
  readonly book: ContactBook
  readonly contacts: readonly Contact[]
  /** Of which they are. */
  readonly table: Pick<RoutingTable, 'bucketIndexOf'>
}

/**
 * Whether the newcomer's address has a place already. The owner of an address can use as many ids as it likes, and be as
 * fast as it likes: with a second id it displaces nobody.
 */
export function isNotAlone(
  newcomer: Contact,
  { book, contacts }: Pick<Members, 'book' | 'contacts'>,
): boolean {
  return contacts.some((other) => book.isSameNetwork(other, newcomer, addressBits(newcomer, book)))
}

/** Whether the newcomer's network has as many places as it may have. Private networks are one's own. */
export function isCrowded(newcomer: Contact, { book, contacts, table }: Members): boolean {
  const isPublic = book.scope(newcomer) === 'public'
  const address = addressBits(newcomer, book)
  const network = book.family === 4 ? 24 : 48
  let sameAddress = 0
  let sameNetwork = 0
  let sameInBucket = 0
  for (const other of contacts) {
    if (!book.isSameNetwork(other, newcomer, network)) continue
    sameNetwork++
    if (table.bucketIndexOf(other) === table.bucketIndexOf(newcomer)) sameInBucket++
    if (book.isSameNetwork(other, newcomer, address)) sameAddress++
  }
  if (!isPublic) return sameAddress >= MAX_PER_PRIVATE_IP
  return sameAddress >= 1 || sameNetwork >= MAX_PER_NETWORK || sameInBucket >= MAX_PER_NETWORK_AND_BUCKET
}

/** What one owner has: an address, or a public /64 of IPv6. */
function addressBits(contact: Contact, book: ContactBook): number {
  if (book.family === 4) return 32
  return book.scope(contact) === 'public' ? 64 : 128
}
