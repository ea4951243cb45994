/** Whoever sends us blocks, as the downloader sees it: a peer, or a web seed. */
import type { Bitfield } from '../protocol/bitfield.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Hold } from './reading-gate.ts'
import type { BlockSource } from './source-queue.ts'

export interface BlockSupplier extends BlockSource {
  /** `host:port`, for events. */
  readonly address: string
  /** The live bitfield; undefined until it is known. */
  readonly pieces: Bitfield | undefined
  readonly isClosed: boolean
  /** Nothing may be asked of it now. */
  readonly isChokingUs: boolean
  /** It was told that we want pieces of it. */
  readonly isWanted: boolean
  readonly window: {
    /** Blocks that may be in flight. */
    readonly size: number
    /** It sent nothing for too long: what it was asked for is released. */
    onStall(): void
  }
  setWanted(isWanted: boolean): void
  /** @param runs one at least, asked for block by block, all in one write */
  request(runs: readonly BlockRange[]): void
  cancel(ranges: readonly BlockRange[]): void
  /** Stops and restarts reading. */
  hold(why: Hold): void
  unhold(why: Hold): void
  /** A block came that nobody asked for. */
  strike(): void
}
