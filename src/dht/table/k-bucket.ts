/** One bucket: contacts whose ids share a given number of leading bits with ours, and those waiting for a place. */
import type { Millis } from '../../protocol/ports.ts'
import { NO_ROW, type ContactColumns } from './contact-columns.ts'
import { NONE, type Contact, type ContactBook } from './contact.ts'

/** Contacts in a bucket, and nodes that answer for a hash (Kademlia's k). */
export const K = 8

/** Verified contacts that wait until a member goes: so many, and a share of a wide bucket's places. */
const MIN_REPLACEMENTS = 8
const REPLACEMENT_SHARE = 1 / 4

/** What became of a contact that answered us. */
export type InsertOutcome =
  /** In the table now. */
  | 'added'
  /** Was there, and is fresh again. */
  | 'known'
  /** The bucket is full of contacts that are not bad: it waits. See `RoutingTable.doubtedFor`. */
  | 'waiting'
  /** Ourselves, a second id at one endpoint, or more of one network than we take. */
  | 'refused'

/**
 * Its members are a run of rows of the table's columns, the one that came last at the end; replacements are bare contacts. It
 * retains the replacements, the table its rows.
 */
export class KBucket {
  readonly #columns: ContactColumns
  /** The first of its rows. */
  readonly first: number
  #size = 0
  #replacements: Contact[] | undefined

  /** @param first nobody else uses this row, nor those behind it up to as many as there may be members */
  constructor(columns: ContactColumns, first: number) {
    this.#columns = columns
    this.first = first
  }

  /** Behind the last of its rows. */
  get end(): number {
    return this.first + this.#size
  }

  get size(): number {
    return this.#size
  }

  /** The one that came last comes first. */
  rows(): number[] {
    return Array.from({ length: this.#size }, (_, at) => this.end - 1 - at)
  }

  /** {@link NO_ROW} when it is no member. */
  rowOf(contact: Contact): number {
    const columns = this.#columns
    for (let row = this.end - 1; row >= this.first; row--) if (columns.contact(row) === contact) return row
    return NO_ROW
  }

  /** @returns its row */
  add(contact: Contact, now: Millis): number {
    const row = this.end
    this.#columns.fill(row, contact, now)
    this.#size++
    return row
  }

  /** Adds a member of another bucket, as it is. */
  take(row: number): void {
    this.#columns.copy(row, this.end, 1)
    this.#size++
  }

  /** Those who came later move up. */
  remove(row: number): void {
    this.#columns.copy(row + 1, row, this.end - row - 1)
    this.#size--
  }

  get replacements(): readonly Contact[] {
    return this.#replacements ?? []
  }

  /** Remembers a contact that answered us just now; the one that answered longest ago makes place. */
  addReplacement(contact: Contact, book: ContactBook): void {
    const kept = this.replacements
    // One endpoint is one chance: another id there, or an older answer, is forgotten.
    const same = kept.findIndex((other) => book.isSameEndpoint(other, contact))
    const isFull = kept.length >= Math.max(MIN_REPLACEMENTS, REPLACEMENT_SHARE * this.#size)
    const dropped = same >= 0 ? same : isFull ? 0 : NONE
    book.retain(contact)
    if (dropped !== NONE) book.release(kept[dropped]!)
    // A copy has no more places than it needs: most buckets keep a few for very long.
    this.#replacements = [...kept.filter((_, at) => at !== dropped), contact]
  }

  /** Takes the one that answered last; its caller now holds it. */
  takeReplacement(): Contact {
    return this.#replacements?.pop() ?? NONE
  }

  dropReplacement(contact: Contact, book: ContactBook): void {
    const at = this.#replacements?.indexOf(contact) ?? -1
    if (at >= 0) book.release(this.#replacements!.splice(at, 1)[0]!)
  }

  clear(book: ContactBook): void {
    for (const contact of this.replacements) book.release(contact)
    this.#replacements = undefined
    this.#size = 0
  }
}
