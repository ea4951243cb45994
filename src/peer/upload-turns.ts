/** In which order the peers that share an upload budget are served. */
import type { Millis } from '../protocol/ports.ts'

/** A turn is over after this long, however much of its piece is left. */
export const TURN: Millis = 100

/**
 * They take turns of a piece: what one peer has requested of a piece goes out together, unless that keeps the others waiting
 * for more than {@link TURN}. One whole piece can be passed on; an eighth of eight pieces cannot, and costs eight times as many writes.
 *
 * The next turn goes to the member of the lowest rank, among equals to the one that was sent least so far. Not to the one that waits
 * longest: turns differ in length, because a run of requests is answered as a whole, and some peers request 16 KiB at a time, others 128.
 */
export class UploadTurns<Member extends object> {
  readonly #rankOf: (member: Member) => number
  /** Members that have something to be sent. */
  readonly #line = new Set<Member>()
  /**
   * Bytes that each was sent. One that joins the line counts as if it had been sent as much as the least of those in it: it has no claim
   * to what others were sent while it wanted nothing.
   */
  readonly #sent = new WeakMap<Member, number>()
  /** The count of the member that was served last, for whoever joins an empty line. */
  #lastSent = 0
  #current: Member | undefined
  /** The piece of this turn; undefined until its first block is sent. */
  #piece: number | undefined
  /** When its first block was sent. A turn begins only then: saving up the budget for that block may take longer than a whole turn. */
  #servedFrom: Millis = 0

  /** @param rankOf asked of each member in the line at the beginning of each turn; the lowest goes first */
  constructor(rankOf: (member: Member) => number) {
    this.#rankOf = rankOf
  }

  /** It has something to be sent. */
  add(member: Member): void {
    if (this.#line.has(member)) return
    let least = Infinity
    for (const other of this.#line) least = Math.min(least, this.#sentTo(other))
    if (least === Infinity) least = this.#lastSent
    this.#sent.set(member, Math.max(this.#sentTo(member), least))
    this.#line.add(member)
  }

  /** It has nothing to be sent any more. */
  remove(member: Member): void {
    this.#line.delete(member)
    if (member === this.#current) this.#current = undefined
  }

  /** Whose turn it is; undefined when nobody has anything to be sent. */
  get current(): Member | undefined {
    return (this.#current ??= this.#begin())
  }

  /** Whether the current member may be sent a block of `piece` now; if not, its turn is over. */
  mayServe(piece: number, now: Millis): boolean {
    if (this.#piece === undefined || this.#line.size === 1) return true
    if (piece === this.#piece && now - this.#servedFrom < TURN) return true
    this.#current = undefined
    return false
  }

  /** The current member is being sent so many bytes of `piece`. */
  onServed(piece: number, bytes: number, now: Millis): void {
    const member = this.#current!
    this.#lastSent = this.#sentTo(member) + bytes
    this.#sent.set(member, this.#lastSent)
    if (this.#piece !== undefined) return
    this.#piece = piece
    this.#servedFrom = now
  }

  #begin(): Member | undefined {
    this.#piece = undefined
    let first: Member | undefined
    let lowest = Infinity
    for (const member of this.#line) {
      const rank = this.#rankOf(member)
      if (
        first === undefined ||
        rank < lowest ||
        (rank === lowest && this.#sentTo(member) < this.#sentTo(first))
      ) {
        first = member
        lowest = rank
      }
    }
    return first
  }

  #sentTo(member: Member): number {
    return this.#sent.get(member) ?? 0
  }
}
