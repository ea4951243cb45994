/**
 * Asks all contacts whether they are still there, nearest first: after a restart, after sleep, and when the network is back.
 * The first few at once, as a walk would, then at a steady pace, so that a router survives it.
 */
import type { Cancel, Clock, Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import { K } from '../table/bucket-memory.ts'
import type { Ping } from './ping.ts'

/** Asked at once. */
const FIRST = 2 * K
/** Between two of the others: fifty a second. */
const SPACING: Millis = 20

export interface RollCallOptions {
  readonly book: ContactBook
  readonly clock: Clock
  readonly target: Uint8Array
  readonly ping: Ping
  /** So many have answered that a lookup works, or all have been heard or given up. Called once. */
  readonly onEnough: (answered: number, asked: number) => void
  /** All have been heard or given up. */
  readonly onEnd?: () => void
}

export class RollCall {
  readonly #options: RollCallOptions
  readonly #queue: Contact[]
  #timer: Cancel = () => undefined
  #asked = 0
  #open = 0
  #answered = 0
  #hasEnough = false
  #isCancelled = false

  /** Retains the contacts until they are asked; nothing is sent before the first turn of the clock. */
  constructor(contacts: readonly Contact[], options: RollCallOptions) {
    const { book, clock, target } = options
    this.#options = options
    this.#queue = [...contacts].sort((a, b) => book.compareDistance(a, b, target))
    for (const contact of this.#queue) book.retain(contact)
    this.#timer = clock.after(0, () => this.#begin())
  }

  cancel(): void {
    this.#isCancelled = true
    this.#timer()
    for (const contact of this.#queue.splice(0)) this.#options.book.release(contact)
  }

  #begin(): void {
    for (let i = 1; i < FIRST && this.#queue.length > 0; i++) this.#askNext()
    this.#goOn()
  }

  #goOn(): void {
    if (this.#queue.length > 0) {
      this.#askNext()
      this.#timer = this.#options.clock.after(SPACING, () => this.#goOn())
    } else this.#settle()
  }

  #askNext(): void {
    const { book, ping } = this.#options
    const contact = this.#queue[0]!
    const isSent = ping(contact, (hasAnswered) => {
      if (this.#isCancelled) return
      this.#open--
      if (hasAnswered) this.#answered++
      this.#settle()
    })
    // Otherwise it stays first in the queue, for the next turn.
    if (!isSent) return
    this.#asked++
    this.#open++
    // From now on the call holds it.
    book.release(this.#queue.shift()!)
  }

  #settle(): void {
    const isOver = this.#queue.length === 0 && this.#open === 0
    if (!this.#hasEnough && (this.#answered >= K || isOver)) {
      this.#hasEnough = true
      this.#options.onEnough(this.#answered, this.#asked)
    }
    if (isOver) this.#options.onEnd?.()
  }
}
