/** Picks the few contacts nearest to a target out of groups, each of which is farther away than the one before. */
import { ID_LENGTH } from '../../protocol/ids.ts'
import type { Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from './contact.ts'
import type { Bucket, BucketMemory } from './bucket-memory.ts'
import type { Freshness } from './freshness.ts'

export interface NearestQuery {
  readonly target: Uint8Array
  /** How many are wanted. */
  readonly count: number
  /** Restricts the search to contacts that may be named at a time and are accepted; all if undefined. */
  readonly named?: Named | undefined
}

export interface Named {
  readonly now: Millis
  accepts(contact: Contact): boolean
}

/** The target of one that has looked for nobody yet. */
const NOWHERE = new Uint8Array(ID_LENGTH)

/** One for all tables that share their memory, since there is one search at a time. */
export class Nearest {
  /** Nearest first. */
  readonly #found: Contact[] = []
  /** The first bits of the distance of each of {@link #found}: nearly always they decide. */
  readonly #keys: number[] = []
  readonly #book: ContactBook
  readonly #memory: BucketMemory
  readonly #freshness: Freshness
  #target: Uint8Array = NOWHERE
  #targetKey = 0
  #count = 0
  #named: Named | undefined
  /** Those found in earlier groups: nothing comes before them. */
  #settled = 0

  constructor(book: ContactBook, memory: BucketMemory, freshness: Freshness) {
    this.#book = book
    this.#memory = memory
    this.#freshness = freshness
  }

  /**
   * @param own index of the target's bucket. Its contacts share more bits with the target than any other; then come all
   * deeper buckets, which share exactly as many as we do; then the shallower ones, one by one
   * @returns the nearest, nearest first
   */
  among(buckets: readonly Bucket[], own: number, { target, count, named }: NearestQuery): Contact[] {
    this.#target = target
    this.#targetKey = (target[0]! << 24) | (target[1]! << 16) | (target[2]! << 8) | target[3]!
    this.#count = count
    this.#named = named
    this.#found.length = 0
    this.#addGroup(buckets, own, own + 1)
    this.#addGroup(buckets, own + 1, buckets.length)
    for (let index = own - 1; index >= 0; index--) this.#addGroup(buckets, index, index + 1)
    return this.#found.slice()
  }

  #addGroup(buckets: readonly Bucket[], first: number, end: number): void {
    const found = this.#found
    this.#settled = found.length
    // No contact of a farther group comes before those found.
    if (this.#settled === this.#count) return
    for (let index = first; index < end; index++) this.#offer(buckets[index]!, false)
    if (this.#areAccepted()) return
    found.length = this.#settled
    for (let index = first; index < end; index++) this.#offer(buckets[index]!, true)
  }

  /** Fresh contacts are nearly always accepted, so this is checked once they are found; only if one is not, for all. */
  #areAccepted(): boolean {
    const named = this.#named
    if (named === undefined) return true
    for (let at = this.#settled; at < this.#found.length; at++)
      if (!named.accepts(this.#found[at]!)) return false
    return true
  }

  /** Searches one bucket of the current group; only for rows that are near enough it checks whether they are wanted. */
  #offer(bucket: Bucket, isChoosy: boolean): void {
    const { columns } = this.#memory
    const freshness = this.#freshness
    const first = this.#memory.first(bucket)
    const book = this.#book
    const targetKey = this.#targetKey
    let last = this.#found.length - 1
    let isFull = last + 1 === this.#count
    const named = this.#named
    const since = named === undefined ? 0 : freshness.namedSince(bucket, named.now)
    for (let row = this.#memory.end(bucket) - 1; row >= first; row--) {
      const contact = columns.contact(row)
      const key = book.distanceKey(contact, targetKey)
      if (isFull && !this.#isNearer(contact, key, last)) continue
      if (named !== undefined && !freshness.isGoodSince(row, since)) continue
      if (isChoosy && !named!.accepts(contact)) continue
      if (!isFull) last++
      this.#insert(contact, key, last)
      isFull = last + 1 === this.#count
    }
  }

  /** @param last the place behind all that stay */
  #insert(contact: Contact, key: number, last: number): void {
    const found = this.#found
    const keys = this.#keys
    let at = last
    for (; at > this.#settled && this.#isNearer(contact, key, at - 1); at--) {
      found[at] = found[at - 1]!
      keys[at] = keys[at - 1]!
    }
    found[at] = contact
    keys[at] = key
  }

  #isNearer(contact: Contact, key: number, index: number): boolean {
    const difference = key - this.#keys[index]!
    if (difference !== 0) return difference < 0
    return this.#book.compareDistance(contact, this.#found[index]!, this.#target) < 0
  }
}
