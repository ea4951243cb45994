/** Answers the requests of others: nodes near a target, peers of a torrent, and yes or no to an announce. */
import { COMPACT_LENGTH, mayTell, type Endpoint, type Scope } from '../../protocol/endpoint.ts'
import { type InfoHash, type NodeId } from '../../protocol/ids.ts'
import type { Millis } from '../../protocol/ports.ts'
import { shortLivedBytes } from '../../protocol/short-lived-bytes.ts'
import { base64Length, encodedLength } from '../wire/codec.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import type { DropReason } from '../wire/drops.ts'
import { K } from '../table/bucket-memory.ts'
import {
  CONTACT_LENGTH,
  ERROR_BAD_TOKEN,
  ERROR_NOT_STORED,
  MAX_NODES,
  MAX_PEERS,
  MAX_SENT_BYTES,
  type AnnounceMessage,
  type FindPeersMessage,
  type PeersMessage,
  type PingMessage,
  type PongMessage,
  type Reply,
  type Request,
} from '../wire/messages.ts'
import { PEER_TTL, type PeerStore } from './peer-store.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { Standing } from '../table/standing.ts'
import { Bucket, profileOf, SourceLimiter, type Profile, type Rate } from '../wire/source-limiter.ts'
import type { Tokens } from './token.ts'
import type { Watches } from './watches.ts'

/** A reply has at most this many times the bytes of its request, until the source has proved that it hears us. */
const MAX_AMPLIFICATION = 3
/** An answer to one of our requests proves an endpoint for this long. */
const PROVEN_FOR: Millis = 10 * 60_000

/** Announces from one source. */
const ANNOUNCE_RATES: Readonly<Record<Profile, Rate>> = {
  lan: { perSecond: 50, burst: 500 },
  wan: { perSecond: 2, burst: 32 },
}
/** Refusals to one source; further ones get no answer. */
const ERROR_RATE: Rate = { perSecond: 1, burst: 1 }
const ERROR_RATES: Readonly<Record<Profile, Rate>> = { lan: ERROR_RATE, wan: ERROR_RATE }
/** Pongs to a port other than that of the request. */
const REDIRECT_RATE: Rate = { perSecond: 1, burst: 1 }

/** We store a hash if we are probably among this many nodes nearest to it; in a small network everything. */
const MAX_RANK = 20
const MIN_NETWORK_FOR_RANKS = 100

/** `,"key":""` around a text, `,"key":` and a number. */
const textField = (key: string): number => key.length + 6
const numberField = (key: string, value: number): number => key.length + 4 + String(value).length
const MORE_FIELD = numberField('more', 1)

export interface ResponderOptions {
  readonly ownId: NodeId
  readonly book: ContactBook
  readonly table: RoutingTable
  readonly standing: Standing
  readonly store: PeerStore
  readonly tokens: Tokens
  /** Bytes that the port adds to each message. */
  readonly overheadBytes: number
  /** Nodes of the other family, packed; undefined where there is only one. */
  readonly otherNodes:
    ((target: Uint8Array, count: number, requester: Scope) => Uint8Array | undefined) | undefined
  /** Hear of what is stored. */
  readonly watches: Watches
}

/** How a request came. */
export interface Arrival {
  /** The sender: its id and endpoint. */
  readonly contact: Contact
  /** Bytes of the request. */
  readonly wireBytes: number
  readonly now: Millis
}

/** What is known about the sender of a request. */
interface Asker {
  readonly from: Endpoint
  readonly contact: Contact
  readonly scope: Scope
  /** Bytes that the reply may have, as {@link encodedLength} counts. */
  readonly budget: number
  readonly now: Millis
}

export interface Answer {
  readonly reply: Reply
  readonly to: Endpoint
}

/** Its messages have all fields from the start, as those that were read have them: one shape, whatever is in it. */
export class Responder {
  readonly #options: ResponderOptions
  /** Made for the first of each. */
  #announces: SourceLimiter | undefined
  #errors: SourceLimiter | undefined
  #redirects: Bucket | undefined

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** @returns the answer, or why there is none */
  answer(message: Request, arrival: Arrival): Answer | DropReason {
    switch (message.type) {
      case 'ping':
        return this.#onPing(message, arrival)
      case 'findPeers': {
        const asker = this.#asker(message, arrival)
        return { reply: this.#onFindPeers(message, asker), to: asker.from }
      }
      case 'announce': {
        const asker = this.#asker(message, arrival)
        const reply = this.#onAnnounce(message, asker)
        return typeof reply === 'object' ? { reply, to: asker.from } : reply
      }
    }
  }

  #asker(message: Request, { contact, wireBytes, now }: Arrival): Asker {
    const { book, overheadBytes } = this.#options
    const isProven = this.#isProven(message, contact, now)
    const bytes = isProven ? MAX_SENT_BYTES : Math.min(MAX_SENT_BYTES, MAX_AMPLIFICATION * wireBytes)
    const from = book.endpoint(contact)
    return { from, contact, scope: book.scope(contact), budget: bytes - overheadBytes, now }
  }

  /** Nodes near `target` that a requester of that scope may be told of, packed. */
  packNodes(target: Uint8Array, count: number, requester: Scope, now: Millis, except?: Contact): Uint8Array {
    const { book, table, standing } = this.#options
    const mayHear = (contact: Contact): boolean => {
      if (!mayTell(requester, book.scope(contact))) return false
      if (except === undefined || !book.isAkin(contact, except)) return true
      return !book.isSameEndpoint(contact, except) && !book.isSameId(contact, except)
    }
    const near = (most: number, counts: boolean): Contact[] =>
      table.closestGood(
        target,
        most,
        now,
        (contact) => standing.counts(contact, now) === counts && mayHear(contact),
      )
    const nodes = near(count, true)
    if (nodes.length < count) nodes.push(...near(count - nodes.length, false))
    const packed = shortLivedBytes(nodes.length * book.stride)
    for (let at = 0; at < nodes.length; at++) book.pack(nodes[at]!, packed, at * book.stride)
    return packed
  }

  #onPing(message: PingMessage, { contact, now }: Arrival): Answer {
    const from = this.#options.book.endpoint(contact)
    const reply = this.#pong(message, from)
    // The probe of another port reaches only a host that asked for it, and none often.
    const isElsewhere = message.rp !== undefined && this.#mayRedirect(message, contact, now)
    return { reply, to: isElsewhere ? { host: from.host, port: message.rp! } : from }
  }

  #mayRedirect(message: PingMessage, contact: Contact, now: Millis): boolean {
    if (!this.#isProven(message, contact, now)) return false
    this.#redirects ??= new Bucket(REDIRECT_RATE, now)
    return this.#redirects.take(now)
  }

  #onFindPeers(message: FindPeersMessage, asker: Asker): PeersMessage {
    const { from, scope, contact, budget, now } = asker
    const { book, ownId, tokens, otherNodes } = this.#options
    const target = (message.infoHash ?? message.target)!
    const token =
      message.infoHash !== undefined && this.#isNearEnough(message.infoHash)
        ? tokens.issue(from.host, message.infoHash, message.id, now)
        : undefined
    const reply: PeersMessage = {
      type: 'peers',
      t: message.t,
      id: ownId,
      ro: undefined,
      ip: from,
      e: undefined,
      token,
      nodes: undefined,
      nodes6: undefined,
      peers: undefined,
      peers6: undefined,
      n: undefined,
      more: undefined,
    }

    const own = book.family === 4 ? 'n4' : 'n6'
    const wanted = message.want ?? [own]
    // A request for a node gets as many nodes as its bytes allow; one for peers leaves room for peers.
    const most = message.infoHash === undefined ? MAX_NODES : K
    for (const family of ['n4', 'n6'] as const) {
      if (!wanted.includes(family)) continue
      const key = family === 'n4' ? 'nodes' : 'nodes6'
      const stride = CONTACT_LENGTH[family === 'n4' ? 4 : 6]
      const room = fitting(stride, budget - encodedLength(reply) - textField(key))
      const count = Math.min(most, room)
      const nodes =
        family === own
          ? this.packNodes(target, count, scope, now, contact)
          : otherNodes?.(target, count, scope)
      if (nodes !== undefined && count > 0) reply[key] = nodes
    }
    if (message.infoHash !== undefined) this.#addPeers(reply, message.infoHash, asker)
    return reply
  }

  #addPeers(reply: PeersMessage, infoHash: InfoHash, asker: Asker): void {
    const { budget, now } = asker
    const { book, store } = this.#options
    const swarm = store.swarm(infoHash, now)
    if (swarm === undefined) return
    const stored = swarm.peers.length
    const { family } = book
    const key = family === 4 ? 'peers' : 'peers6'
    const unit = COMPACT_LENGTH[family]
    const n = Math.min(stored, 65_535)
    const room = budget - encodedLength(reply) - numberField('n', n)
    if (room < 0) return
    reply.n = n
    const isCut = fitting(unit, room - textField(key)) < Math.min(stored, MAX_PEERS[family])
    const hasMore = (isCut || stored > MAX_PEERS[family]) && room >= MORE_FIELD
    if (hasMore) reply.more = 1
    const count = Math.min(
      MAX_PEERS[family],
      fitting(unit, room - textField(key) - (hasMore ? MORE_FIELD : 0)),
    )
    const packed = store.sample(swarm, count, asker)
    if (packed.length > 0) reply[key] = packed
  }

  #onAnnounce(message: AnnounceMessage, asker: Asker): PongMessage | DropReason {
    const { from, scope, now } = asker
    const { tokens, store, watches } = this.#options
    const { infoHash, token, id } = message
    const profile = profileOf(scope)
    this.#announces ??= new SourceLimiter(ANNOUNCE_RATES)
    if (!this.#announces.allows(from.host, profile, now)) return 'announce-rate'
    if (!tokens.isValid(token, from.host, infoHash, id, now))
      return this.#error(message, asker, [ERROR_BAD_TOKEN, 'bad token'])
    if (!this.#isNearEnough(infoHash))
      return this.#error(message, asker, [ERROR_NOT_STORED, 'not close enough'])
    const peer = { host: from.host, port: message.port ?? from.port }
    const outcome = store.put(infoHash, peer, { isSeed: message.seed === 1, profile, now })
    if (outcome === 'full') return this.#error(message, asker, [ERROR_NOT_STORED, 'full'])
    watches.onStored(infoHash, peer)
    return this.#pong(message, from, { ttl: PEER_TTL / 1_000 })
  }

  #error(message: Request, { from, scope, now }: Asker, e: [number, string]): PongMessage | DropReason {
    this.#errors ??= new SourceLimiter(ERROR_RATES)
    if (!this.#errors.allows(from.host, profileOf(scope), now)) return 'error-rate'
    return this.#pong(message, from, { e })
  }

  #pong({ t }: Request, from: Endpoint, { ttl, e }: Pick<PongMessage, 'ttl' | 'e'> = {}): PongMessage {
    const { ownId } = this.#options
    return { type: 'pong', t, id: ownId, ro: undefined, ip: from, e, ttl, ts: undefined }
  }

  #isProven(message: Request, contact: Contact, now: Millis): boolean {
    const { book, table, tokens } = this.#options
    if (table.hasAnsweredSince(contact, now - PROVEN_FOR)) return true
    if (message.type === 'ping' || message.token === undefined || message.infoHash === undefined) return false
    return tokens.isValid(message.token, book.endpoint(contact).host, message.infoHash, message.id, now)
  }

  #isNearEnough(infoHash: InfoHash): boolean {
    const { table, ownId } = this.#options
    const nodes = table.estimatedNetworkSize()
    return nodes < MIN_NETWORK_FOR_RANKS || fractionBetween(ownId, infoHash) <= MAX_RANK / nodes
  }
}

/** How many items of `unit` bytes fit into `room` characters of base64. */
function fitting(unit: number, room: number): number {
  let count = Math.max(0, Math.floor((room * 3) / 4 / unit))
  while (count > 0 && base64Length(count * unit) > room) count--
  return count
}

/** The distance between two ids as a fraction of the space; for estimates only. */
function fractionBetween(a: Uint8Array, b: Uint8Array): number {
  let fraction = 0
  for (let i = 6; i >= 0; i--) fraction = (fraction + (a[i]! ^ b[i]!)) / 256
  return fraction
}
