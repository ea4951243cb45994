/** What a DHT node needs of a disk: one small file that outlives the process and belongs to it alone. */
import type { StorageError } from '../../protocol/errors.ts'

export interface StateStore {
  /** What was there at the start: nothing, the bytes, or why they cannot be read. */
  readonly saved: Uint8Array | StorageError | undefined
  /** Replaces all of it; whatever happens, the next start finds the old bytes or the new ones. Not before `onDone` of the last. */
  save(bytes: Uint8Array, onDone: (error?: StorageError) => void): void
  /** Leaves it to other processes. After the last save is done. */
  close(onClosed: () => void): void
}
