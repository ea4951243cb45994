/**
 * One node of the DHT over one address family: it answers others, keeps its routing table, looks up and announces.
 * It runs on ports only; {@link Dht} gives it sockets, the simulator gives it anything.
 *
 * This file wires the parts and does the one thing that belongs to none of them: telling the table who answered.
 */
import { formatEndpoint, scopeOf, type Endpoint, type Family, type Scope } from '../protocol/endpoint.ts'
import { bytesEqual, ID_LENGTH, idFrom, toHex, type InfoHash, type NodeId } from '../protocol/ids.ts'
import type { Cancel, Clock, Emit, Millis, Random } from '../protocol/ports.ts'
import { Announcer } from './announcer.ts'
import { Bootstrap } from './bootstrap.ts'
import { Candidates } from './candidates.ts'
import { NONE, ContactBook, type Contact } from './contact.ts'
import { Deadlines } from './deadlines.ts'
import type { DhtEvent } from './events.ts'
import { K } from './k-bucket.ts'
import { Maintenance } from './maintenance.ts'
import type { MessagePort } from './message-port.ts'
import { isReply, type Message, type Reply, type Request } from './messages.ts'
import { messageEvent } from './message-event.ts'
import { PeerStore } from './peer-store.ts'
import { Responder } from './responder.ts'
import { RoutingTable } from './routing-table.ts'
import { Rpc, type Call, type Callee, type RpcObserver } from './rpc.ts'
import type { AnnounceOptions, DhtNodeSnapshot, LookupSummary, OnPeers, WalkSummary } from './service.ts'
import { profileOf } from './source-limiter.ts'
import { forEachToldContact } from './told.ts'
import { Tokens } from './token.ts'
import { Walks } from './walk.ts'

/** Contacts that a walk begins with. */
const WALK_SEEDS = 2 * K

/** Without any reply for so long, silence is our own fault and costs nobody his place. */
const ONLINE_FOR: Millis = 30_000

/** Pings at once that decide about a questionable contact. */
const MAX_DOUBT_PINGS = 3

export interface DhtNodeOptions {
  readonly family: Family
  readonly port: MessagePort
  readonly clock: Clock
  readonly random: Random
  readonly emit: Emit<DhtEvent>
  /** Whether to emit an event for each message. */
  readonly isChatty?: boolean | undefined
  /** Drawn by chance unless given. */
  readonly id?: NodeId | undefined
  /** A node that answers nothing and is in nobody's table (BEP 43). */
  readonly isReadOnly?: boolean | undefined
  /** Shared by the nodes of a simulation; own unless given. */
  readonly book?: ContactBook | undefined
  /** Nodes of the other family near a target, packed, for those who want both. */
  readonly otherNodes?: (target: Uint8Array, count: number, requester: Scope) => Uint8Array | undefined
}

export interface FoundNode {
  readonly id: NodeId
  readonly endpoint: Endpoint
}

export class DhtNode implements RpcObserver {
  readonly family: Family
  readonly id: NodeId
  readonly #port: MessagePort
  readonly #deadlines: Deadlines
  readonly #emit: Emit<DhtEvent>
  readonly #isChatty: boolean
  readonly #isReadOnly: boolean
  readonly #book: ContactBook
  readonly #table: RoutingTable
  readonly #store: PeerStore
  readonly #responder: Responder
  readonly #rpc: Rpc
  readonly #walks: Walks
  readonly #bootstrap: Bootstrap
  readonly #candidates: Candidates
  readonly #maintenance: Maintenance
  readonly #announcer: Announcer
  readonly #watches = new Map<string, Set<OnPeers>>()
  /** Lookups that wait for the first contact. */
  readonly #untilJoined = new Set<() => void>()
  /** Found its place once; lost with the last contact. */
  #hasJoined = false
  #doubtPings = 0
  #repliedAt: Millis = Number.NEGATIVE_INFINITY
  #sent = 0
  #received = 0

  constructor(options: DhtNodeOptions) {
    const { family, port, clock, random, emit, isChatty, isReadOnly, otherNodes } = options
    this.family = family
    this.id = options.id ?? idFrom<NodeId>(random.fill(new Uint8Array(ID_LENGTH)))
    this.#port = port
    this.#emit = emit
    this.#isChatty = isChatty ?? false
    this.#isReadOnly = isReadOnly ?? false
    this.#deadlines = new Deadlines(clock)
    this.#book = options.book ?? new ContactBook(family)
    const ownId = this.id
    const book = this.#book
    const deadlines = this.#deadlines
    const now = clock.now()
    this.#table = new RoutingTable({
      ownId,
      book,
      onChange: (contact, change, reason) => this.#onTableChange(contact, change, reason),
    })
    this.#store = new PeerStore({ family, ownId, random })
    this.#responder = new Responder(
      {
        ownId,
        book,
        table: this.#table,
        store: this.#store,
        tokens: new Tokens(random, now),
        overheadBytes: port.overheadBytes,
        otherNodes: otherNodes ?? (() => undefined),
        onStored: (infoHash, peer) => this.#onStored(infoHash, peer),
      },
      now,
    )
    this.#rpc = new Rpc({
      ownId,
      isReadOnly: this.#isReadOnly,
      clock: deadlines,
      random,
      send: (request, to) => this.#send(request, to),
      observer: this,
    })
    const calleeOf = (contact: Contact): Callee => this.#calleeOf(contact)
    this.#walks = new Walks({
      ownId,
      book,
      clock: deadlines,
      rpc: this.#rpc,
      calleeOf,
      nearest: (target) => this.#table.closest(target, WALK_SEEDS),
    })
    this.#candidates = new Candidates({
      clock: deadlines,
      book,
      isWanted: (contact) => this.#table.hasRoomFor(contact),
      ping: (contact, onDone) => this.#ping(contact, onDone),
    })
    this.#maintenance = new Maintenance({
      ownId,
      family,
      clock: deadlines,
      random,
      rpc: this.#rpc,
      table: this.#table,
      walks: this.#walks,
      emit,
      calleeOf,
      onNodes: (call, reply) => this.#offerNodes(call, reply),
    })
    this.#bootstrap = new Bootstrap({
      ownId,
      family,
      clock: deadlines,
      random,
      rpc: this.#rpc,
      emit,
      hasContacts: () => this.#table.size > 0,
      onAnswer: (call, reply) => {
        this.#offerNodes(call, reply)
        if (!this.#hasJoined) this.#maintenance.join()
        this.#hasJoined = true
        this.#beginWaiting()
      },
      onFailed: () => this.#beginWaiting(),
    })
    this.#announcer = new Announcer({
      family,
      clock: deadlines,
      random,
      rpc: this.#rpc,
      walks: this.#walks,
      emit,
      calleeOf,
    })
    port.onMessage = (message, from, wireBytes) => this.#onMessage(message, from, wireBytes)
    this.#maintenance.start()
  }

  /** Knows somebody, and is not just looking for its own place. */
  get isReady(): boolean {
    return this.#table.size > 0 && !this.#maintenance.isJoining
  }

  get contacts(): number {
    return this.#table.size
  }

  /** Joins through these endpoints of this family, and keeps them for when everybody else is gone. */
  bootstrap(seeds: readonly Endpoint[]): void {
    this.#bootstrap.add(seeds)
  }

  /** As {@link DhtService.lookup}. A lookup before the first contact waits for what comes of the bootstrap. */
  lookup(infoHash: InfoHash, onPeers: OnPeers, onDone: (summary: LookupSummary) => void): Cancel {
    const found = new Set<string>()
    const onFound = (peers: readonly Endpoint[]): void => {
      const fresh = peers.filter((peer) => !found.has(formatEndpoint(peer)))
      for (const peer of fresh) found.add(formatEndpoint(peer))
      if (fresh.length > 0) onPeers(fresh)
    }
    let cancel: Cancel = () => undefined
    const begin = (): void => {
      this.#untilJoined.delete(begin)
      onFound(this.#store.endpoints(infoHash, this.#deadlines.now()))
      cancel = this.#walks.start({
        goal: { infoHash },
        isCareful: false,
        onPeers: onFound,
        onDone: (walk) => {
          const summary = { ...walk, peers: found.size }
          const { peers, hops, rpcs, ms } = summary
          const event = { event: 'dht_lookup', family: this.family, infoHash: toHex(infoHash) } as const
          // A family without contacts has nothing to tell at each poll.
          if (rpcs > 0 || peers > 0) this.#emit({ ...event, peers, hops, rpcs, ms })
          onDone(summary)
        },
      })
    }
    if (this.#table.size === 0 && this.#bootstrap.isAsking) this.#untilJoined.add(begin)
    else cancel = this.#deadlines.after(0, begin)
    return () => {
      this.#untilJoined.delete(begin)
      cancel()
    }
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
    const key = toHex(infoHash)
    const watchers = this.#watches.get(key) ?? new Set()
    this.#watches.set(key, watchers.add(onPeers))
    return () => {
      if (watchers.delete(onPeers) && watchers.size === 0) this.#watches.delete(key)
    }
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
      contacts: this.#table.size,
      storedHashes: this.#store.hashes,
      storedPeers: this.#store.peers,
      inFlight: this.#rpc.inFlight,
      sent: this.#sent,
      received: this.#received,
      dropped: this.#port.drops.snapshot(),
    }
  }

  close(): void {
    this.#deadlines.close()
    this.#bootstrap.close()
    this.#announcer.close()
    this.#walks.close()
    this.#maintenance.close()
    this.#candidates.close()
    this.#rpc.close()
    this.#table.clear()
    this.#watches.clear()
    this.#untilJoined.clear()
    this.#port.onMessage = () => undefined
    this.#port.close()
  }

  onBegin({ callee }: Call): void {
    if (callee.contact !== NONE) this.#book.retain(callee.contact)
  }

  onEnd({ callee }: Call): void {
    if (callee.contact !== NONE) this.#book.release(callee.contact)
  }

  onReply({ callee }: Call, reply: Reply, rttMs: Millis | undefined): void {
    const now = this.#deadlines.now()
    this.#repliedAt = now
    if (this.#isChatty) this.#emit(messageEvent(reply, callee.to, { direction: 'in', rttMs }))
    if (reply.ro === 1) return
    const { to, contact: known } = callee
    const contact = known === NONE ? this.#book.intern(reply.id, to) : this.#book.retain(known)
    if (this.#table.onReply(contact, now, rttMs) === 'waiting') this.#pingDoubted(contact, now)
    this.#book.release(contact)
  }

  onTimeout({ callee, request }: Call, waitedMs: Millis): void {
    const node = formatEndpoint(callee.to)
    if (this.#isChatty)
      this.#emit({ event: 'dht_timeout', node, message: request.type, waitedMs: Math.round(waitedMs) })
    if (callee.contact === NONE) return
    const isOnline = this.#deadlines.now() - this.#repliedAt < ONLINE_FOR
    const replacement = this.#table.onTimeout(callee.contact, isOnline)
    if (replacement !== NONE) {
      this.#ping(replacement, () => undefined)
      this.#book.release(replacement)
    }
    this.#checkLonely()
  }

  onWrongId({ callee }: Call): void {
    if (callee.contact === NONE) return
    this.#table.onWrongId(callee.contact)
    this.#checkLonely()
  }

  #checkLonely(): void {
    if (this.#table.size > 0) return
    this.#hasJoined = false
    this.#bootstrap.onLonely()
  }

  #onMessage(message: Message, from: Endpoint, wireBytes: number): void {
    this.#received++
    const { drops } = this.#port
    if (bytesEqual(message.id, this.id)) return drops.count('reflection')
    if (isReply(message)) {
      const refusal = this.#rpc.onReply(message, from)
      if (refusal !== undefined) drops.count(refusal)
      return
    }
    if (this.#isReadOnly) return drops.count('read-only')
    if (this.#isChatty) this.#emit(messageEvent(message, from, { direction: 'in' }))
    const contact = this.#book.intern(message.id, from)
    this.#answer(message, contact, wireBytes)
    this.#book.release(contact)
  }

  #answer(message: Request, contact: Contact, wireBytes: number): void {
    const now = this.#deadlines.now()
    this.#table.onRequest(contact, now)
    const answer = this.#responder.answer(message, { contact, wireBytes, now })
    if (typeof answer === 'string') this.#port.drops.count(answer)
    else if (answer !== undefined) this.#send(answer.reply, answer.to)
    if (message.ro !== 1) this.#candidates.offer(contact, true)
  }

  #send(message: Message, to: Endpoint): void {
    this.#sent++
    if (this.#isChatty) this.#emit(messageEvent(message, to, { direction: 'out' }))
    this.#port.send(message, to)
  }

  #ping(contact: Contact, onDone: () => void): boolean {
    const call = this.#rpc.call({ type: 'ping' }, this.#calleeOf(contact), {
      onReply: onDone,
      onSoftTimeout: (slow) => {
        if (slow.sends === 1) this.#rpc.resend(slow)
      },
      onFail: onDone,
    })
    return call !== undefined
  }

  /** A verified newcomer waits for a place: asks the member that was silent for longest whether it is still there. */
  #pingDoubted(newcomer: Contact, now: Millis): void {
    if (this.#doubtPings >= MAX_DOUBT_PINGS) return
    const doubted = this.#table.doubtedFor(newcomer, now)
    if (doubted !== NONE && this.#ping(doubted, () => this.#doubtPings--)) this.#doubtPings++
  }

  /** Nodes that were named to us outside of a walk: those that the table has room for are pinged. */
  #offerNodes({ callee }: Call, reply: Reply): void {
    if (reply.type !== 'peers') return
    const teller = { scope: scopeOf(callee.to.host), book: this.#book, ownId: this.id }
    forEachToldContact(reply, teller, (contact) => this.#candidates.offer(contact, false))
  }

  #calleeOf(contact: Contact): Callee {
    const book = this.#book
    return {
      to: book.endpoint(contact),
      profile: profileOf(book.scope(contact)),
      id: book.id(contact),
      contact,
      rto: this.#table.rto(contact),
    }
  }

  #onTableChange(contact: Contact, change: 'added' | 'removed', reason: string): void {
    if (this.#isChatty) {
      const node = formatEndpoint(this.#book.endpoint(contact))
      this.#emit({ event: 'dht_contact', node, change, reason, contacts: this.#table.size })
    }
    if (change === 'added') this.#announcer.onContactAdded()
  }

  #onStored(infoHash: InfoHash, peer: Endpoint): void {
    for (const onPeers of this.#watches.get(toHex(infoHash)) ?? []) onPeers([peer])
  }

  /** There is somebody to ask now, or it is clear that there is nobody. */
  #beginWaiting(): void {
    for (const begin of [...this.#untilJoined]) begin()
  }
}
