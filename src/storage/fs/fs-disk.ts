/** The real disk: {@link Disk} over Node's file system and worker threads. */
import { resolve } from 'node:path'
import type { StorageError } from '../../protocol/errors.ts'
import type { Cancel } from '../../protocol/ports.ts'
import type { Disk, OpenMode, Payload, PayloadPlan } from '../disk.ts'
import { FileMap } from '../file-map.ts'
import { fromFault, toStorageError } from './errno.ts'
import { FsPayload } from './fs-payload.ts'
import { everyPiece, runsOf } from './hash-runs.ts'
import { WorkerPool } from './worker-pool.ts'
import type { WorkerPoolOptions } from './worker-pool.ts'

export class FsDisk implements Disk {
  readonly #workers: WorkerPool

  constructor(options: WorkerPoolOptions = {}) {
    this.#workers = new WorkerPool(options)
  }

  open(plan: PayloadPlan, mode: OpenMode, done: (result: Payload | StorageError) => void): void {
    FsPayload.open(plan, mode, this.#workers).then(done, (error: unknown) =>
      done(toStorageError(error, plan.path)),
    )
  }

  digest(
    plan: Omit<PayloadPlan, 'digests'>,
    onDigest: (piece: number, sha1: Uint8Array) => void,
    done: (error?: StorageError) => void,
  ): Cancel {
    const map = new FileMap({ ...plan, path: resolve(plan.path) })
    let isCancelled = false
    let failure: StorageError | undefined
    const cancel = this.#workers.hash({
      bytes: plan.geometry.length,
      runs: runsOf(map, everyPiece(plan.geometry)),
      onRun: ({ firstPiece }, hashed) => {
        for (const [index, sha1] of hashed.entries()) {
          if (isCancelled || failure !== undefined) return
          if (sha1 instanceof Uint8Array) onDigest(firstPiece + index, sha1)
          else {
            failure = fromFault(sha1)
            cancel()
          }
        }
      },
      onEnd: (error) => {
        this.#workers.forget(map.root)
        if (!isCancelled) done(failure ?? error)
      },
    })
    return () => {
      isCancelled = true
      cancel()
    }
  }

  close(done: () => void): void {
    this.#workers.close(done)
  }
}
