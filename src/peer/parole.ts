/**
 * Sources that had a hand in a bad piece together: one of them lies. Until that piece has come right, which tells who, each
 * gets whole pieces alone, so that the next bad one has one sender. So does a newcomer from where a liar came from, until
 * it has sent a good piece.
 */
import { LazyMap } from '../protocol/lazy-map.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { BegunPieces } from './begun-pieces.ts'
import type { Requests } from './requests.ts'
import { Retrials } from './retrials.ts'
import type { SourceQueue } from './source-queue.ts'

/** Pieces that a source on parole may have active and pending. */
export const MAX_PAROLE_PIECES = 4
/** The same for one that has not proven itself. */
export const MAX_UNPROVEN_PIECES = 1
/** How long a source that choked us or fell silent begins no piece alone: others go first. */
const REST: Millis = 20_000

/** Among the pieces for which a source is on parole: any, it has to send a good one first. */
const UNPROVEN = -1

export interface ParoleBooks {
  readonly active: ActivePieces
  readonly pending: BegunPieces
  readonly requests: Requests
  /** All sources, by their ids. */
  readonly sources: ReadonlyMap<number, SourceQueue>
}

export class Parole {
  readonly retrials: Retrials = new Retrials()
  readonly #books: ParoleBooks
  /** By source: the bad pieces that it had a hand in. */
  readonly #suspicions = new LazyMap<number, Set<number>>()
  /** By source: until when it rests. */
  readonly #resting = new Map<number, Millis>()

  constructor(books: ParoleBooks) {
    this.#books = books
  }

  has(source: number): boolean {
    return this.#suspicions.has(source)
  }

  /** Must it send a good piece alone, whatever becomes of others? */
  isUnproven(source: number): boolean {
    return this.#suspicions.get(source)?.has(UNPROVEN) ?? false
  }

  /** Had this bad piece better come from others: from some who had no hand in it, and are known to send? */
  isForOthers(queue: SourceQueue, piece: number): boolean {
    if (this.#isBetter(queue, piece)) return false
    for (const other of this.#books.sources.values())
      if (other.bitfield.has(piece) && this.#isBetter(other, piece)) return true
    return false
  }

  /** May it begin another piece? */
  mayBegin(source: number): boolean {
    const { active, pending } = this.#books
    let count = 0
    for (const pieces of [active.all, pending.all])
      for (const each of pieces) if (each.reservedFor === source) count++
    return count < (this.isUnproven(source) ? MAX_UNPROVEN_PIECES : MAX_PAROLE_PIECES)
  }

  /** It gave up what it was asked for not long ago. */
  isResting(source: number, now: Millis): boolean {
    const until = this.#resting.get(source)
    if (until === undefined) return false
    if (now < until) return true
    this.#resting.delete(source)
    return false
  }

  /** All that is asked of it is taken back: it choked us, fell silent or left. */
  onRelease(source: number, now: Millis): void {
    if (this.#books.active.reservedFor(source).some(({ isExclusive }) => isExclusive))
      this.#resting.set(source, now + REST)
  }

  /** May it send a block of this piece, for which it is not asked any more? */
  mayContribute(source: number, active: ActivePiece): boolean {
    return active.reservedFor === source || !(active.isExclusive || this.has(source))
  }

  /** What it is alone with already, it goes on with alone; the rest is open to others. */
  start(queue: SourceQueue, piece = UNPROVEN): void {
    const { id } = queue
    const suspicions = this.#suspicions.get(id)
    if (suspicions !== undefined) {
      suspicions.add(piece)
      return
    }
    this.#suspicions.set(id, new Set([piece]))
    const { active, requests } = this.#books
    for (const each of active.reservedFor(id)) {
      if (!each.isOnlyAskedOf(id)) continue
      active.unlist(each)
      each.isExclusive = true
    }
    for (let claim = queue.oldest; claim !== undefined;) {
      const { newer } = claim
      if (!claim.active.isExclusive) requests.takeBack(queue, claim)
      claim = newer
    }
    for (const each of active.reservedFor(id)) if (!each.isExclusive) active.unreserve(each)
  }

  /**
   * A piece is bad. When it has several senders, or was bad before, it is tried again, and those of them that are still
   * there go on parole until it is right.
   *
   * @returns whether it is tried again
   */
  onCorrupt({ piece, contributors }: ActivePiece, now: Millis): boolean {
    if (contributors.length === 1 && !this.retrials.has(piece)) return false
    this.retrials.wait(piece, now)
    for (const id of contributors) {
      const queue = this.#books.sources.get(id)
      if (queue !== undefined) this.start(queue, piece)
    }
    return true
  }

  /** A piece is good. When it was bad before, it is known who lied; when one source sent it alone, that one is proven. */
  onRight(active: ActivePiece): void {
    const { piece, isExclusive, reservedFor } = active
    if (isExclusive) this.#clear(reservedFor, UNPROVEN)
    if (this.retrials.close(piece))
      for (const source of [...this.#suspicions.keys()]) this.#clear(source, piece)
  }

  /** It left. */
  remove(source: number): void {
    this.#suspicions.delete(source)
    this.#resting.delete(source)
  }

  #isBetter({ id, hasSent }: SourceQueue, piece: number): boolean {
    return hasSent && this.#suspicions.get(id)?.has(piece) !== true
  }

  #clear(source: number, piece: number): void {
    const suspicions = this.#suspicions.get(source)
    if (suspicions === undefined || !suspicions.delete(piece) || suspicions.size > 0) return
    this.#suspicions.delete(source)
    const { active } = this.#books
    for (const each of active.reservedFor(source)) {
      if (this.retrials.has(each.piece)) continue
      each.isExclusive = false
      active.relist(each)
    }
  }
}
