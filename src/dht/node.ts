/**
 * One node of the DHT over one address family: it answers others, keeps its routing table, looks up and announces.
 * It runs on ports only; {@link Dht} gives it sockets, the simulator gives it anything.
 */
import { formatEndpoint, type Endpoint, type Family, type Scope } from '../protocol/endpoint.ts'
import { bytesEqual, toHex, type InfoHash, type NodeId } from '../protocol/ids.ts'
import type { Cancel, Emit, Millis } from '../protocol/ports.ts'
import { ClockComplaints } from './frames/clock-complaints.ts'
import { ContactBook, NONE, type Contact } from './table/contact.ts'
import { Deadlines } from './deadlines.ts'
import type { DhtEvent } from './events.ts'
import { Identity, type AgreedAddress } from './identity/identity.ts'
import { K } from './table/bucket-memory.ts'
import { Membership } from './life/membership.ts'
import type { MessagePort } from './wire/message-port.ts'
import { isReply, type Message, type Reply, type Request } from './wire/messages.ts'
import { messageEvent } from './wire/message-event.ts'
import type { DhtNodeOptions } from './node-options.ts'
import { PeerStore } from './serve/peer-store.ts'
import { Responder, type Arrival } from './serve/responder.ts'
import { roleOf, type Role } from './identity/role.ts'
import type { AnnounceOptions, DhtNodeSnapshot, LookupSummary, OnPeers, WalkSummary } from './service.ts'
import { SharedMemory } from './table/shared-memory.ts'
import { Tokens } from './serve/token.ts'
import type { SavedTable } from './life/saved-table.ts'
import { loadTable } from './life/table-keeper.ts'
import { Watches } from './serve/watches.ts'

/** Of a machine whose interfaces nobody named. */
const NO_ADDRESSES: readonly string[] = []

export interface FoundNode {
  readonly id: NodeId
  readonly endpoint: Endpoint
}

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
  readonly #store: PeerStore
  readonly #membership: Membership
  readonly #responder: Responder
  /** Made for the first one: only private networks know any. */
  #complaints: ClockComplaints | undefined
  readonly #watches = new Watches()
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
    const tokens = new Tokens(random, clock.now())
    this.#store = new PeerStore({ family, ownId: this.id, random })
    this.#membership = new Membership({
      family,
      identity: this.#identity,
      role: this.#role,
      book: this.#book,
      memory: options.memory ?? new SharedMemory(this.#book),
      clock: this.#deadlines,
      random,
      emit,
      isChatty: this.#isChatty,
      send: (request, { to, contact }) => this.#send(request, to, this.#receiver(contact)),
      store: this.#store,
      tokens,
      state: store,
      saved,
    })
    this.#responder = this.#makeResponder(options, tokens)
    port.onMessage = (message, from, wireBytes, now) => this.#onMessage(message, from, wireBytes, now)
    this.#membership.start()
    if (saved !== undefined) this.#membership.bootstrap.add(saved.seeds)
  }

  #makeIdentity(
    { random, port, addresses = NO_ADDRESSES, id }: DhtNodeOptions,
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

  #makeResponder({ port, otherNodes }: DhtNodeOptions, tokens: Tokens): Responder {
    const { table, standing } = this.#membership
    return new Responder({
      ownId: this.id,
      book: this.#book,
      table,
      standing,
      store: this.#store,
      tokens,
      overheadBytes: port.overheadBytes,
      otherNodes,
      watches: this.#watches,
    })
  }

  /** Knows somebody, and is not just looking for its own place. */
  get isReady(): boolean {
    return this.#membership.isReady
  }

  /** Knows nobody, or nobody who answers: those who were there may have moved together. */
  get isLonely(): boolean {
    return this.#membership.isLonely
  }

  get contacts(): number {
    return this.#membership.table.size
  }

  /** Contacts of the routing table, neighbours first; the node keeps them. */
  knownContacts(): Iterable<Contact> {
    return this.#membership.table.contacts()
  }

  /** Joins through these endpoints of this family, and keeps them for when everybody else is gone. */
  bootstrap(seeds: readonly Endpoint[]): void {
    this.#membership.bootstrap.add(seeds)
  }

  /** Takes a node as one that answered at `repliedAt`, after each of these round trips: simulations start grown up. */
  adopt(contact: Contact, repliedAt: Millis, rttsMs: readonly Millis[]): boolean {
    return this.#membership.adopt(contact, repliedAt, rttsMs)
  }

  /** As {@link DhtService.meet}. */
  meet(endpoint: Endpoint): void {
    this.#membership.bootstrap.meet(endpoint)
  }

  /** As {@link DhtService.lookup}. A lookup before the first contact waits for what comes of the bootstrap. */
  lookup(infoHash: InfoHash, onPeers: OnPeers, onDone: (summary: LookupSummary) => void): Cancel {
    return this.#membership.lookups.start(infoHash, onPeers, onDone)
  }

  /** Walks carefully to the nodes nearest to `target`; up to {@link K} of those that answered, nearest first. */
  findNodes(target: NodeId, onDone: (nearest: readonly FoundNode[], summary: WalkSummary) => void): Cancel {
    const found = ({ contact }: { readonly contact: Contact }): FoundNode => ({
      id: this.#book.id(contact),
      endpoint: this.#book.endpoint(contact),
    })
    return this.#membership.walks.start({
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
    return this.#membership.announcer.announce(infoHash, port, isSeed)
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
      contacts: this.#membership.table.size,
      storedHashes: this.#store.hashes,
      storedPeers: this.#store.peers,
      inFlight: this.#membership.rpc.inFlight,
      sent: this.#sent,
      received: this.#received,
      dropped: this.#port.drops.snapshot(),
    }
  }

  /** @param onClosed the last word was saved, and the store belongs to others */
  close(onClosed: () => void = () => undefined): void {
    this.#membership.close(onClosed)
    this.#role.close()
    this.#watches.close()
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
    const refusal = this.#membership.rpc.onReply(message, from)
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
    if (message.ro !== 1) this.#membership.neighbourhood.onRequest(arrival.contact, arrival.now)
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

  #onAddress(agreed: AgreedAddress): void {
    const { address, hasMoved } = agreed
    this.#role.onPortsDiffer(address.port === 0)
    if (hasMoved) this.#role.onMoved()
    this.#membership.onAddress(agreed)
    const shown = address.port === 0 ? address.host : formatEndpoint(address)
    this.#emit({ event: 'dht_address', family: this.family, address: shown, id: toHex(this.id) })
  }
}
