/**
 * What a power cut costs a download.
 *
 * - `piece`: what is being written. Each piece is durable before anybody hears of it.
 * - `interval`: at most what was written in the last five seconds, and while syncing that took. At the next start it is
 *   read, and fetched again where it did not reach the disk.
 * - `none`: nothing is ever synced, not even at the end. All that this run of the machine wrote is read.
 *
 * The death of the process alone costs what is being written, with each of them.
 */
export const SYNC_POLICIES = ['none', 'piece', 'interval'] as const

export type SyncPolicy = (typeof SYNC_POLICIES)[number]
