/** One bucket: contacts whose ids share a given number of leading bits with ours, and those waiting for a place. */
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
 * Its members are rows of the table's columns, linked there; replacements are bare contacts. It retains the
 * replacements, the table its rows.
 */
export class KBucket {
  readonly #columns: ContactColumns
  #first = NO_ROW
  #size = 0
  #replacements: Contact[] | undefined

  constructor(columns: ContactColumns) {
    this.#columns = columns
  }

  /** The first of its rows; {@link ContactColumns.next} leads on. */
  get first(): number {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  rows(): number[] {
    const rows: number[] = []
    for (let row = this.#first; row !== NO_ROW; row = this.#columns.next(row)) rows.push(row)
    return rows
  }

  /** The first row that `accepts` takes; {@link NO_ROW} when there is none. */
  find(accepts: (row: number) => boolean): number {
    let row = this.#first
    while (row !== NO_ROW && !accepts(row)) row = this.#columns.next(row)
    return row
  }

  add(row: number): void {
    this.#columns.setNext(row, this.#first)
    this.#first = row
    this.#size++
  }

  remove(row: number): void {
    const columns = this.#columns
    const next = columns.next(row)
    if (this.#first === row) this.#first = next
    else
      columns.setNext(
        this.find((before) => columns.next(before) === row),
        next,
      )
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
    this.#first = NO_ROW
    this.#size = 0
  }
}
