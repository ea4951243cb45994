/**
 * A node's part in the network: the machines that find its place, keep it and use it, and what each of them tells the others. One
 * object is the environment of all, as a simulation has a hundred thousand nodes.
 */
import type { Family } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import type { Emit, Millis, Random } from '../../protocol/ports.ts'
import type { Deadlines } from '../deadlines.ts'
import type { DhtEvent } from '../events.ts'
import type { AgreedAddress, Identity } from '../identity/identity.ts'
import type { Role } from '../identity/role.ts'
import { Announcer, type AnnouncerEnvironment } from '../lookup/announcer.ts'
import { PeerLookups, type PeerLookupsOptions } from '../lookup/peer-lookups.ts'
import type { Call, Callee, Rpc } from '../lookup/rpc.ts'
import { Walks, type WalkEnvironment } from '../lookup/walk.ts'
import type { PeerStore } from '../serve/peer-store.ts'
import type { Tokens } from '../serve/token.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { SharedMemory } from '../table/shared-memory.ts'
import { Standing } from '../table/standing.ts'
import type { Reply, Request } from '../wire/messages.ts'
import { Bootstrap, type BootstrapOptions } from './bootstrap.ts'
import { Maintenance, type MaintenanceOptions } from './maintenance.ts'
import { Neighbourhood, type NeighbourhoodHost } from './neighbourhood.ts'
import { Recovery, type Ordeal, type RecoveryOptions } from './recovery.ts'
import type { SavedTable } from './saved-table.ts'
import type { StateStore } from './state-store.ts'
import { Survival } from './survival.ts'

export interface MembershipOptions {
  readonly family: Family
  readonly identity: Identity
  readonly role: Role
  readonly book: ContactBook
  readonly memory: SharedMemory
  readonly clock: Deadlines
  readonly random: Random
  readonly emit: Emit<DhtEvent>
  readonly isChatty: boolean
  readonly send: (request: Request, callee: Callee) => void
  /** Peers that were announced to us. */
  readonly store: PeerStore
  readonly tokens: Tokens
  /** What outlives the process, and what was found there. */
  readonly state: StateStore | undefined
  readonly saved: SavedTable | undefined
}

export class Membership
  implements
    AnnouncerEnvironment,
    NeighbourhoodHost,
    BootstrapOptions,
    MaintenanceOptions,
    PeerLookupsOptions,
    RecoveryOptions,
    WalkEnvironment
{
  readonly family: Family
  readonly ownId: NodeId
  readonly book: ContactBook
  readonly clock: Deadlines
  readonly random: Random
  readonly emit: Emit<DhtEvent>
  readonly neighbourhood: Neighbourhood
  readonly table: RoutingTable
  readonly rpc: Rpc
  readonly standing: Standing
  readonly store: PeerStore
  readonly walks: Walks
  readonly lookups: PeerLookups
  readonly maintenance: Maintenance
  readonly bootstrap: Bootstrap
  readonly announcer: Announcer
  readonly #tokens: Tokens
  readonly #survival: Survival | undefined
  readonly #recovery: Recovery
  /** Found its place once; lost with the last contact. */
  #hasJoined = false

  constructor(options: MembershipOptions) {
    const { family, identity, book, clock, random, emit, isChatty, state, saved } = options
    this.family = family
    this.ownId = identity.id
    this.book = book
    this.clock = clock
    this.random = random
    this.emit = emit
    this.neighbourhood = new Neighbourhood({
      ...options,
      emitChatter: isChatty ? emit : undefined,
      host: this,
    })
    this.table = this.neighbourhood.table
    this.rpc = this.neighbourhood.rpc
    this.standing = new Standing(book, this.table)
    this.store = options.store
    this.#tokens = options.tokens
    this.walks = new Walks(this)
    this.lookups = new PeerLookups(this)
    this.maintenance = new Maintenance(this)
    this.bootstrap = new Bootstrap(this)
    this.announcer = new Announcer(this)
    if (state !== undefined) this.#survival = this.#survivalIn(state, saved, identity)
    this.#recovery = new Recovery(this)
    this.neighbourhood.observer = this.#recovery
  }

  #survivalIn(store: StateStore, saved: SavedTable | undefined, identity: Identity): Survival {
    const { family, ownId, book, clock, emit, table } = this
    return new Survival({
      ...{ family, ownId, book, clock, emit, table, store, saved },
      ping: (contact, onDone) => this.ping(contact, onDone),
      seeds: () => this.bootstrap.proven,
      external: () => identity.external,
      lost: () => this.#recovery.lost,
      onAwake: () => this.#join(),
    })
  }

  start(): void {
    this.maintenance.start()
  }

  /** Knows somebody, and is not just looking for its own place. */
  get isReady(): boolean {
    const isWaiting = this.#survival?.isWaking === true || this.maintenance.isJoining
    return this.table.size > 0 && (this.#survival?.isAwake === true || !isWaiting)
  }

  /** As {@link DhtNode.isLonely}. */
  get isLonely(): boolean {
    return this.table.size === 0 || this.#recovery.isOffline
  }

  get self(): Neighbourhood {
    return this.neighbourhood
  }

  /** As {@link DhtNode.adopt}. */
  adopt(contact: Contact, repliedAt: Millis, rttsMs: readonly Millis[]): boolean {
    this.#hasJoined = true
    return this.neighbourhood.adopt(contact, repliedAt, rttsMs)
  }

  /** Others agree on an address of ours that is new to us. */
  onAddress({ isNewId, hasMoved, isTranslated }: AgreedAddress): void {
    this.rpc.outgoing.isBehindNat = isTranslated
    if (hasMoved) this.announcer.repeatSoon()
    if (!isNewId) return
    this.table.remap()
    if (this.#hasJoined) this.maintenance.join()
  }

  ping(contact: Contact, onDone: (hasAnswered: boolean) => void): boolean {
    return this.neighbourhood.ping(contact, onDone)
  }

  calleeOf(contact: Contact): Callee {
    return this.neighbourhood.calleeOf(contact)
  }

  mustWait(): boolean {
    return this.table.size === 0 && this.bootstrap.isAsking
  }

  isSeed(contact: Contact): boolean {
    return this.bootstrap.has(this.book.endpoint(contact))
  }

  walkHome(from: readonly Contact[], onDone: (nearest: readonly Contact[]) => void): void {
    this.maintenance.walkHome(from, onDone)
  }

  onContactAdded(): void {
    this.announcer.onContactAdded()
    this.#survival?.onContactAdded()
  }

  onLonely(): void {
    this.#hasJoined = false
    this.bootstrap.onLonely()
  }

  onThin(): void {
    this.bootstrap.onLonely()
  }

  onFailed(): void {
    this.lookups.beginWaiting()
  }

  onRecovered(after: Ordeal): void {
    if (after === 'sleep') this.#tokens.renew(this.clock.now())
    this.maintenance.walkHome([], () => undefined)
    this.announcer.repeatSoon()
  }

  /**
   * A newcomer's walk begins with those whom the seed named, so that the seed is not asked the same again; nor are the others:
   * everybody knows them, and they have enough to do.
   */
  onAnswer(call: Call, reply: Reply): void {
    const named: Contact[] = []
    this.neighbourhood.forEachTold(call, reply, (contact) => named.push(this.book.retain(contact)))
    const others = named.filter((contact) => !this.isSeed(contact))
    const told = others.length > 0 ? others : named
    if (!this.#hasJoined) this.#join(told)
    else {
      for (const contact of told) this.neighbourhood.offer(contact)
      if (!this.bootstrap.isJoining) this.#recovery.onSeedNamed(told)
    }
    for (const contact of named) this.book.release(contact)
  }

  /** Somebody has answered us: through it, or from those whom it named, we find our place. */
  #join(from?: readonly Contact[]): void {
    if (!this.#hasJoined) this.maintenance.join(from)
    this.#hasJoined = true
    this.lookups.beginWaiting()
  }

  /** @param onClosed the last word was saved, and the store belongs to others */
  close(onClosed: () => void): void {
    if (this.#survival === undefined) onClosed()
    else this.#survival.close(onClosed)
    this.#recovery.close()
    this.clock.close()
    this.bootstrap.close()
    this.announcer.close()
    this.walks.close()
    this.maintenance.close()
    this.neighbourhood.close()
    this.lookups.close()
  }
}
