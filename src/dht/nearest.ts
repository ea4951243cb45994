/** The few nearest to a target, picked out of groups of which each is farther away than the one before. */
import type { Contact, ContactBook } from './contact.ts'

export class Nearest {
  /** Nearest first. */
  readonly found: Contact[] = []
  readonly #book: ContactBook
  readonly #target: Uint8Array
  readonly #count: number
  /** Those found in earlier groups: nobody comes before them. */
  #settled = 0

  constructor(book: ContactBook, target: Uint8Array, count: number) {
    this.#book = book
    this.#target = target
    this.#count = count
  }

  /** @returns false when no group can bring any more */
  beginGroup(): boolean {
    this.#settled = this.found.length
    return this.#settled < this.#count
  }

  /** Looks at one of the current group; `isAccepted` is asked only when it is near enough. */
  offer(contact: Contact, isAccepted: () => boolean): void {
    const { found } = this
    const isFull = found.length === this.#count
    if ((isFull && !this.#isNearer(contact, found.length - 1)) || !isAccepted()) return
    if (isFull) found.pop()
    let at = found.length
    while (at > this.#settled && this.#isNearer(contact, at - 1)) at--
    found.splice(at, 0, contact)
  }

  #isNearer(contact: Contact, index: number): boolean {
    return this.#book.compareDistance(contact, this.found[index]!, this.#target) < 0
  }
}
