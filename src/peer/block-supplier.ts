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
  /** It does not let us download: nothing may be requested now. */
  readonly isChokingUs: boolean
  /** We have told it that we are interested (BEP 3). */
  readonly isWanted: boolean
  readonly window: {
    /** Blocks that may be in flight. */
    readonly size: number
    /** It sent nothing for too long: its requests were withdrawn. */
    onStall(): void
  }
  setWanted(isWanted: boolean): void
  /** @param runs one at least: all their blocks are requested in one write */
  request(runs: readonly BlockRange[]): void
  cancel(ranges: readonly BlockRange[]): void
  /** Stops reading from it, and goes on once every reason is gone. */
  hold(why: Hold): void
  unhold(why: Hold): void
  /** It sent a block that was never requested. */
  strike(): void
}
