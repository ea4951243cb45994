/** The port through which a DHT node keeps its state: one small file that outlives the process and belongs to it alone. */
import type { StorageError } from '../../protocol/errors.ts'

export interface StateStore {
  /** What was there at the start: nothing, the bytes, or why they cannot be read. */
  readonly saved: Uint8Array | StorageError | undefined
  /** Replaces all of it; whatever happens, the next start finds the old bytes or the new ones. Not before `onDone` of the last. */
  save(bytes: Uint8Array, onDone: (error?: StorageError) => void): void
  /** Releases it to other processes, after the last save is done. */
  close(onClosed: () => void): void
}
