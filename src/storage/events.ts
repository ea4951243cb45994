/** What storage reports on its own. Names and fields are part of the public contract (docs/events.md). */
import type { ErrorCode } from '../protocol/errors.ts'

export type StorageEvent =
  /** Writing failed; there is another try after `retrySeconds`, or none when it is missing. */
  | {
      readonly event: 'disk_error'
      readonly code: ErrorCode
      readonly message: string
      readonly retrySeconds?: number
    }
  /** Writing works again after one or more `disk_error`s. */
  | { readonly event: 'disk_recovered'; readonly stalledSeconds: number }
  /**
   * So many pieces that were good may not be any more: a file was changed, replaced or taken away, or cannot be read. They
   * are not served, and verified again.
   */
  | {
      readonly event: 'disk_doubt'
      readonly code: ErrorCode
      readonly message: string
      readonly pieces: number
    }
  /**
   * Pieces in doubt were verified: `good` of them are served again, `bad` are not what they should be; `have` of all
   * `pieces` are good now. When some stay in doubt, the next look at them follows after `retrySeconds`.
   */
  | {
      readonly event: 'disk_verdict'
      readonly good: number
      readonly bad: number
      readonly have: number
      readonly pieces: number
      readonly retrySeconds?: number
    }
