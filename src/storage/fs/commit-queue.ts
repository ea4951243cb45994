/**
 * Queues pieces for the disk workers. Each message wakes a thread, and its answer wakes this one, each of which costs as much as
 * hashing 50 KB: so small pieces wait a moment for others to go with them. Pieces that would wait too long go to another worker;
 * a download that one worker keeps up with uses no other.
 */
import { StorageError } from '../../protocol/errors.ts'
import type { Verdict } from '../disk.ts'
import { fromFault } from './errno.ts'
import type { CommitWork, CommittedPiece } from './worker-messages.ts'
import type { WorkerThread } from './worker-thread.ts'

/** Bytes that go to a worker in one message, unless a single piece is longer: two or three milliseconds' work. */
export const MAX_GROUP_BYTES = 2 * 2 ** 20
/** Milliseconds that a piece waits for a full group, unless the workers are busy for longer. */
export const GATHERING_MS = 2
/** Groups that a worker is given: one under way, and the next, so that it never waits for us. */
const GROUPS_AHEAD = 2
/** Bytes that wait behind busy workers before another one takes them. */
const SPILL_BYTES = 2 ** 20

export type OnCommitted = (result: Verdict | StorageError) => void

interface Waiting {
  readonly work: CommitWork
  readonly done: OnCommitted
}

export class CommitQueue {
  readonly #thread: (slot: number) => WorkerThread
  /** Groups under way, by slot. */
  readonly #groups: number[]
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** Runs while pieces wait for others. */
  #gathering: NodeJS.Timeout | undefined
  /** The first waiting piece has waited long enough. */
  #isDue = false

  /** @param thread the worker in a slot, started when there is none */
  constructor(threads: number, thread: (slot: number) => WorkerThread) {
    this.#thread = thread
    this.#groups = new Array<number>(threads).fill(0)
  }

  add(work: CommitWork, done: OnCommitted): void {
    this.#waiting.push({ work, done })
    this.#waitingBytes += work.data.length
    this.#dispatch()
    if (this.#waiting.length > 0 && !this.#isDue) this.#gathering ??= setTimeout(this.#onDue, GATHERING_MS)
  }

  readonly #onDue = (): void => {
    this.#gathering = undefined
    this.#isDue = true
    this.#dispatch()
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && (this.#isDue || this.#waitingBytes >= MAX_GROUP_BYTES)) {
      const slot = this.#groups.findIndex((groups) => groups < GROUPS_AHEAD)
      if (slot === -1 || (slot > 0 && !this.#isSpilling)) return
      this.#give(slot, this.#takeGroup())
    }
  }

  /** While the first worker starts, pieces wait for it: it may well keep up. */
  get #isSpilling(): boolean {
    return this.#waitingBytes >= SPILL_BYTES && this.#thread(0).isOnline
  }

  #takeGroup(): readonly Waiting[] {
    let count = 0
    let bytes = 0
    for (const { work } of this.#waiting) {
      if (count > 0 && bytes + work.data.length > MAX_GROUP_BYTES) break
      count++
      bytes += work.data.length
    }
    const group = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    this.#waitingBytes -= bytes
    if (this.#waiting.length === 0) this.#stopGathering()
    return group
  }

  #stopGathering(): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    this.#isDue = false
  }

  #give(slot: number, group: readonly Waiting[]): void {
    this.#groups[slot]!++
    this.#thread(slot).ask({ kind: 'commit', pieces: group.map(({ work }) => work) }, (reply) => {
      this.#groups[slot]!--
      // Each verdict may bring the next piece, so the worker gets its work first.
      this.#dispatch()
      for (const [index, { done }] of group.entries()) {
        if (reply instanceof StorageError) done(reply)
        else if (reply.kind === 'committed') done(verdictOf(reply.pieces[index]!))
      }
    })
  }
}

function verdictOf(piece: CommittedPiece): Verdict | StorageError {
  return typeof piece === 'string' ? piece : fromFault(piece)
}
