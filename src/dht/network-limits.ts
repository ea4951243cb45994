/** How many contacts of one address and one network a routing table takes: whoever owns a network shall not own the table. */
import type { Contact, ContactBook } from './contact.ts'

/** Contacts at one private or loopback address: a machine may run many nodes. */
const MAX_PER_PRIVATE_IP = 256
/** Of one public /24 (IPv6: /48): in one bucket, in the table. One public address is one contact. */
const MAX_PER_NETWORK_AND_BUCKET = 2
const MAX_PER_NETWORK = 8

export interface Members {
  readonly book: ContactBook
  readonly contacts: Iterable<Contact>
  /** Whether a member is in the bucket that the newcomer belongs to. */
  isInBucket(member: Contact): boolean
}

/** Whether the newcomer's network has as many places as it may have. Private networks are one's own. */
export function isCrowded(newcomer: Contact, { book, contacts, isInBucket }: Members): boolean {
  const isPublic = book.scope(newcomer) === 'public'
  const [address, network] = book.family === 4 ? [32, 24] : [isPublic ? 64 : 128, 48]
  let sameAddress = 0
  let sameNetwork = 0
  let sameInBucket = 0
  for (const other of contacts) {
    if (!book.isSameNetwork(other, newcomer, network)) continue
    sameNetwork++
    if (isInBucket(other)) sameInBucket++
    if (book.isSameNetwork(other, newcomer, address)) sameAddress++
  }
  if (!isPublic) return sameAddress >= MAX_PER_PRIVATE_IP
  return sameAddress >= 1 || sameNetwork >= MAX_PER_NETWORK || sameInBucket >= MAX_PER_NETWORK_AND_BUCKET
}
