/**
 * Which wanted piece comes next for a source that prefers pieces in a row, a web seed (BEP 19): the one behind its last, or else the
 * first of the longest gap. Peers, which are asked for pieces in no order, fill the short gaps.
 */
import type { Bitfield } from '../protocol/bitfield.ts'
import { LazyMap } from '../protocol/lazy-map.ts'
import type { SourceQueue } from './source-queue.ts'

/** Pieces that are searched for the longest gap, for one source in one round; in any case each piece once. */
export const MAX_SURVEY = 2 ** 20

interface Runner {
  /** The piece behind the one that it began last; -1 before the first. */
  head: number
  round: number
  surveysLeft: number
}

export class PieceRuns {
  /** The live one: what nobody was asked for yet. */
  readonly #wanted: Bitfield
  readonly #runners = new LazyMap<SourceQueue, Runner>()

  constructor(wanted: Bitfield) {
    this.#wanted = wanted
  }

  has(queue: SourceQueue): boolean {
    return this.#runners.has(queue)
  }

  /** @param queue of a source that has every piece */
  add(queue: SourceQueue): void {
    this.#runners.set(queue, { head: -1, round: -1, surveysLeft: 0 })
  }

  remove(queue: SourceQueue): void {
    this.#runners.delete(queue)
  }

  /** The piece that this source should begin now. One at least must be wanted. */
  choose(queue: SourceQueue, round: number): number {
    const runner = this.#runners.get(queue)!
    const piece = this.#next(runner, round)
    runner.head = piece + 1
    return piece
  }

  #next(runner: Runner, round: number): number {
    const wanted = this.#wanted
    if (runner.head >= 0 && runner.head < wanted.length && wanted.has(runner.head)) return runner.head
    if (runner.round !== round) {
      runner.round = round
      runner.surveysLeft = Math.max(1, Math.floor(MAX_SURVEY / wanted.length))
    }
    if (runner.surveysLeft > 0) {
      runner.surveysLeft--
      return this.#longestGap(runner)
    }
    const next = seek(wanted, runner.head, true)
    return next < wanted.length ? next : seek(wanted, 0, true)
  }

  /** Where the longest gap begins. If another web seed is filling a gap from its start, only the second half counts. */
  #longestGap(runner: Runner): number {
    const wanted = this.#wanted
    const heads = new Set<number>()
    for (const other of this.#runners.values()) if (other !== runner) heads.add(other.head)
    let best = -1
    let bestLength = 0
    for (let end = 0, start = seek(wanted, 0, true); start < wanted.length; start = seek(wanted, end, true)) {
      end = seek(wanted, start, false)
      const from = heads.has(start) ? start + ((end - start) >> 1) : start
      if (end - from <= bestLength) continue
      best = from
      bestLength = end - from
    }
    return best
  }
}

/** The first bit from `from` on that is set, or clear; the length when there is none. */
function seek(bits: Bitfield, from: number, isSet: boolean): number {
  const { bytes, length } = bits
  const none = isSet ? 0x00 : 0xff
  for (let at = from; at < length;) {
    if ((at & 7) === 0 && bytes[at >>> 3] === none) at += 8
    else if (bits.has(at) === isSet) return at
    else at++
  }
  return length
}
