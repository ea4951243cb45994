/** Nodes that a walk does not ask, because more were named near its target than there can be. Kept in case we misjudged the network. */
import type { Contact, ContactBook } from '../table/contact.ts'
import type { LookupEntry } from './lookup-entry.ts'

/** Further ones are forgotten. */
const MAX_REFUSED = 64

/** Retains its contacts until `release`. */
export class Refused {
  readonly #book: ContactBook
  readonly #nodes: { readonly contact: Contact; readonly suggestedBy: LookupEntry }[] = []

  constructor(book: ContactBook) {
    this.#book = book
  }

  get size(): number {
    return this.#nodes.length
  }

  add(contact: Contact, suggestedBy: LookupEntry): void {
    if (this.#nodes.length < MAX_REFUSED)
      this.#nodes.push({ contact: this.#book.retain(contact), suggestedBy })
  }

  /** Forgets all; `visit` sees each one last time, in the order in which they came. */
  release(visit: (contact: Contact, suggestedBy: LookupEntry) => void): void {
    for (const { contact, suggestedBy } of this.#nodes.splice(0)) {
      visit(contact, suggestedBy)
      this.#book.release(contact)
    }
  }
}
