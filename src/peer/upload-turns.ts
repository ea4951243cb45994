/** In which order the peers that share one upload budget are served. */
import type { Millis } from '../protocol/ports.ts'

/** However long a piece takes, a turn is over after so much time. */
export const TURN: Millis = 100

/**
 * Round and round, a piece at a time: what one peer asked for of one piece goes out together, as long as that does not keep
 * the others waiting for more than {@link TURN}. A piece that is whole can be passed on; eight that are each an eighth of
 * one cannot, and cost eight times as many writes.
 *
 * The next turn is that of the lowest rank; of equals it is that of the one that was sent least. Turns are not all of one length:
 * some ask for 16 KiB at once, some for 128 KiB, and what was asked for at once is sent at once.
 */
export class UploadTurns<Member extends object> {
  readonly #rankOf: (member: Member) => number
  /** Those with something to send. */
  readonly #line = new Set<Member>()
  /** Bytes that each was sent. Whoever had nothing to send is counted as if it had kept up with the last: it does not catch up. */
  readonly #sent = new WeakMap<Member, number>()
  /** Of the last one that was sent something. */
  #lastSent = 0
  #current: Member | undefined
  /** Of the turn; undefined until its first block is sent. */
  #piece: number | undefined
  /** The first block is sent in any case, however long the budget for it takes to come together: the turn begins then. */
  #servedFrom: Millis = 0

  /** @param rankOf asked at the beginning of each turn */
  constructor(rankOf: (member: Member) => number) {
    this.#rankOf = rankOf
  }

  /** It has something to send. */
  add(member: Member): void {
    if (this.#line.has(member)) return
    let least = Infinity
    for (const other of this.#line) least = Math.min(least, this.#sentTo(other))
    if (least === Infinity) least = this.#lastSent
    this.#sent.set(member, Math.max(this.#sentTo(member), least))
    this.#line.add(member)
  }

  /** It has nothing to send any more. */
  remove(member: Member): void {
    this.#line.delete(member)
    if (member === this.#current) this.#current = undefined
  }

  /** Whose turn it is; undefined when nobody has anything to send. */
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
