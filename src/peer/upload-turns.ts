/** In which order the peers that share one upload budget are served. */
import type { Millis } from '../protocol/ports.ts'

/** However long a piece takes, a turn is over after so much time. */
export const TURN: Millis = 100

/**
 * Round and round, a piece at a time: what one peer asked for of one piece goes out together, as long as that does not keep
 * the others waiting for more than {@link TURN}. A piece that is whole can be passed on; eight that are each an eighth of
 * one cannot, and cost eight times as many writes.
 *
 * The next turn is that of the lowest rank; of equals it is that of the one that has waited longest.
 */
export class UploadTurns<Member> {
  readonly #rankOf: (member: Member) => number
  /** Those with something to send, the longest-waiting first. */
  readonly #line = new Set<Member>()
  #current: Member | undefined
  /** Of the turn; undefined until its first block is sent. */
  #piece: number | undefined
  #beganAt: Millis = 0

  /** @param rankOf asked at the beginning of each turn */
  constructor(rankOf: (member: Member) => number) {
    this.#rankOf = rankOf
  }

  /** It has something to send. Whoever stands in line keeps its place. */
  add(member: Member): void {
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

  /** Whether the current member may send a block of `piece` now; if not, its turn is over and it is the last in line. */
  mayServe(piece: number, now: Millis): boolean {
    if (this.#piece === undefined) {
      this.#piece = piece
      this.#beganAt = now
    } else if (this.#line.size > 1 && (piece !== this.#piece || now - this.#beganAt >= TURN)) {
      const member = this.#current!
      this.#line.delete(member)
      this.#line.add(member)
      this.#current = undefined
      return false
    }
    return true
  }

  #begin(): Member | undefined {
    this.#piece = undefined
    let first: Member | undefined
    let lowest = Infinity
    for (const member of this.#line) {
      const rank = this.#rankOf(member)
      if (first !== undefined && rank >= lowest) continue
      first = member
      lowest = rank
    }
    return first
  }
}
