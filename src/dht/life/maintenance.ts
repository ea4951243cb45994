/**
 * Keeps the routing table true: asks the contact that was silent for longest, near ones more often than far ones, and walks
 * to our own id now and then, to notice when our place is not where we think.
 */
import { spread } from '../../protocol/chance.ts'
import { idFrom, type NodeId } from '../../protocol/ids.ts'
import type { Cancel, Clock, Emit, Millis, Random } from '../../protocol/ports.ts'
import { NONE, type Contact } from '../table/contact.ts'
import type { DhtEvent } from '../events.ts'
import type { Reply } from '../wire/messages.ts'
import { K } from '../table/bucket-memory.ts'
import { fillFarBuckets } from './bucket-filling.ts'
import { targetIn } from './bucket-target.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { Call, CallHandler, Rpc } from '../lookup/rpc.ts'
import type { Walks } from '../lookup/walk.ts'

/** How long after it was last heard of a contact is pinged, in the buckets around ourselves and in the others. */
const REFRESH_NEAR: Millis = 3.5 * 60_000
const REFRESH_FAR: Millis = 9 * 60_000
/** Contacts that nobody asks are forgotten after this long. */
const FORGET_AFTER: Millis = 60 * 60_000
/** After asking one contact: when the next may be asked. */
const REFRESH_RETRY: Millis = 2_000
/** Between two looks at who is due. */
const MIN_SPACING: Millis = 500
/** While there is nobody to refresh. */
const IDLE: Millis = 60_000

/** Between two walks to our own id. */
const SELF_WALK: Millis = 60 * 60_000
/**
 * The next walk comes this soon if the last one found new neighbours, then after twice as long each time: in a crowd that
 * arrives together, nobody knows at first who is near whom.
 */
const SETTLING: Millis = 15_000
/** The first one after we joined, unless the second opinion of a seed leads us home before. */
const FIRST_SELF_WALK: Millis = 30_000
/** Strangers among the {@link K} nearest that a walk may find: this many may have joined within the hour. */
const NEW_NEIGHBOURS = K / 4
const JITTER = 0.2

export interface MaintenanceOptions {
  readonly ownId: NodeId
  readonly family: 4 | 6
  /** Cancels everything when the node is closed. */
  readonly clock: Clock
  readonly random: Random
  readonly rpc: Rpc
  readonly table: RoutingTable
  readonly walks: Walks
  readonly emit: Emit<DhtEvent>
  /** Hears of the nodes that a refresh brings. */
  readonly neighbourhood: Neighbourhood
  /** Whether others join through it: then it has enough to do, and is asked only when there is nobody else. */
  isSeed(contact: Contact): boolean
}

export class Maintenance implements CallHandler {
  readonly isUpkeep = true
  readonly #options: MaintenanceOptions
  #selfTimer: Cancel | undefined
  #settling: Millis = SETTLING
  #forgotAt: Millis = Number.NEGATIVE_INFINITY
  #isJoining = false
  /** Our id changed while we looked for the place of the one before. */
  #mustJoinAgain = false

  constructor(options: MaintenanceOptions) {
    this.#options = options
  }

  get isJoining(): boolean {
    return this.#isJoining
  }

  start(): void {
    const { clock, random } = this.#options
    // A random phase: nodes that started together do not ask together.
    this.#selfTimer = clock.after(SELF_WALK * random.float(), () => this.#selfWalk())
    clock.after(IDLE * random.float(), () => this.#refresh())
  }

  /** Finds our place and fills the table, after a first contact was made. It may have told us where to begin. */
  join(from?: readonly Contact[]): void {
    if (this.#isJoining) {
      this.#mustJoinAgain = true
      return
    }
    this.#isJoining = true
    this.#mustJoinAgain = false
    const { walks, ownId, table, emit, family } = this.#options
    walks.start({
      goal: { target: idFrom<NodeId>(ownId) },
      isCareful: true,
      from,
      onDone: ({ rpcs, ms }) => {
        this.#isJoining = false
        if (this.#mustJoinAgain) return this.join()
        emit({ event: 'dht_bootstrap', family, contacts: table.size, rpcs, ms })
        fillFarBuckets(this.#options)
        this.#selfWalkAfter(FIRST_SELF_WALK)
      },
    })
  }

  close(): void {
    this.#selfTimer?.()
  }

  onReply(call: Call, reply: Reply): void {
    this.#options.neighbourhood.offerTold(call, reply, (contact) => this.#options.isSeed(contact))
  }

  /** There is no hurry: a silent contact is asked again when the call has failed. */
  onSoftTimeout(): void {}

  onFail(): void {}

  /** The walk to our own id now, through these contacts, in place of the next one; hears who is nearest. */
  walkHome(from: readonly Contact[], onDone: (nearest: readonly Contact[]) => void): void {
    const { walks, ownId, table } = this.#options
    const before = table.contacts()
    walks.start({
      goal: { target: idFrom<NodeId>(ownId) },
      isCareful: false,
      from,
      onDone: (_summary, nearest) => {
        const neighbours = nearest.slice(0, K).map(({ contact }) => contact)
        fillFarBuckets(this.#options)
        this.#selfWalkAfter(
          this.#untilSettled(neighbours.filter((contact) => !before.includes(contact)).length),
        )
        onDone(neighbours)
      },
    })
    this.#selfWalkAfter(SELF_WALK)
  }

  #untilSettled(strangers: number): Millis {
    const isSettled = strangers <= NEW_NEIGHBOURS
    const wait = isSettled ? SELF_WALK : this.#settling
    this.#settling = isSettled ? SETTLING : Math.min(SELF_WALK, 2 * wait)
    return wait
  }

  #selfWalk(): void {
    if (this.#options.table.size > 0 && !this.#isJoining) this.walkHome([], () => undefined)
    else this.#selfWalkAfter(SELF_WALK)
  }

  #selfWalkAfter(delay: Millis): void {
    const { clock, random } = this.#options
    this.#selfTimer?.()
    this.#selfTimer = clock.after(spread(delay, JITTER, random), () => this.#selfWalk())
  }

  #refresh(): void {
    const { clock, table, rpc, neighbourhood } = this.#options
    const now = clock.now()
    if (now - this.#forgotAt >= IDLE) {
      table.forgetSurplus(FORGET_AFTER)
      this.#forgotAt = now
    }
    const next = table.nextRefresh({ near: REFRESH_NEAR, far: REFRESH_FAR })
    if (next.contact !== NONE && next.at <= now) {
      const bucket = table.bucketIndexOf(next.contact)
      const callee = neighbourhood.calleeOf(next.contact)
      // A bucket with room gains from the nodes in the reply; a full one only needs to know who is alive.
      if (table.isFull(bucket)) rpc.call({ type: 'ping' }, callee, this)
      else rpc.call({ type: 'findPeers', target: targetIn(bucket, this.#options) }, callee, this)
    }
    // The contact just asked stays the stalest until it answers or fails: it must not be asked at each spacing.
    const isAsking = next.contact !== NONE && next.at <= now
    const wait = isAsking ? REFRESH_RETRY : Math.min(IDLE, Math.max(MIN_SPACING, next.at - now))
    clock.after(wait, () => this.#refresh())
  }
}
