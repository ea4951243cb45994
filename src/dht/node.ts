/**
 * One node of the DHT over one address family: it answers others, keeps its routing table, looks up and announces.
 * It runs on ports only; {@link Dht} gives it sockets, the simulator gives it anything.
 */
import { formatEndpoint, type Endpoint, type Family, type Scope } from '../protocol/endpoint.ts'
import { bytesEqual, toHex, type InfoHash, type NodeId } from '../protocol/ids.ts'
import type { Cancel, Emit, Millis, Random } from '../protocol/ports.ts'
import { Announcer, type AnnouncerEnvironment } from './lookup/announcer.ts'
import { Bootstrap, type BootstrapOptions } from './life/bootstrap.ts'
import { ClockComplaints } from './frames/clock-complaints.ts'
import { ContactBook, NONE, type Contact } from './table/contact.ts'
import { Deadlines } from './deadlines.ts'
import type { DhtEvent } from './events.ts'
import { Identity, type AgreedAddress } from './identity/identity.ts'
import { K } from './table/bucket-memory.ts'
import { Maintenance, type MaintenanceOptions } from './life/maintenance.ts'
import type { MessagePort } from './wire/message-port.ts'
import { isReply, type Message, type Reply, type Request } from './wire/messages.ts'
import { messageEvent } from './wire/message-event.ts'
import { Neighbourhood } from './life/neighbourhood.ts'
import type { DhtNodeOptions } from './node-options.ts'
import { PeerLookups, type PeerLookupsOptions } from './lookup/peer-lookups.ts'
import { PeerStore } from './serve/peer-store.ts'
import { Recovery, type Ordeal, type RecoveryOptions } from './life/recovery.ts'
import { Responder, type Arrival } from './serve/responder.ts'
import { roleOf, type Role } from './identity/role.ts'
import type { RoutingTable } from './table/routing-table.ts'
import type { Call, Rpc } from './lookup/rpc.ts'
import type { AnnounceOptions, DhtNodeSnapshot, LookupSummary, OnPeers, WalkSummary } from './service.ts'
import { SharedMemory } from './table/shared-memory.ts'
import { Standing } from './table/standing.ts'
import { Tokens } from './serve/token.ts'
import type { SavedTable } from './life/saved-table.ts'
import type { StateStore } from './life/state-store.ts'
import { Survival } from './life/survival.ts'
import { loadTable } from './life/table-keeper.ts'
import { Walks } from './lookup/walk.ts'
import { Watches } from './serve/watches.ts'

export interface FoundNode {
  readonly id: NodeId
  readonly endpoint: Endpoint
}

/** What the machines of a node are given: one object for all, as a simulation has a hundred thousand nodes. */
type Equipment = AnnouncerEnvironment &
  BootstrapOptions &
  MaintenanceOptions &
  PeerLookupsOptions &
  RecoveryOptions

export class DhtNode {
  readonly family: Family
  /** One array for good: its bytes change when it turns out that others see us at another address. */
  readonly id: NodeId
  readonly #identity: Identity
  readonly #port: MessagePort
  readonly #deadlines: Deadlines
  readonly #emit: Emit<DhtEvent>
  readonly #isChatty: boolean
  readonly #role: Role
  readonly #book: ContactBook
  readonly #neighbourhood: Neighbourhood
  readonly #table: RoutingTable
  readonly #store: PeerStore
  readonly #responder: Responder
  readonly #rpc: Rpc
  readonly #walks: Walks
  readonly #bootstrap: Bootstrap
  readonly #maintenance: Maintenance
  readonly #announcer: Announcer
  readonly #survival: Survival | undefined
  readonly #lookups: PeerLookups
  /** Made for the first one: only private networks know any. */
  #complaints: ClockComplaints | undefined
  readonly #recovery: Recovery
  readonly #watches = new Watches()
  readonly #tokens: Tokens
  /** Found its place once; lost with the last contact. */
  #hasJoined = false
  #sent = 0
  #received = 0

  constructor(options: DhtNodeOptions) {
    const { family, port, clock, random, emit, isChatty, store } = options
    this.family = family
    const saved = store && loadTable(store, family, emit)
    this.#book = options.book ?? new ContactBook(family, options.idRule)
    this.#identity = this.#makeIdentity(options, saved)
    this.id = this.#identity.id
    this.#port = port
    port.ownId = this.id
    this.#emit = emit
    this.#isChatty = isChatty ?? false
    this.#deadlines = new Deadlines(clock)
    this.#role = roleOf({ ...options, clock: this.#deadlines, isReady: () => this.isReady })
    this.#neighbourhood = this.#makeNeighbourhood(options)
    this.#table = this.#neighbourhood.table
    this.#rpc = this.#neighbourhood.rpc
    this.#tokens = new Tokens(random, clock.now())
    this.#store = new PeerStore({ family, ownId: this.id, random })
    const standing = new Standing(this.#book, this.#table)
    this.#responder = this.#makeResponder(options, standing)
    const equipment = this.#equip(random, standing)
    this.#walks = equipment.walks
    this.#lookups = new PeerLookups(equipment)
    this.#maintenance = new Maintenance(equipment)
    this.#bootstrap = new Bootstrap(equipment)
    this.#announcer = new Announcer(equipment)
    if (store !== undefined) this.#survival = this.#makeSurvival(store, saved)
    this.#recovery = new Recovery(equipment)
    this.#neighbourhood.observer = this.#recovery
    port.onMessage = (message, from, wireBytes, now) => this.#onMessage(message, from, wireBytes, now)
    this.#maintenance.start()
    if (saved !== undefined) this.#bootstrap.add(saved.seeds)
  }

  #makeIdentity(
    { random, port, addresses = [], id }: DhtNodeOptions,
    saved: SavedTable | undefined,
  ): Identity {
    return new Identity({
      rule: this.#book.idRule,
      random,
      local: port.local,
      addresses,
      id,
      saved,
      onAddress: (agreed) => this.#onAddress(agreed),
    })
  }

  #makeNeighbourhood({ random, memory }: DhtNodeOptions): Neighbourhood {
    return new Neighbourhood({
      identity: this.#identity,
      role: this.#role,
      book: this.#book,
      memory: memory ?? new SharedMemory(this.#book),
      clock: this.#deadlines,
      random,
      send: (request, { to, contact }) => this.#send(request, to, this.#receiver(contact)),
      emitChatter: this.#isChatty ? this.#emit : undefined,
      onLonely: () => {
        this.#hasJoined = false
        this.#bootstrap.onLonely()
      },
    })
  }

  #makeResponder({ port, otherNodes }: DhtNodeOptions, standing: Standing): Responder {
    return new Responder({
      ownId: this.id,
      book: this.#book,
      table: this.#table,
      standing,
      store: this.#store,
      tokens: this.#tokens,
      overheadBytes: port.overheadBytes,
      otherNodes,
      watches: this.#watches,
    })
  }

  #equip(random: Random, standing: Standing): Equipment {
    const { ping, calleeOf, table, rpc } = this.#neighbourhood
    const shared = { book: this.#book, clock: this.#deadlines, table, rpc, calleeOf }
    return {
      ...shared,
      family: this.family,
      ownId: this.id,
      random,
      emit: this.#emit,
      neighbourhood: this.#neighbourhood,
      ping,
      store: this.#store,
      walks: new Walks({ ...shared, self: this.#neighbourhood, standing }),
      mustWait: () => this.#table.size === 0 && this.#bootstrap.isAsking,
      onAnswer: (call, reply) => this.#onSeed(call, reply),
      onFailed: () => this.#lookups.beginWaiting(),
      isSeed: (contact) => this.#bootstrap.has(this.#book.endpoint(contact)),
      walkHome: (from, onDone) => this.#maintenance.walkHome(from, onDone),
      onRecovered: (after) => this.#onRecovered(after),
      onContactAdded: () => {
        this.#announcer.onContactAdded()
        this.#survival?.onContactAdded()
      },
      onThin: () => this.#bootstrap.onLonely(),
    }
  }

  #makeSurvival(store: StateStore, saved: SavedTable | undefined): Survival {
    return new Survival({
      family: this.family,
      ownId: this.id,
      book: this.#book,
      clock: this.#deadlines,
      emit: this.#emit,
      table: this.#table,
      store,
      saved,
      ping: this.#neighbourhood.ping,
      seeds: () => this.#bootstrap.proven,
      external: () => this.#identity.external,
      lost: () => this.#recovery.lost,
      onAwake: () => this.#join(),
    })
  }

  /** Knows somebody, and is not just looking for its own place. */
  get isReady(): boolean {
    const isWaiting = this.#survival?.isWaking === true || this.#maintenance.isJoining
    return this.#table.size > 0 && (this.#survival?.isAwake === true || !isWaiting)
  }

  get contacts(): number {
    return this.#table.size
  }

  /** Contacts of the routing table, neighbours first; the node keeps them. */
  knownContacts(): Iterable<Contact> {
    return this.#table.contacts()
  }

  /** Joins through these endpoints of this family, and keeps them for when everybody else is gone. */
  bootstrap(seeds: readonly Endpoint[]): void {
    this.#bootstrap.add(seeds)
  }

  /** Takes a node as one that answered at `repliedAt`, after each of these round trips: simulations start grown up. */
  adopt(contact: Contact, repliedAt: Millis, rttsMs: readonly Millis[]): boolean {
    this.#hasJoined = true
    return this.#neighbourhood.adopt(contact, repliedAt, rttsMs)
  }

  /** As {@link DhtService.meet}. */
  meet(endpoint: Endpoint): void {
    this.#bootstrap.meet(endpoint)
  }

  /** As {@link DhtService.lookup}. A lookup before the first contact waits for what comes of the bootstrap. */
  lookup(infoHash: InfoHash, onPeers: OnPeers, onDone: (summary: LookupSummary) => void): Cancel {
    return this.#lookups.start(infoHash, onPeers, onDone)
  }

  /** Walks carefully to the nodes nearest to `target`; up to {@link K} of those that answered, nearest first. */
  findNodes(target: NodeId, onDone: (nearest: readonly FoundNode[], summary: WalkSummary) => void): Cancel {
    const found = ({ contact }: { readonly contact: Contact }): FoundNode => ({
      id: this.#book.id(contact),
      endpoint: this.#book.endpoint(contact),
    })
    return this.#walks.start({
      goal: { target },
      isCareful: true,
      onDone: (summary, nearest) => onDone(nearest.slice(0, K).map(found), summary),
    })
  }

  /** As {@link DhtService.watch}. */
  watch(infoHash: InfoHash, onPeers: OnPeers): Cancel {
    return this.#watches.add(infoHash, onPeers)
  }

  /** As {@link DhtService.announce}. */
  announce(infoHash: InfoHash, port: number, { isSeed }: AnnounceOptions): Cancel {
    return this.#announcer.announce(infoHash, port, isSeed)
  }

  /** The contacts nearest to `target` that a requester of that scope may be told of, packed. */
  packNodes(target: Uint8Array, count: number, requester: Scope): Uint8Array {
    return this.#responder.packNodes(target, count, requester, this.#deadlines.now())
  }

  snapshot(): DhtNodeSnapshot {
    return {
      family: this.family,
      id: toHex(this.id),
      isReady: this.isReady,
      isReadOnly: this.#role.isReadOnlyTo('wan'),
      contacts: this.#table.size,
      storedHashes: this.#store.hashes,
      storedPeers: this.#store.peers,
      inFlight: this.#rpc.inFlight,
      sent: this.#sent,
      received: this.#received,
      dropped: this.#port.drops.snapshot(),
    }
  }

  /** @param onClosed the last word was saved, and the store belongs to others */
  close(onClosed: () => void = () => undefined): void {
    if (this.#survival === undefined) onClosed()
    else this.#survival.close(onClosed)
    this.#recovery.close()
    this.#role.close()
    this.#deadlines.close()
    this.#bootstrap.close()
    this.#announcer.close()
    this.#walks.close()
    this.#maintenance.close()
    this.#neighbourhood.close()
    this.#watches.close()
    this.#lookups.close()
    this.#port.onMessage = () => undefined
    this.#port.close()
  }

  #onMessage(message: Message, from: Endpoint, wireBytes: number, now: Millis): void {
    this.#received++
    if (bytesEqual(message.id, this.id)) return this.#port.drops.count('reflection')
    if (isReply(message)) return this.#onReply(message, from, now)
    if (!this.#role.admits(from)) return this.#port.drops.count('read-only')
    if (this.#isChatty) this.#emit(messageEvent(message, from, { direction: 'in' }))
    this.#answer(message, { contact: this.#book.guest(message.id, from), wireBytes, now })
  }

  #onReply(message: Reply, from: Endpoint, now: Millis): void {
    const refusal = this.#rpc.onReply(message, from)
    if (refusal !== undefined) this.#port.drops.count(refusal)
    else this.#role.onAnswer()
    if (refusal !== undefined && refusal !== 'skew') return
    const unixMs = message.type === 'pong' ? message.ts : undefined
    this.#port.onClockTold(from, unixMs)
    if (refusal === undefined && message.ip !== undefined) this.#identity.onSeen(from, message.ip, now)
    if (refusal === 'skew' && unixMs !== undefined) {
      this.#complaints ??= new ClockComplaints(this.#deadlines, this.#emit)
      this.#complaints.onTold(from, unixMs)
    }
  }

  #answer(message: Request, arrival: Arrival): void {
    const answer = this.#responder.answer(message, arrival)
    if (typeof answer === 'string') this.#port.drops.count(answer)
    else this.#send(answer.reply, answer.to, message.id)
    if (message.ro !== 1) this.#neighbourhood.onRequest(arrival.contact, arrival.now)
  }

  /** The id that a request to a contact names. */
  #receiver(contact: Contact): NodeId | undefined {
    return this.#port.namesReceivers && contact !== NONE ? this.#book.id(contact) : undefined
  }

  #send(message: Message, to: Endpoint, receiver: NodeId | undefined): void {
    this.#sent++
    if (!this.#role.isSettled) this.#role.onSent(to)
    if (this.#isChatty) this.#emit(messageEvent(message, to, { direction: 'out' }))
    this.#port.send(message, to, receiver)
  }

  #onAddress({ address, isNewId, hasMoved, isTranslated }: AgreedAddress): void {
    this.#rpc.outgoing.isBehindNat = isTranslated
    this.#role.onPortsDiffer(address.port === 0)
    if (hasMoved) {
      this.#announcer.repeatSoon()
      this.#role.onMoved()
    }
    if (isNewId) {
      this.#table.remap()
      if (this.#hasJoined) this.#maintenance.join()
    }
    const shown = address.port === 0 ? address.host : formatEndpoint(address)
    this.#emit({ event: 'dht_address', family: this.family, address: shown, id: toHex(this.id) })
  }

  #onRecovered(after: Ordeal): void {
    if (after === 'sleep') this.#tokens.renew(this.#deadlines.now())
    this.#maintenance.walkHome([], () => undefined)
    this.#announcer.repeatSoon()
  }

  /**
   * A newcomer's walk begins with those whom the seed named, so that the seed is not asked the same again; nor are the others:
   * everybody knows them, and they have enough to do.
   */
  #onSeed(call: Call, reply: Reply): void {
    const named: Contact[] = []
    this.#neighbourhood.forEachTold(call, reply, (contact) => named.push(this.#book.retain(contact)))
    const others = named.filter((contact) => !this.#bootstrap.has(this.#book.endpoint(contact)))
    const told = others.length > 0 ? others : named
    if (!this.#hasJoined) this.#join(told)
    else {
      for (const contact of told) this.#neighbourhood.offer(contact)
      if (!this.#bootstrap.isJoining) this.#recovery.onSeedNamed(told)
    }
    for (const contact of named) this.#book.release(contact)
  }

  /** Somebody has answered us: through it, or from those whom it named, we find our place. */
  #join(from?: readonly Contact[]): void {
    if (!this.#hasJoined) this.#maintenance.join(from)
    this.#hasJoined = true
    this.#lookups.beginWaiting()
  }
}
