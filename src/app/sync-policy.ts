/**
 * What a power cut costs a download.
 *
 * - `piece`: what is being written. Each piece is durable before it is announced.
 * - `interval`: at most what was written in the last five seconds and while they were being synced. The next start reads
 *   that, and what did not reach the disk is fetched again.
 * - `none`: nothing is ever synced, not even at the end. The next start reads everything written since the machine booted.
 *
 * With each of them, the death of the process alone costs only what is being written.
 */
export const SYNC_POLICIES = ['none', 'piece', 'interval'] as const

export type SyncPolicy = (typeof SYNC_POLICIES)[number]
