/** One bucket: contacts whose ids share a given number of leading bits with ours, and those waiting for a place. */
import type { Millis } from '../../protocol/ports.ts'
import { bareRows, NO_ROW, type ContactColumns } from './contact-columns.ts'
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
 * Its members are a run of rows of the table's columns, the one that came last at the end. Behind the places for them lie
 * the replacements, bare contacts, the one that answered last at the end. It retains the replacements, the table its rows.
 */
export class KBucket {
  readonly #columns: ContactColumns
  /** The first of its rows. */
  readonly first: number
  readonly #places: number
  #size = 0
  #waiting = 0

  /** @param first nobody else uses this row, nor those behind it up to {@link behind} */
  constructor(columns: ContactColumns, first: number, places: number) {
    this.#columns = columns
    this.first = first
    // A last bucket holds so many before it splits.
    this.#places = Math.max(K, places)
  }

  /** The first row that another bucket may use. */
  get behind(): number {
    return (
      this.#waitingRow + bareRows(Math.max(MIN_REPLACEMENTS, Math.ceil(REPLACEMENT_SHARE * this.#places)))
    )
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
    this.#columns.reserve(this.behind)
    this.#columns.fill(row, contact, now)
    this.#size++
    return row
  }

  /** Adds a member of another bucket, as it is. */
  take(row: number): void {
    this.#columns.reserve(this.behind)
    this.#columns.copy(row, this.end, 1)
    this.#size++
  }

  /** Those who came later move up. */
  remove(row: number): void {
    this.#columns.copy(row + 1, row, this.end - row - 1)
    this.#size--
  }

  /** Remembers a contact that answered us just now; the one that answered longest ago makes place. */
  addReplacement(contact: Contact, book: ContactBook): void {
    book.retain(contact)
    // One endpoint is one chance: another id there, or an older answer, is forgotten.
    const same = this.#findReplacement((other) => book.isSameEndpoint(other, contact))
    const isFull = this.#waiting >= Math.max(MIN_REPLACEMENTS, REPLACEMENT_SHARE * this.#size)
    if (same >= 0) this.#drop(same, book)
    else if (isFull) this.#drop(0, book)
    this.#columns.setBare(this.#waitingRow, this.#waiting++, contact)
  }

  /** Takes the one that answered last; its caller now holds it. */
  takeReplacement(): Contact {
    return this.#waiting === 0 ? NONE : this.#replacement(--this.#waiting)
  }

  dropReplacement(contact: Contact, book: ContactBook): void {
    const at = this.#findReplacement((other) => other === contact)
    if (at >= 0) this.#drop(at, book)
  }

  clear(book: ContactBook): void {
    for (let at = 0; at < this.#waiting; at++) book.release(this.#replacement(at))
    this.#waiting = 0
    this.#size = 0
  }

  get #waitingRow(): number {
    return this.first + this.#places
  }

  #replacement(at: number): Contact {
    return this.#columns.bare(this.#waitingRow, at)
  }

  #findReplacement(isIt: (contact: Contact) => boolean): number {
    for (let at = 0; at < this.#waiting; at++) if (isIt(this.#replacement(at))) return at
    return NONE
  }

  #drop(at: number, book: ContactBook): void {
    book.release(this.#replacement(at))
    this.#waiting--
    for (let next = at; next < this.#waiting; next++)
      this.#columns.setBare(this.#waitingRow, next, this.#replacement(next + 1))
  }
}
