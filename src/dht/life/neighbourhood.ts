/**
 * Whom we know, and how we get to know them: keeps the routing table in step with the outcome of every call, and pings nodes
 * that may belong in it.
 */
import { formatEndpoint, scopeOf, type Endpoint } from '../../protocol/endpoint.ts'
import type { Clock, Emit, Millis, Random } from '../../protocol/ports.ts'
import { Candidates } from './candidates.ts'
import { NONE, type Contact, type ContactBook } from '../table/contact.ts'
import type { DhtEvent } from '../events.ts'
import type { Identity } from '../identity/identity.ts'
import type { Role } from '../identity/role.ts'
import type { SharedMemory } from '../table/shared-memory.ts'
import { messageEvent } from '../wire/message-event.ts'
import type { Reply, Request } from '../wire/messages.ts'
import type { Pinger } from './ping.ts'
import { RoutingTable } from '../table/routing-table.ts'
import type { TableObserver } from '../table/table-observer.ts'
import { Rpc, type Call, type Callee, type RpcObserver } from '../lookup/rpc.ts'
import { profileOf } from '../wire/source-limiter.ts'
import { forEachToldContact, isNodePort, type Self, type Teller } from '../table/told.ts'

/** Pings at once that decide about questionable contacts: newcomers come in crowds, and one place per round trip is enough. */
const MAX_DOUBT_PINGS = 1

export interface NeighbourhoodOptions {
  readonly identity: Identity
  readonly role: Role
  readonly book: ContactBook
  readonly memory: SharedMemory
  readonly clock: Clock
  readonly random: Random
  readonly send: (request: Request, callee: Callee) => void
  /** Undefined when nobody listens to events of single messages. */
  readonly emitChatter: Emit<DhtEvent> | undefined
  readonly host: NeighbourhoodHost
}

export interface NeighbourhoodHost {
  /** The table is empty, and somebody failed us. */
  onLonely(): void
}

/** Hears of what becomes of all of them. */
export interface NeighbourhoodObserver {
  /** Whether a silent contact is to blame for its silence; otherwise nobody loses its place by it. */
  readonly isOnline: boolean
  onAnswer(): void
  onSilence(): void
  onAdded(contact: Contact): void
  onRemoved(contact: Contact, reason: string): void
}

export class Neighbourhood implements RpcObserver, TableObserver, Self, Pinger {
  readonly table: RoutingTable
  readonly rpc: Rpc
  /** Set by the node, before anything is sent. */
  observer!: NeighbourhoodObserver
  readonly #identity: Identity
  readonly book: ContactBook
  readonly clock: Clock
  readonly #candidates: Candidates
  readonly #emitChatter: Emit<DhtEvent> | undefined
  readonly #host: NeighbourhoodHost
  #doubtPings = 0

  constructor(options: NeighbourhoodOptions) {
    const { identity, role, book, memory, clock, random, send, emitChatter, host } = options
    const ownId = identity.id
    this.#identity = identity
    this.book = book
    this.clock = clock
    this.#emitChatter = emitChatter
    this.#host = host
    this.table = new RoutingTable({
      ownId,
      book,
      memory: memory.buckets,
      observer: this,
    })
    this.rpc = new Rpc({ ownId, book, rtts: memory.rtts, role, clock, random, send, observer: this })
    this.#candidates = new Candidates(this)
  }

  /** Somebody who answers requests sent us one. */
  onRequest(contact: Contact, now: Millis): void {
    if (this.table.onRequest(contact, now)) return
    if (isNodePort(this.book.endpoint(contact).port, this.book.scope(contact)))
      this.#candidates.offer(contact, true)
  }

  /** As {@link DhtNode.adopt}. @returns whether the table took it */
  adopt(contact: Contact, repliedAt: Millis, rttsMs: readonly Millis[]): boolean {
    const isTaken = this.table.onReply(contact, repliedAt, rttsMs[0]) === 'added'
    if (!isTaken) return false
    const profile = profileOf(this.book.scope(contact))
    for (let at = 0; at < rttsMs.length; at++) {
      if (at > 0) this.table.onReply(contact, repliedAt, rttsMs[at])
      this.rpc.onRtt(profile, rttsMs[at]!)
    }
    return true
  }

  onBegin({ callee }: Call): void {
    if (callee.contact !== NONE) this.book.retain(callee.contact)
  }

  onEnd({ callee }: Call): void {
    if (callee.contact !== NONE) this.book.release(callee.contact)
  }

  onReply({ callee }: Call, reply: Reply, rttMs: Millis | undefined): void {
    const now = this.clock.now()
    this.#emitChatter?.(messageEvent(reply, callee.to, { direction: 'in', rttMs }))
    this.observer.onAnswer()
    if (reply.ro === 1) return
    const { to, contact: known } = callee
    const contact = known === NONE ? this.book.intern(reply.id, to) : this.book.retain(known)
    if (this.table.onReply(contact, now, rttMs) === 'waiting') this.#pingDoubted(contact, now)
    this.book.release(contact)
  }

  onTimeout({ callee, request, sends }: Call, waitedMs: Millis): void {
    const node = formatEndpoint(callee.to)
    this.#emitChatter?.({ event: 'dht_timeout', node, message: request.type, waitedMs: Math.round(waitedMs) })
    this.observer.onSilence()
    if (callee.contact === NONE) return
    const replacement = this.table.onTimeout(callee.contact, this.observer.isOnline ? sends : 0)
    if (replacement !== NONE) {
      this.ping(replacement, () => undefined)
      this.book.release(replacement)
    }
    this.#checkLonely()
  }

  onWrongId({ callee }: Call): void {
    if (callee.contact === NONE) return
    this.table.onWrongId(callee.contact)
    this.#checkLonely()
  }

  #checkLonely(): void {
    if (this.table.size === 0) this.#host.onLonely()
  }

  /** Strangers get one datagram: their address may be that of somebody who never asked for it. */
  ping(contact: Contact, onDone: (hasAnswered: boolean) => void): boolean {
    const isMember = this.table.has(contact)
    const call = this.rpc.call({ type: 'ping' }, this.calleeOf(contact), {
      isUpkeep: true,
      onReply: () => onDone(true),
      onSoftTimeout: (slow) => {
        if (isMember && slow.sends === 1) this.rpc.resend(slow)
      },
      onFail: () => onDone(false),
    })
    return call !== undefined
  }

  /** A verified newcomer waits for a place: asks the member that was silent for longest whether it is still there. */
  #pingDoubted(newcomer: Contact, now: Millis): void {
    if (this.#doubtPings >= MAX_DOUBT_PINGS) return
    const doubted = this.table.doubtedFor(newcomer, now)
    if (doubted !== NONE && this.ping(doubted, () => this.#doubtPings--)) this.#doubtPings++
  }

  /** Somebody named it outside of a walk: it is pinged when the table has room for it. */
  offer(contact: Contact): void {
    this.#candidates.offer(contact, false)
  }

  /** Offers those whom a reply names, unless they are excepted. */
  offerTold({ callee }: Call, reply: Reply, isExcepted: (contact: Contact) => boolean): void {
    if (reply.type !== 'peers') return
    const offer = (contact: Contact): void => {
      if (!isExcepted(contact)) this.offer(contact)
    }
    forEachToldContact(reply, this.#tellerAt(callee.to), offer, this.table)
  }

  /** Visits those whom a reply names; whoever keeps one retains it. */
  forEachTold({ callee }: Call, reply: Reply, visit: (contact: Contact) => void): void {
    if (reply.type !== 'peers') return
    forEachToldContact(reply, this.#tellerAt(callee.to), visit)
  }

  #tellerAt({ host }: Endpoint): Teller {
    return { scope: scopeOf(host), book: this.book, self: this }
  }

  calleeOf(contact: Contact): Callee {
    const book = this.book
    return {
      to: book.endpoint(contact),
      profile: profileOf(book.scope(contact)),
      contact,
      rto: this.table.rto(contact),
    }
  }

  isSelf(contact: Contact): boolean {
    const { id } = this.#identity
    return this.book.hasId(contact, id) || this.#identity.isAt(this.book.endpoint(contact))
  }

  onChange(contact: Contact, change: 'added' | 'removed', reason: string): void {
    if (this.#emitChatter !== undefined) {
      const node = formatEndpoint(this.book.endpoint(contact))
      this.#emitChatter({ event: 'dht_contact', node, change, reason, contacts: this.table.size })
    }
    if (change === 'added') this.observer.onAdded(contact)
    else this.observer.onRemoved(contact, reason)
  }

  close(): void {
    this.#candidates.close()
    this.rpc.close()
    this.table.close()
  }
}
