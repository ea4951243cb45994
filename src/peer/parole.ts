/**
 * Sources that sent blocks of a piece that failed its hash: at least one of them sends wrong blocks. Until the piece has passed,
 * which shows who it was, each is asked only for whole pieces, alone: then the next bad piece has one sender. The same goes for a
 * newcomer from the address of a banned peer, until it has sent one good piece.
 */
import { LazyMap } from '../protocol/lazy-map.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import type { ActivePieces } from './active-pieces.ts'
import type { BegunPieces } from './begun-pieces.ts'
import type { Requests } from './requests.ts'
import { Retrials } from './retrials.ts'
import type { SourceQueue } from './source-queue.ts'

/** Active and pending pieces that a source on parole may have. */
export const MAX_PAROLE_PIECES = 4
/** The same for a suspect newcomer that has not sent a good piece yet. */
export const MAX_UNPROVEN_PIECES = 1
/** A source that choked us or fell silent with a piece of its own begins no other for this long: others go first. */
const REST: Millis = 20_000

/** Stands among the pieces that a source is suspected for: it has to send any good piece first. */
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
  /** For each source on parole, the bad pieces that it sent blocks of. */
  readonly #suspicions = new LazyMap<number, Set<number>>()
  /** For each source, until when it begins no piece alone. */
  readonly #resting = new Map<number, Millis>()

  constructor(books: ParoleBooks) {
    this.#books = books
  }

  has(source: number): boolean {
    return this.#suspicions.has(source)
  }

  /** Whether it must send a good piece alone before anything else clears it. */
  isUnproven(source: number): boolean {
    return this.#suspicions.get(source)?.has(UNPROVEN) ?? false
  }

  /** Whether this bad piece should rather come from others: some that sent no block of it, and have proved that they send. */
  isForOthers(queue: SourceQueue, piece: number): boolean {
    if (this.#isBetter(queue, piece)) return false
    for (const other of this.#books.sources.values())
      if (other.bitfield.has(piece) && this.#isBetter(other, piece)) return true
    return false
  }

  /** Whether it may begin another piece. */
  mayBegin(source: number): boolean {
    const { active, pending } = this.#books
    let count = 0
    for (const pieces of [active.all, pending.all])
      for (const each of pieces) if (each.reservedFor === source) count++
    return count < (this.isUnproven(source) ? MAX_UNPROVEN_PIECES : MAX_PAROLE_PIECES)
  }

  /** Whether it choked us or fell silent not long ago. */
  isResting(source: number, now: Millis): boolean {
    const until = this.#resting.get(source)
    if (until === undefined) return false
    if (now < until) return true
    this.#resting.delete(source)
    return false
  }

  /** Its requests are withdrawn: it choked us, fell silent or left. */
  onRelease(source: number, now: Millis): void {
    if (this.#books.active.reservedFor(source).some(({ isExclusive }) => isExclusive))
      this.#resting.set(source, now + REST)
  }

  /** Whether a block of this piece is accepted from it although its request was withdrawn. */
  mayContribute(source: number, active: ActivePiece): boolean {
    return active.reservedFor === source || !(active.isExclusive || this.has(source))
  }

  /** Pieces that it alone was asked for it continues alone; its other requests are withdrawn, and their pieces opened to others. */
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
   * A piece is bad. If it has several senders, or was bad before, it becomes a retrial, and those senders that are still connected go
   * on parole until it passes.
   */
  onCorrupt({ piece, contributors }: ActivePiece, now: Millis): void {
    if (contributors.length === 1 && !this.retrials.has(piece)) return
    this.retrials.wait(piece, now)
    for (const id of contributors) {
      const queue = this.#books.sources.get(id)
      if (queue !== undefined) this.start(queue, piece)
    }
  }

  /** A piece is good. If it was a retrial, its senders are cleared or convicted; if one source sent it alone, that one is proven. */
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
