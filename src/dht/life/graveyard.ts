/**
 * Contacts that were good and fell silent: they are asked again now and then, ever more rarely. This is how a part of the
 * network that was cut off is found again. Says whom to ask; asks nobody itself.
 */
import type { Millis } from '../../protocol/ports.ts'
import { NONE, type Contact, type ContactBook } from '../table/contact.ts'

/** Contacts that are remembered; the one silent for longest makes room. */
const MAX_GRAVES = 512
/** Asked again after this long, then after twice as long each time … */
const FIRST_RETRY_SECONDS = 60
/** … up to this. */
const MAX_RETRY_SECONDS = 32 * 60
/** Forgotten after this. */
const MAX_AGE_SECONDS = 24 * 60 * 60
/** Rows that are allocated at a time: most nodes never need all. */
const GROWTH = 32

/** Shared by all empty ones. */
const NOBODY = new Int32Array(0)
const NEVER = new Uint32Array(0)
const NO_TRIES = new Uint8Array(0)

export class Graveyard {
  readonly #book: ContactBook
  /** {@link NONE} in a free row. */
  #contacts = NOBODY
  /** Seconds of the clock. */
  #buriedAt = NEVER
  #dueAt = NEVER
  #tries = NO_TRIES
  #size = 0

  constructor(book: ContactBook) {
    this.#book = book
  }

  get size(): number {
    return this.#size
  }

  /** Who was buried last comes first. */
  get contacts(): readonly Contact[] {
    const rows = [...this.#contacts.keys()].filter((row) => this.#contacts[row] !== NONE)
    rows.sort((a, b) => this.#buriedAt[b]! - this.#buriedAt[a]!)
    return rows.map((row) => this.#contacts[row]! as Contact)
  }

  /** A contact was good, and is silent now. Retains it. */
  bury(contact: Contact, now: Millis): void {
    if (this.#contacts.includes(contact)) return
    const row = this.#freeRow()
    const second = secondOf(now)
    this.#contacts[row] = this.#book.retain(contact)
    this.#buriedAt[row] = second
    this.#dueAt[row] = second + FIRST_RETRY_SECONDS
    this.#tries[row] = 0
    this.#size++
  }

  /** It is alive. @returns whether it was here */
  raise(contact: Contact): boolean {
    const row = this.#size === 0 ? -1 : this.#contacts.indexOf(contact)
    if (row < 0) return false
    this.#free(row)
    return true
  }

  /** Whoever is due, most of all the one that has been for longest; or {@link NONE}. The caller asks it. */
  takeDue(now: Millis): Contact {
    const second = secondOf(now)
    let next = -1
    for (let row = 0; row < this.#contacts.length; row++) {
      if (this.#contacts[row] === NONE) continue
      if (second - this.#buriedAt[row]! > MAX_AGE_SECONDS) this.#free(row)
      else if (this.#dueAt[row]! <= second && (next < 0 || this.#dueAt[row]! < this.#dueAt[next]!)) next = row
    }
    if (next < 0) return NONE
    const wait = Math.min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (this.#tries[next]! + 1))
    this.#dueAt[next] = second + wait
    if (wait < MAX_RETRY_SECONDS) this.#tries[next]!++
    return this.#contacts[next]! as Contact
  }

  /** How many were buried after `since`. */
  buriedSince(since: Millis): number {
    const second = secondOf(Math.max(0, since))
    let count = 0
    for (let row = 0; row < this.#contacts.length; row++)
      if (this.#contacts[row] !== NONE && this.#buriedAt[row]! >= second) count++
    return count
  }

  /** Releases everything. */
  clear(): void {
    for (let row = 0; row < this.#contacts.length; row++) if (this.#contacts[row] !== NONE) this.#free(row)
  }

  #free(row: number): void {
    this.#book.release(this.#contacts[row]! as Contact)
    this.#contacts[row] = NONE
    this.#size--
  }

  #freeRow(): number {
    const free = this.#contacts.indexOf(NONE)
    if (free >= 0) return free
    const rows = this.#contacts.length
    if (rows < MAX_GRAVES) {
      this.#grow(rows + GROWTH)
      return rows
    }
    let oldest = 0
    for (let row = 1; row < rows; row++) if (this.#buriedAt[row]! < this.#buriedAt[oldest]!) oldest = row
    this.#free(oldest)
    return oldest
  }

  #grow(rows: number): void {
    const contacts = new Int32Array(rows).fill(NONE)
    contacts.set(this.#contacts)
    this.#contacts = contacts
    const buriedAt = new Uint32Array(rows)
    buriedAt.set(this.#buriedAt)
    this.#buriedAt = buriedAt
    const dueAt = new Uint32Array(rows)
    dueAt.set(this.#dueAt)
    this.#dueAt = dueAt
    const tries = new Uint8Array(rows)
    tries.set(this.#tries)
    this.#tries = tries
  }
}

function secondOf(now: Millis): number {
  return Math.floor(now / 1_000)
}
