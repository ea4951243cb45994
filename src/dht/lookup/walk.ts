/** Walks: iterative lookups on the network. A {@link Lookup} decides, the rpc layer asks, and replies come back here. */
import { formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import type { InfoHash, NodeId } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import { LazySet } from '../../protocol/lazy-set.ts'
import type { Cancel, Clock, Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import { K } from '../table/bucket-memory.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { Standing } from '../table/standing.ts'
import { Lookup } from './lookup.ts'
import type { LookupEntry } from './lookup-entry.ts'
import { MAX_RPCS } from './lookup-room.ts'
import { MorePeers } from './more-peers.ts'
import type { PeersMessage, Reply } from '../wire/messages.ts'
import type { Call, CallHandler, Callee, Question, Rpc } from './rpc.ts'
import type { WalkSummary } from '../service.ts'
import { forEachToldContact, toldPeers, type Self, type Teller } from '../table/told.ts'

/** A walk ends after this long, whatever the others do. */
const MAX_WALK: Millis = 10_000
/** Walks at once; further ones wait for their turn. */
const MAX_WALKS = 32
/** Contacts that a walk begins with. */
const WALK_SEEDS = 2 * K
/** Until the next attempt, when there was no room for another call. */
const RETRY_AFTER: Millis = 50

/**
 * Bytes to which a request is padded, because an unproven sender gets at most three times what it sent: room for a full list
 * of nodes over IPv6, and for an info hash as many peers as a datagram holds.
 */
const PADDED_INFO_HASH = 400
const PADDED_TARGET_IPV6 = 200
/** Bytes of a request without padding, and of the padding's own key. */
const INFO_HASH_QUESTION = 143
const TARGET_QUESTION = 141
const PAD_KEY = 9

export interface WalkEnvironment {
  readonly self: Self
  readonly book: ContactBook
  readonly clock: Clock
  readonly rpc: Rpc
  calleeOf(contact: Contact): Callee
  /** Whom we know, to begin with. */
  readonly table: RoutingTable
  /** Who may be one of those that a walk is for. */
  readonly standing: Standing
}

export interface WalkOptions {
  /** Asks for nodes near an id, or for nodes and peers of an info hash. */
  readonly goal: { readonly target: NodeId } | { readonly infoHash: InfoHash }
  readonly isCareful: boolean
  /** Whom to start with instead of our contacts: nobody has vouched for them. */
  readonly from?: readonly Contact[] | undefined
  /** Peers not named before in this walk. */
  readonly onPeers?: (peers: readonly Endpoint[]) => void
  /** Called once, unless cancelled. `nearest` are those that answered; their contacts are valid during the call. */
  readonly onDone: (summary: WalkSummary, nearest: readonly LookupEntry[]) => void
}

export class Walks {
  readonly #environment: WalkEnvironment
  readonly #running = new LazySet<Walk>()
  readonly #queue: Walk[] = []
  #isStarting = false

  constructor(environment: WalkEnvironment) {
    this.#environment = environment
  }

  /** Starts at once, or when another walk has ended. Nothing is called before this returns. */
  start(options: WalkOptions): Cancel {
    const walk: Walk = new Walk(this.#environment, options, () => this.#onEnd(walk))
    this.#queue.push(walk)
    this.#environment.clock.after(0, () => this.#startNext())
    return () => walk.cancel()
  }

  close(): void {
    for (const walk of [...this.#queue.splice(0), ...this.#running]) walk.cancel()
  }

  /** One after the other, and not one within the other: while we know nobody each walk ends as it begins. */
  #startNext(): void {
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#running.size < MAX_WALKS && this.#queue.length > 0) {
      const walk = this.#queue.shift()!
      if (walk.isOver) continue
      this.#running.add(walk)
      walk.begin()
    }
    this.#isStarting = false
  }

  #onEnd(walk: Walk): void {
    this.#running.delete(walk)
    this.#startNext()
  }
}

class Walk implements CallHandler {
  readonly #environment: WalkEnvironment
  readonly #options: WalkOptions
  readonly #onEnd: () => void
  readonly #target: Uint8Array
  readonly #question: Question
  readonly #lookup: Lookup
  /** Undefined when nobody wants peers. */
  readonly #more: MorePeers | undefined
  readonly #seen = new LazySet<string>()
  /** Of those who are late. */
  readonly #lateCalls = new LazyMap<Contact, Call>()
  #startedAt: Millis = 0
  #timers: Cancel[] = []
  /** Of our contacts, so many have been put on the list. */
  #known = 0
  #isRetrying = false
  isOver = false

  constructor(environment: WalkEnvironment, options: WalkOptions, onEnd: () => void) {
    this.#environment = environment
    this.#options = options
    this.#onEnd = onEnd
    const { goal } = options
    const { book } = environment
    if ('target' in goal) {
      this.#target = goal.target
      const pad = book.family === 6 ? PADDED_TARGET_IPV6 - TARGET_QUESTION - PAD_KEY : undefined
      this.#question = { type: 'findPeers', target: goal.target, pad }
    } else {
      this.#target = goal.infoHash
      const { infoHash } = goal
      const pad = PADDED_INFO_HASH - INFO_HASH_QUESTION - PAD_KEY
      const onSettled = (callee: Callee, reply: Reply | undefined): void => this.#onMore(callee, reply)
      if (options.onPeers !== undefined)
        this.#more = new MorePeers({ rpc: environment.rpc, infoHash, onSettled })
      this.#question = { type: 'findPeers', infoHash: goal.infoHash, pad }
    }
    this.#lookup = new Lookup({
      target: this.#target,
      book,
      isCareful: options.isCareful,
      // A walk that only gets to know others is not harmed by liars among them.
      isWary: options.isCareful || 'infoHash' in goal,
      seeksPeers: options.onPeers !== undefined,
      counts: (contact) => environment.standing.counts(contact, environment.clock.now()),
      networkSize: environment.table.estimatedNetworkSize(),
    })
    for (const contact of options.from ?? []) this.#lookup.onKnown(contact, Number.POSITIVE_INFINITY)
  }

  begin(): void {
    const { clock } = this.#environment
    this.#startedAt = clock.now()
    const { from = [] } = this.#options
    if (from.length === 0) this.#know(WALK_SEEDS)
    this.#timers.push(clock.after(MAX_WALK, () => this.#end()))
    this.#advance()
  }

  /** Puts our nearest contacts on the list. */
  #know(count: number): void {
    const { table } = this.#environment
    this.#known = count
    for (const contact of table.closest(this.#target, count))
      this.#lookup.onKnown(contact, table.srtt(contact) ?? Number.POSITIVE_INFINITY)
  }

  cancel(): void {
    if (this.isOver) return
    this.isOver = true
    for (const cancel of this.#timers) cancel()
    this.#lookup.close()
    this.#onEnd()
  }

  onReply(call: Call, reply: Reply): void {
    const entry = this.#entryOf(call)
    if (entry === undefined || reply.type !== 'peers') return
    const teller = this.#tellerOf(call.callee)
    this.#lookup.onReply(entry, reply.token)
    forEachToldContact(reply, teller, (contact) => this.#lookup.onHeard(contact, entry))
    this.#tellPeers(reply, teller)
    if (reply.more === 1 && reply.token !== undefined && this.#lookup.rpcs < MAX_RPCS)
      if (this.#more?.ask(call.callee, reply.token, this.#seen.size)) this.#lookup.onAskedAgain()
    this.#advance()
  }

  #onMore(callee: Callee, reply: Reply | undefined): void {
    if (this.isOver) return
    if (reply?.type === 'peers') this.#tellPeers(reply, this.#tellerOf(callee))
    this.#advance()
  }

  #tellerOf({ contact }: Callee): Teller {
    const { book, self } = this.#environment
    return { scope: book.scope(contact), book, self }
  }

  #tellPeers(reply: PeersMessage, teller: Teller): void {
    const peers = toldPeers(reply, teller).filter((peer) => this.#isNew(peer))
    if (peers.length === 0) return
    this.#lookup.onPeers()
    this.#options.onPeers?.(peers)
  }

  onSoftTimeout(call: Call): void {
    const entry = this.#entryOf(call)
    if (entry === undefined) return
    if (this.#lookup.onSoftTimeout(entry)) return this.#environment.rpc.resend(call)
    this.#lateCalls.set(entry.contact, call)
    this.#advance()
  }

  onFail(call: Call): void {
    const entry = this.#entryOf(call)
    if (entry === undefined) return
    this.#lookup.onFail(entry)
    this.#advance()
  }

  #entryOf(call: Call): LookupEntry | undefined {
    return this.isOver ? undefined : this.#lookup.entryOf(call.callee.contact)
  }

  #isNew(peer: Endpoint): boolean {
    const key = formatEndpoint(peer)
    if (this.#seen.has(key)) return false
    this.#seen.add(key)
    return true
  }

  #advance(): void {
    if (this.isOver) return
    const environment = this.#environment
    do {
      for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
        if (environment.rpc.call(this.#question, environment.calleeOf(entry.contact), this) === undefined)
          return this.#retryLater()
        this.#lookup.onAsked(entry)
      }
      if (!this.#lookup.isFinished || this.#more?.isWaiting) return
    } while (this.#insists() || this.#lookup.doubt() || this.#lookup.relent())
    this.#end()
  }

  /** After sleep, or where much is lost, all that it began with may be silent: then it goes on with the rest of our contacts. */
  #next(): LookupEntry | undefined {
    const next = this.#lookup.next()
    if (next !== undefined || this.#known !== WALK_SEEDS || !this.#lookup.isStranded) return next
    this.#know(MAX_RPCS)
    return this.#lookup.next()
  }

  /** @returns whether a request was sent again, or there is somebody to wait for */
  #insists(): boolean {
    for (const { contact } of this.#lookup.insist())
      this.#environment.rpc.resend(this.#lateCalls.get(contact)!)
    return !this.#lookup.isFinished
  }

  #retryLater(): void {
    if (this.#isRetrying) return
    this.#isRetrying = true
    const retry = (): void => {
      this.#isRetrying = false
      this.#advance()
    }
    this.#timers.push(this.#environment.clock.after(RETRY_AFTER, retry))
  }

  #end(): void {
    if (this.isOver) return
    const lookup = this.#lookup
    const ms = Math.round(this.#environment.clock.now() - this.#startedAt)
    const { hops, rpcs, answered, isInDoubt } = lookup
    const summary = { hops, rpcs, ms, answered, isInDoubt }
    const nearest = lookup.closestAnswered(Number.POSITIVE_INFINITY)
    this.#options.onDone(summary, nearest)
    this.cancel()
  }
}
