/** What a torrent tells of one peer when it is asked: plain values. */
import type { PeerState } from '../peer/events.ts'
import type { Direction } from './connector.ts'

export interface PeerSnapshot {
  readonly peer: string
  readonly state: PeerState
  readonly direction?: Direction
  readonly client?: string
  /** Pieces that it has. */
  readonly have?: number
  /** Payload bytes, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly downRate: number
  readonly upRate: number
  /** Blocks asked of it that have not come. */
  readonly inFlight: number
}
