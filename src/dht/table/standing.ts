/**
 * Decides who counts: nodes whose ids are derived from their addresses ({@link IdRule}), as long as most known hosts have such
 * nodes. Where most have none, as in a young network whose nodes do not know their addresses yet, everybody counts.
 */
import type { Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from './contact.ts'
import { FREE_IDS } from '../identity/id-rule.ts'
import type { RoutingTable } from './routing-table.ts'

/** How often the hosts in the table are counted. */
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
    // By host, because one host may pretend to be many nodes.
    const hosts = new Map<string, boolean>()
    for (const contact of this.#table.contacts()) {
      const { host } = this.#book.endpoint(contact)
      if (hosts.get(host) !== true) hosts.set(host, this.#book.isBound(contact))
    }
    const bound = [...hosts.values()].filter((isBound) => isBound).length
    this.#isUsual = 2 * bound > hosts.size
    this.#countedAt = now
  }
}
