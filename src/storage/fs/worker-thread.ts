/** One disk worker as the main thread sees it: each request is answered exactly once, even if the worker dies. */
import { Worker } from 'node:worker_threads'
import { invariant, StorageError } from '../../protocol/errors.ts'
import type { WorkerReply, WorkerRequest } from './worker-messages.ts'

/** Of the worker's own heap, which does not hold piece buffers. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 1 }

/** `.ts` from source, `.js` in the build. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

type OnReply = (reply: WorkerReply | StorageError) => void
type Unnumbered<R> = R extends { readonly id: number } ? Omit<R, 'id'> : never

export class WorkerThread {
  readonly #worker: Worker
  readonly #onReply = new Map<number, OnReply>()
  #lastId = 0
  #isOnline = false
  #isStopping = false

  /** @param onExit the thread has ended, cleanly or not; its open requests fail next */
  constructor(onExit: () => void) {
    this.#worker = new Worker(new URL(`./disk-worker${EXTENSION}`, import.meta.url), {
      name: 'bitswarm-disk',
      resourceLimits: HEAP_LIMITS,
      // Flags such as --input-type are for the main script only; profiles are wanted from all threads.
      execArgv: process.execArgv.filter((flag) => flag.startsWith('--cpu-prof')),
    })
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply))
    let crash = new Error('it ended')
    this.#worker.on('error', (error) => {
      crash = error
    })
    this.#worker.on('online', () => (this.#isOnline = true))
    this.#worker.unref()
    // Also follows an error. The thread goes first, so that whoever hears of the failure can start another one.
    this.#worker.on('exit', () => {
      onExit()
      this.#failAll(crash)
    })
  }

  /** It has started, and does at once what it is asked. */
  get isOnline(): boolean {
    return this.#isOnline
  }

  /** Requests without an answer yet. */
  get pending(): number {
    return this.#onReply.size
  }

  ask(request: Unnumbered<WorkerRequest>, onReply: OnReply): void {
    const id = ++this.#lastId
    // The process must not end while something is being written, and may otherwise.
    if (this.#onReply.size === 0) this.#worker.ref()
    this.#onReply.set(id, onReply)
    this.#post({ ...request, id } as WorkerRequest)
  }

  /** Makes the thread close the files under `root`. */
  forget(root: string): void {
    this.#post({ kind: 'forget', root })
  }

  /** Ends the thread once it has done what it was asked. The process stays until then: somebody waits for the end. */
  stop(): void {
    this.#isStopping = true
    this.#worker.ref()
    this.#post({ kind: 'stop' })
  }

  #post(request: WorkerRequest): void {
    this.#worker.postMessage(request)
  }

  #settle(reply: WorkerReply): void {
    const onReply = this.#onReply.get(reply.id)
    invariant(onReply !== undefined, 'a disk worker answered what nobody asked')
    this.#onReply.delete(reply.id)
    if (this.#onReply.size === 0 && !this.#isStopping) this.#worker.unref()
    onReply(reply)
  }

  #failAll(cause: Error): void {
    const error = new StorageError('disk.worker', `a disk worker stopped: ${cause.message}`, { cause })
    const waiting = [...this.#onReply.values()]
    this.#onReply.clear()
    for (const onReply of waiting) onReply(error)
  }
}
