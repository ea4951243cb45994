/**
 * The disk workers of a process. Commits go to as few of them as keep up; bulk hashing spreads over all cores. Threads
 * start when there is work and the extra ones end with it: each costs about 10 MiB and 60 ms of CPU to start.
 */
import { availableParallelism } from 'node:os'
import { invariant, StorageError } from '../../protocol/errors.ts'
import type { Cancel } from '../../protocol/ports.ts'
import type { PathSpan } from '../file-map.ts'
import { CommitQueue } from './commit-queue.ts'
import type { OnCommitted } from './commit-queue.ts'
import type { CommitWork, HashedPiece } from './worker-messages.ts'
import { WorkerThread } from './worker-thread.ts'

/** The most workers that hash and write: two keep up with one main thread that receives, more gain nothing. */
export const COMMIT_THREADS = 2
/**
 * Bytes to hash for which another thread is started: a quarter of a second's work. Each takes 60 ms of CPU to start, and V8
 * keeps its heap of 6 MiB for seconds after its end, just when a seeder's first peers come.
 */
export const BYTES_PER_BULK_THREAD = 256 * 2 ** 20
/** Runs that a thread has been asked to hash: one under way, and the next, so that it never waits for us. */
const RUNS_AHEAD = 2

export interface WorkerPoolOptions {
  readonly commitThreads?: number
  /** The most threads for hashing what is on disk; by default one per core. */
  readonly bulkThreads?: number
}

/** Consecutive pieces to hash. */
export interface HashRun {
  readonly firstPiece: number
  readonly pieceLength: number
  readonly spans: readonly PathSpan[]
}

export interface BulkHash {
  /** Approximate bytes of all runs together: decides how many threads are worth starting. */
  readonly bytes: number
  /** Taken from as threads become free, never ahead of it. */
  readonly runs: Iterator<HashRun, undefined, undefined>
  readonly onRun: (run: HashRun, pieces: readonly HashedPiece[]) => void
  /** Called once: all runs are done, one failed, or the work under way at a cancel is over. */
  readonly onEnd: (error?: StorageError) => void
}

export class WorkerPool {
  readonly #commits: CommitQueue
  readonly #bulkThreads: number
  /** By slot. */
  readonly #threads = new Map<number, WorkerThread>()
  /** Threads that have not ended; those that were told to end are no longer in a slot. */
  #alive = 0
  #bulkJobs = 0
  #onAllEnded: (() => void) | undefined

  constructor({ commitThreads = COMMIT_THREADS, bulkThreads = availableParallelism() }: WorkerPoolOptions) {
    this.#commits = new CommitQueue(commitThreads, (slot) => this.#thread(slot))
    this.#bulkThreads = bulkThreads
  }

  /** Starts a worker, so that the first piece does not wait for it. */
  prepare(): void {
    this.#thread(0)
  }

  commit(work: CommitWork, done: OnCommitted): void {
    this.#commits.add(work, done)
  }

  /** @returns a cancel after which `onRun` is not called any more, and `onEnd` when the work under way is over */
  hash({ bytes, runs, onRun, onEnd }: BulkHash): Cancel {
    let underWay = 0
    let isOver = false
    let isCancelled = false
    let failure: StorageError | undefined
    const ask = (slot: number): void => {
      const run = isOver ? undefined : runs.next().value
      isOver ||= run === undefined
      if (run === undefined) return
      underWay++
      this.#thread(slot).ask({ kind: 'hash', spans: run.spans, pieceLength: run.pieceLength }, (reply) => {
        underWay--
        if (reply instanceof StorageError) {
          failure ??= reply
          isOver = true
        } else if (reply.kind === 'hashed' && !isCancelled) onRun(run, reply.pieces)
        ask(slot)
        if (underWay === 0) this.#onBulkEnd(onEnd, failure)
      })
    }
    this.#bulkJobs++
    const threads = Math.min(this.#bulkThreads, Math.ceil(bytes / BYTES_PER_BULK_THREAD))
    for (let ahead = 0; ahead < RUNS_AHEAD; ahead++) for (let slot = 0; slot < threads; slot++) ask(slot)
    if (underWay === 0) setImmediate(() => this.#onBulkEnd(onEnd, failure))
    return () => {
      isOver = true
      isCancelled = true
    }
  }

  /** Closes the files under `root` that the threads keep open. */
  forget(root: string): void {
    for (const thread of this.#threads.values()) thread.forget(root)
  }

  /** Ends the threads once they have done what they were asked. */
  close(done: () => void): void {
    invariant(this.#onAllEnded === undefined, 'the disk workers are closed once')
    this.#onAllEnded = done
    for (const slot of this.#threads.keys()) this.#stop(slot)
    if (this.#alive === 0) setImmediate(done)
  }

  #thread(slot: number): WorkerThread {
    invariant(this.#onAllEnded === undefined, 'no work is given to closed disk workers')
    const known = this.#threads.get(slot)
    if (known !== undefined) return known
    const thread = new WorkerThread(() => {
      if (this.#threads.get(slot) === thread) this.#threads.delete(slot)
      if (--this.#alive === 0) this.#onAllEnded?.()
    })
    this.#alive++
    this.#threads.set(slot, thread)
    return thread
  }

  #stop(slot: number): void {
    this.#threads.get(slot)!.stop()
    this.#threads.delete(slot)
  }

  #onBulkEnd(onEnd: BulkHash['onEnd'], failure: StorageError | undefined): void {
    if (--this.#bulkJobs === 0 && this.#onAllEnded === undefined)
      for (const [slot, thread] of this.#threads) if (thread.pending === 0) this.#stop(slot)
    onEnd(failure)
  }
}
