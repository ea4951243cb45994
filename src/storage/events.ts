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
