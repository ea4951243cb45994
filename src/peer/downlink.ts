/** The direction from a remote to us: whether it lets us download, whether we want to, and what we ask it for (BEP 3). */
import { blocksIn } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import {
  encodeCancels,
  encodeInterested,
  encodeNotInterested,
  encodeRequests,
  type BlockRange,
} from '../protocol/message.ts'
import type { Clock } from '../protocol/ports.ts'
import type { BlockSupplier } from './block-supplier.ts'
import type { Conduct } from './conduct.ts'
import type { MessageStream } from './message-stream.ts'
import { RateMeter } from './rate-meter.ts'
import type { Hold } from './reading-gate.ts'
import type { RemotePeer } from './remote-peer.ts'
import { RequestWindow } from './request-window.ts'

export interface DownlinkOptions {
  readonly id: number
  readonly remote: RemotePeer
  readonly stream: MessageStream
  readonly conduct: Conduct
  readonly clock: Clock
}

/** Keeps no list of what was asked: which blocks are open, and of whom, is the picker's business. */
export class Downlink implements BlockSupplier {
  readonly id: number
  /** How much may be asked for at once. */
  readonly window: RequestWindow = new RequestWindow()
  /** Payload bytes that came. */
  readonly received: RateMeter = new RateMeter()
  readonly #remote: RemotePeer
  readonly #stream: MessageStream
  readonly #conduct: Conduct
  readonly #clock: Clock
  // A connection begins with everybody choking, and nobody interested (BEP 3).
  #isChokingUs = true
  #isWanted = false

  constructor({ id, remote, stream, conduct, clock }: DownlinkOptions) {
    this.id = id
    this.#remote = remote
    this.#stream = stream
    this.#conduct = conduct
    this.#clock = clock
  }

  get address(): string {
    return this.#remote.address
  }

  get pieces(): Bitfield | undefined {
    return this.#remote.pieces
  }

  has(piece: number): boolean {
    return this.#remote.has(piece)
  }

  /** It does not let us download. */
  get isChokingUs(): boolean {
    return this.#isChokingUs
  }

  get isWanted(): boolean {
    return this.#isWanted
  }

  get isHeld(): boolean {
    return this.#stream.gate.isHeld
  }

  get isClosed(): boolean {
    return this.#stream.isClosed
  }

  setWanted(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return
    this.#isWanted = isWanted
    this.#stream.send(isWanted ? encodeInterested() : encodeNotInterested())
  }

  request(runs: readonly BlockRange[]): void {
    this.window.onRequested(runs[0]!, this.#clock.now())
    this.#stream.send(encodeRequests(runs, this.window.requestLength))
  }

  cancel(ranges: readonly BlockRange[]): void {
    this.window.onCancelled(ranges)
    this.#stream.send(encodeCancels(ranges))
  }

  strike(): void {
    this.#stream.guard(() => this.#conduct.onUnrequestedBlock())
  }

  hold(why: Hold): void {
    this.#stream.gate.hold(why)
  }

  unhold(why: Hold): void {
    this.#stream.gate.unhold(why)
  }

  // What the remote says.

  /** @returns whether it is new: then nothing of what we have asked for will come */
  onChoke(): boolean {
    if (this.#isChokingUs) return false
    this.#isChokingUs = true
    this.window.onReleased()
    return true
  }

  /** @returns whether it is new */
  onUnchoke(): boolean {
    if (!this.#isChokingUs) return false
    this.#isChokingUs = false
    this.window.onResumed(this.#clock.now())
    return true
  }

  /** It said how many requests it queues (BEP 10, `reqq`), or how long a block it serves (`bitswarm_block`). */
  onLimits(requestQueue: number | undefined, longestBlock: number | undefined): void {
    if (requestQueue !== undefined) this.window.queueLimit = requestQueue
    if (longestBlock !== undefined) this.window.longestRequest = longestBlock
  }

  /** A block came, or several side by side. */
  onBlocks(range: BlockRange): void {
    const now = this.#clock.now()
    this.received.add(range.length, now)
    this.#conduct.onExchanged(blocksIn(range.length))
    this.window.onBlock(range, now)
  }
}
