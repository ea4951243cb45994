/**
 * The end of a download: every block is asked for, and some hang at slow sources. Then a second source is asked for the
 * oldest of them, within a budget that bounds what can be wasted.
 */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece, Request } from './active-piece.ts'
import type { SourceQueue } from './source-queue.ts'

/** Sources that are asked for the same block at the same time. */
const MAX_COPIES = 2
/** Duplicates that may be asked for in a whole download: so many in a thousand of its blocks … */
const BUDGET_PER_MILLE = 5
/** … but at least this many. */
const MIN_BUDGET = 4
/** Duplicates are asked of sources that have no more than this in flight. */
const MAX_IN_FLIGHT = 4
/** A block is not asked for a second time before it was in flight for so long. */
const MIN_AGE: Millis = 100

export interface EndgameView {
  readonly sources: Iterable<SourceQueue>
  readonly active: ReadonlyMap<number, ActivePiece>
  readonly now: Millis
}

export class Endgame {
  #budget: number

  /** @param blocks how many blocks are missing at the start */
  constructor(blocks: number) {
    this.#budget = Math.max(MIN_BUDGET, Math.floor((blocks * BUDGET_PER_MILLE) / 1_000))
  }

  /** Duplicates that may still be asked for. */
  get budget(): number {
    return this.#budget
  }

  /** How many duplicates a source with `inFlight` requests may be asked for now. */
  room(inFlight: number): number {
    return Math.max(0, Math.min(MAX_IN_FLIGHT - inFlight, this.#budget))
  }

  /** Requests that hang at others and whose blocks `queue` may be asked for, too: the oldest first. */
  late(queue: SourceQueue, room: number, { sources, active, now }: EndgameView): Request[] {
    const late: Request[] = []
    for (const other of sources) {
      if (other === queue) continue
      let found = 0
      for (let request = other.oldest; request !== undefined && found < room; request = request.newer) {
        if (!isLate(request, queue.latency, now)) break
        if (!mayCopy(request, queue, active)) continue
        late.push(request)
        found++
      }
    }
    return late.sort((a, b) => a.askedAt - b.askedAt || a.piece - b.piece || a.begin - b.begin)
  }

  onDuplicate(): void {
    this.#budget--
  }
}

/** Only when this source would likely have sent the block by now, had it been asked at first. */
function isLate(request: Request, latency: Millis, now: Millis): boolean {
  return now - request.askedAt >= Math.max(MIN_AGE, latency)
}

function mayCopy(request: Request, queue: SourceQueue, pieces: ReadonlyMap<number, ActivePiece>): boolean {
  const active = pieces.get(request.piece)!
  if (active.isExclusive || !queue.bitfield.has(request.piece)) return false
  let copies = 0
  let copy = active.requestsOf(request.begin / BLOCK_LENGTH)
  // Of several copies only the newest stands for the block.
  if (copy !== request) return false
  for (; copy !== undefined; copy = copy.copy) {
    if (copy.source === queue.id) return false
    copies++
  }
  return copies < MAX_COPIES
}
