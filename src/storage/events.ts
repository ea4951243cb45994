/** What storage reports on its own. Names and fields are part of the public contract (docs/events.md). */
import type { ErrorCode } from '../protocol/errors.ts'

export type StorageEvent =
  /** Writing failed; the next attempt follows after `retrySeconds`, or never if that is missing. */
  | {
      readonly event: 'disk_error'
      readonly code: ErrorCode
      readonly message: string
      readonly retrySeconds?: number
    }
  /** Writing works again after one or more `disk_error`s. */
  | { readonly event: 'disk_recovered'; readonly stalledSeconds: number }
  /**
   * This many good pieces may be good no longer: a file was changed, replaced or removed, or cannot be read. They are not
   * served until they are verified again.
   */
  | {
      readonly event: 'disk_doubt'
      readonly code: ErrorCode
      readonly message: string
      readonly pieces: number
    }
  /**
   * Pieces in doubt were verified: `good` of them are served again, `bad` failed; of all `pieces`, `have` are good now. If
   * some are still in doubt, the next look at them follows after `retrySeconds`.
   */
  | {
      readonly event: 'disk_verdict'
      readonly good: number
      readonly bad: number
      readonly have: number
      readonly pieces: number
      readonly retrySeconds?: number
    }
