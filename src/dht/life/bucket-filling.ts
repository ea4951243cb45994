/**
 * Fills buckets that have too few contacts: asks the nearest node that we know, and pings those that it names. A hole in the
 * table harms others, whom we name nobody there, and makes the network look smaller than it is, so silence is not the end of it.
 */
import type { Clock, Millis } from '../../protocol/ports.ts'
import { K } from '../table/bucket-memory.ts'
import type { Contact } from '../table/contact.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { Call, CallHandler, Rpc } from '../lookup/rpc.ts'
import type { Reply } from '../wire/messages.ts'
import { targetIn, type BucketOwner } from './bucket-target.ts'
import type { Neighbourhood } from './neighbourhood.ts'

/** Of this many contacts nearest to a bucket, one is asked for more. */
const FILLERS = K
/** Requests for one bucket, one after the other, until one is answered. */
const MAX_ASKED = 3
/** Until the next attempt, when too much was asked lately. */
const RETRY_AFTER: Millis = 1_000
/** Further attempts: they end before the next walk home, which fills buckets again. */
const MAX_RETRIES = 10

export interface BucketFillingOptions extends BucketOwner {
  /** Cancels everything when the node is closed. */
  readonly clock: Pick<Clock, 'after'>
  readonly rpc: Pick<Rpc, 'call'>
  readonly table: Pick<RoutingTable, 'depth' | 'hasEnough' | 'closest'>
  /** Hears of the nodes that are named. */
  readonly neighbourhood: Pick<Neighbourhood, 'calleeOf' | 'offerTold'>
  /** Whether others join through it: then it has enough to do, and is asked only when there is nobody else. */
  isSeed(contact: Contact): boolean
}

/** All but the last two buckets, which a walk to our own id fills. */
export function fillFarBuckets(options: BucketFillingOptions): void {
  for (let bucket = 0; bucket < options.table.depth - 2; bucket++) new BucketFilling(bucket, options).ask()
}

class BucketFilling implements CallHandler {
  readonly isUpkeep = true
  readonly #bucket: number
  readonly #options: BucketFillingOptions
  #asked = 0
  #retries = 0

  constructor(bucket: number, options: BucketFillingOptions) {
    this.#bucket = bucket
    this.#options = options
  }

  /** Unless it has enough. */
  ask(): void {
    const { clock, table, rpc, neighbourhood } = this.#options
    if (table.hasEnough(this.#bucket) || this.#asked === MAX_ASKED) return
    const target = targetIn(this.#bucket, this.#options)
    const known = table.closest(target, FILLERS)
    const nearest = known.find((contact) => !this.#options.isSeed(contact)) ?? known[0]
    if (nearest === undefined) return
    const call = rpc.call({ type: 'findPeers', target }, neighbourhood.calleeOf(nearest), this)
    if (call !== undefined) this.#asked++
    else if (this.#retries++ < MAX_RETRIES) clock.after(RETRY_AFTER, () => this.ask())
  }

  onReply(call: Call, reply: Reply): void {
    this.#options.neighbourhood.offerTold(call, reply, (contact) => this.#options.isSeed(contact))
  }

  /** There is no hurry: the next one is asked when the call has failed. */
  onSoftTimeout(): void {}

  onFail(): void {
    this.ask()
  }
}
