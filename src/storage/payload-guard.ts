/**
 * Stands between a payload and its readers: what is served was good when it was last looked at. {@link FileWatch}
 * notices changes, and {@link Recheck} verifies the pieces concerned.
 */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import type { PayloadError, StorageError } from '../protocol/errors.ts'
import type { Clock, Emit } from '../protocol/ports.ts'
import type { FileStat, Payload } from './disk.ts'
import type { StorageEvent } from './events.ts'
import { FileWatch } from './file-watch.ts'
import { Recheck } from './recheck.ts'

export interface PayloadGuardOptions {
  readonly payload: Pick<Payload, 'pathOf' | 'read' | 'stat' | 'statFiles' | 'verify' | 'reopen'>
  readonly geometry: PieceGeometry
  readonly clock: Clock
  readonly emit: Emit<StorageEvent>
  /** Pieces that are good: changed by its owner, in the callbacks below. */
  readonly have: Bitfield
  /** The files as they were before the pieces were found good. */
  readonly found: readonly (FileStat | undefined)[]
  /** These pieces of `have` may not be good any more. */
  readonly onDoubt: (pieces: readonly number[]) => void
  /** Of those in doubt, these are good after all. */
  readonly onKept: (pieces: readonly number[]) => void
  /** Of those in doubt, these are not on disk. Until the download is complete, they have to be fetched again. */
  readonly onLost: (pieces: readonly number[]) => void
  /** Nothing is left to serve or to continue with. */
  readonly onGone: (error: StorageError | PayloadError) => void
}

export class PayloadGuard implements Pick<Payload, 'read'> {
  readonly #options: PayloadGuardOptions
  readonly #watch: FileWatch
  readonly #recheck: Recheck
  #isComplete: boolean

  constructor(options: PayloadGuardOptions) {
    const { have, found, onKept, onLost, onGone } = options
    this.#options = options
    this.#isComplete = have.isFull
    this.#watch = new FileWatch({
      ...options,
      found: have.isFull ? found : undefined,
      has: (piece) => have.has(piece),
      onChanged: (file, error) => this.#onChanged(file, error),
      onUnreadable: (piece, error) => this.#doubt([piece], error),
    })
    this.#recheck = new Recheck({
      ...options,
      isComplete: () => this.#isComplete,
      knownOf: (file) => this.#watch.knownOf(file),
      onGood: onKept,
      onBad: onLost,
      onVerified: (file, stat) => this.#watch.accept(file, stat),
      onGone,
    })
  }

  read(
    piece: number,
    begin: number,
    into: readonly Uint8Array[],
    done: (error?: StorageError) => void,
  ): void {
    this.#watch.read(piece, begin, into, done)
  }

  /**
   * Every piece is written, and we write no more: what is lost from now on stays in doubt. Fails if somebody has removed
   * or replaced a file.
   */
  onAllWritten(done: (error?: StorageError) => void): void {
    if (this.#isComplete) return done()
    this.#isComplete = true
    this.#watch.onAllWritten(done)
  }

  /** Nothing is called afterwards but what still waits for a read. */
  close(): void {
    this.#watch.close()
    this.#recheck.close()
  }

  #onChanged(file: number, error: StorageError): boolean {
    const { geometry, onGone } = this.#options
    if (this.#isComplete) {
      const [first, end] = geometry.piecesOf(file)
      return this.#doubt(range(first, end), error)
    }
    // The files of a download are ours alone: removing one ends it. If only looking at one fails, writing will tell.
    if (error.code !== 'disk.io' && error.code !== 'disk.permission') onGone(error)
    return false
  }

  /** @returns whether any of them was good until now */
  #doubt(pieces: readonly number[], cause: StorageError): boolean {
    const { have, onDoubt } = this.#options
    const had = pieces.filter((piece) => have.has(piece))
    if (had.length === 0) return false
    onDoubt(had)
    this.#recheck.doubt(had, cause)
    return true
  }
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index)
}
