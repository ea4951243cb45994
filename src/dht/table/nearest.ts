/** The few nearest to a target, picked out of groups of which each is farther away than the one before. */
import type { ContactColumns } from './contact-columns.ts'
import type { Contact, ContactBook } from './contact.ts'
import type { KBucket } from './k-bucket.ts'

export interface NearestOptions {
  readonly book: ContactBook
  readonly columns: ContactColumns
  readonly target: Uint8Array
  /** How many are wanted. */
  readonly count: number
}

/** Which rows of a bucket are wanted. */
export type AcceptsOf = (bucket: KBucket) => (row: number) => boolean

export class Nearest {
  /** Nearest first. */
  readonly #found: Contact[] = []
  /** The first bits of the distance of each of {@link #found}: nearly always they decide. */
  readonly #keys: number[] = []
  readonly #book: ContactBook
  readonly #columns: ContactColumns
  readonly #target: Uint8Array
  readonly #targetKey: number
  readonly #count: number
  /** Those found in earlier groups: nobody comes before them. */
  #settled = 0

  constructor({ book, columns, target, count }: NearestOptions) {
    this.#book = book
    this.#columns = columns
    this.#target = target
    this.#targetKey = (target[0]! << 24) | (target[1]! << 16) | (target[2]! << 8) | target[3]!
    this.#count = count
  }

  /**
   * @param own index of the target's bucket. Its contacts share more bits with the target than any other; then come all
   * deeper buckets, which share exactly as many as we do; then the shallower ones, one by one
   * @returns the nearest, nearest first
   */
  among(buckets: readonly KBucket[], own: number, acceptsOf: AcceptsOf): Contact[] {
    this.#addGroup(buckets, { first: own, end: own + 1 }, acceptsOf)
    this.#addGroup(buckets, { first: own + 1, end: buckets.length }, acceptsOf)
    for (let index = own - 1; index >= 0; index--)
      this.#addGroup(buckets, { first: index, end: index + 1 }, acceptsOf)
    return this.#found
  }

  #addGroup(
    buckets: readonly KBucket[],
    { first, end }: { readonly first: number; readonly end: number },
    acceptsOf: AcceptsOf,
  ): void {
    this.#settled = this.#found.length
    // Nobody of a farther group comes before those found.
    if (this.#settled === this.#count) return
    for (let index = first; index < end; index++) this.#offer(buckets[index]!, acceptsOf(buckets[index]!))
  }

  /** Looks at one bucket of the current group; `accepts` is asked only about rows that are near enough. */
  #offer(bucket: KBucket, accepts: (row: number) => boolean): void {
    const columns = this.#columns
    const book = this.#book
    const targetKey = this.#targetKey
    let last = this.#found.length - 1
    let isFull = last + 1 === this.#count
    for (let row = bucket.end - 1; row >= bucket.first; row--) {
      const contact = columns.contact(row)
      const key = book.distanceKey(contact, targetKey)
      if (isFull && !this.#isNearer(contact, key, last)) continue
      if (!accepts(row)) continue
      if (!isFull) last++
      this.#insert(contact, key, last)
      isFull = last + 1 === this.#count
    }
  }

  /** @param last the place behind all that stay */
  #insert(contact: Contact, key: number, last: number): void {
    const found = this.#found
    let at = last
    for (; at > this.#settled && this.#isNearer(contact, key, at - 1); at--) {
      found[at] = found[at - 1]!
      this.#keys[at] = this.#keys[at - 1]!
    }
    found[at] = contact
    this.#keys[at] = key
  }

  #isNearer(contact: Contact, key: number, index: number): boolean {
    const difference = key - this.#keys[index]!
    if (difference !== 0) return difference < 0
    return this.#book.compareDistance(contact, this.#found[index]!, this.#target) < 0
  }
}
