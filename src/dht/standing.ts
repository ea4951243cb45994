/**
 * Who counts: nodes whose ids follow from their addresses ({@link IdRule}), as long as most of those we know have such
 * ids. Where most have others, as in a young network whose nodes have not heard yet where they are, everybody counts.
 */
import type { Millis } from '../protocol/ports.ts'
import type { Contact, ContactBook } from './contact.ts'
import { FREE_IDS } from './id-rule.ts'
import type { RoutingTable } from './routing-table.ts'

/** How often the table is counted. */
const COUNT_EVERY: Millis = 10_000

export class Standing {
  readonly #book: ContactBook
  readonly #table: RoutingTable
  #isUsual = false
  #countedAt: Millis = Number.NEGATIVE_INFINITY

  constructor(book: ContactBook, table: RoutingTable) {
    this.#book = book
    this.#table = table
  }

  counts(contact: Contact, now: Millis): boolean {
    if (this.#book.idRule === FREE_IDS) return true
    if (now - this.#countedAt >= COUNT_EVERY) this.#count(now)
    return !this.#isUsual || this.#book.isBound(contact)
  }

  #count(now: Millis): void {
    let bound = 0
    for (const contact of this.#table.contacts()) if (this.#book.isBound(contact)) bound++
    this.#isUsual = 2 * bound > this.#table.size
    this.#countedAt = now
  }
}
