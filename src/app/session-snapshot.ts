/** What a session tells about itself when it is asked: plain values. */
import type { PeerSnapshot } from './swarm.ts'

/**
 * `waiting`: the metainfo is not known yet. `opening`: files are opened and what is there is checked. `failed` and
 * `closed` are final.
 */
export type SessionState = 'waiting' | 'opening' | 'downloading' | 'seeding' | 'failed' | 'closed'

export interface SessionSnapshot {
  readonly infoHash: string
  readonly state: SessionState
  readonly name?: string
  /** Bytes of the payload, and of its verified pieces. */
  readonly length?: number
  readonly bytesHave: number
  readonly pieces?: number
  readonly have: number
  /** While opening: pieces that were checked, of those that must be. */
  readonly checked?: { readonly done: number; readonly total: number }
  /** Payload bytes since the start, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly wasted: number
  readonly downRate: number
  readonly upRate: number
  readonly connected: number
  readonly peers: readonly PeerSnapshot[]
}
