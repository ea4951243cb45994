/** A disk that holds one small file, for nodes in virtual time. */
import type { StateStore } from '../../dht/life/state-store.ts'
import type { StorageError } from '../../protocol/errors.ts'

export class SimStateStore implements StateStore {
  saved: Uint8Array | StorageError | undefined
  saves = 0
  isOpen = true
  /** The next save fails with it. */
  failure: StorageError | undefined

  constructor(saved?: Uint8Array | StorageError) {
    this.saved = saved
  }

  save(bytes: Uint8Array, onDone: (error?: StorageError) => void): void {
    const error = this.failure
    this.failure = undefined
    this.saves++
    if (error === undefined) this.saved = bytes
    onDone(error)
  }

  close(onClosed: () => void): void {
    this.isOpen = false
    onClosed()
  }
}
