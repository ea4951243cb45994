/**
 * The endpoints that a session knows: which to dial next, and when to try one again. How many connections there may be is not its
 * concern: it is asked for the next candidate whenever there is room for one.
 */
import { BanList } from './ban-list.ts'
import { HearsayBudget } from './hearsay.ts'
import {
  canonicalIp,
  formatEndpoint,
  networkOf,
  sameEndpoint,
  scopeOf,
  type Endpoint,
} from '../protocol/endpoint.ts'
import type { Millis, Random } from '../protocol/ports.ts'

/** Who told us of a peer. */
export type PeerOrigin = 'static' | 'tracker' | 'dht' | 'pex' | 'lan' | 'incoming'

/** What the list knows of an endpoint; once it is connected, `PeerState` says more. */
export type DialState = 'not-found' | 'could-be-added' | 'connecting' | 'connected' | 'dead'

export interface KnownPeer {
  readonly endpoint: Endpoint
  readonly state: DialState
}

export interface PeerListOptions {
  readonly random: Random
}

/** Endpoints that are remembered. Beyond this the worst one is forgotten, a dead one first; never one that is connected or static. */
export const MAX_KNOWN_PEERS = 2_000
/**
 * Endpoints of one public address (IPv6: /64) that others may tell us of: a peer that names port after port of a victim
 * wants everybody to dial it, and the list filled. Dead endpoints make room for others of their address.
 */
export const MAX_TOLD_PER_ADDRESS = 16
/** Dials under way at the same time. */
export const MAX_CONNECTING = 16
/** The first retry comes after about this; every further failure doubles it … */
export const RETRY_MIN: Millis = 2_000
/** … up to this. */
export const RETRY_MAX: Millis = 120_000
/** Each wait is shortened by a random part of at most so much, so that a crowd does not come back at once. */
const RETRY_JITTER = 0.25
/** A peer named by others that failed this often in a row is dead until it is named again; a static one is retried for ever. */
export const MAX_FAILURES = 6

interface Entry {
  endpoint: Endpoint
  origin: PeerOrigin
  state: DialState
  failures: number
  /** `Infinity` for the remote end of a connection that was accepted, where nobody listens. */
  retryAt: Millis
  /** Random: decides between equally good candidates. */
  salt: number
  /** The public address for which it counts against {@link MAX_TOLD_PER_ADDRESS}. */
  network: string | undefined
  /** The address of the only peer that has named it; undefined when there is better evidence. */
  teller: string | undefined
}

export class PeerList {
  readonly #random: Random
  readonly #known = new Map<string, Entry>()
  /** Endpoints that failed, will be tried again, and may be forgotten. Only dials add to it: newcomers cannot make it long. */
  readonly #failed = new Map<string, Entry>()
  /** Endpoints that were given up or banned. */
  readonly #dead = new Map<string, Entry>()
  /** How many of the known endpoints others have told us of, by public address. */
  readonly #toldAt = new Map<string, number>()
  readonly #own: Endpoint[] = []
  readonly #bans = new BanList()
  readonly #hearsay = new HearsayBudget()
  #connecting = 0

  constructor({ random }: PeerListOptions) {
    this.#random = random
  }

  /** Known endpoints, including connected and dead ones. */
  get size(): number {
    return this.#known.size
  }

  /** An endpoint of this node itself: it is never dialled from now on. */
  addOwn(endpoint: Endpoint): void {
    if (!this.#isOwn(endpoint)) this.#own.push(endpoint)
    const entry = this.#known.get(formatEndpoint(endpoint))
    if (entry !== undefined && entry.state !== 'connected' && entry.state !== 'connecting')
      this.#delete(formatEndpoint(endpoint))
  }

  /**
   * Hears of an endpoint.
   *
   * @param teller the host of the peer that told of it, when it was one
   * @returns whether it is a new candidate, or one that was given up
   */
  add(endpoint: Endpoint, origin: PeerOrigin, now: Millis, teller?: string): boolean {
    if (!isDialable(endpoint) || this.#isOwn(endpoint) || this.isBanned(endpoint)) return false
    const key = formatEndpoint(endpoint)
    const known = this.#known.get(key)
    const told = teller === undefined ? undefined : networkOf(teller)
    const isConfirmed = known !== undefined && known.teller !== told
    if (known?.state === 'dead') this.#delete(key)
    else if (known !== undefined) {
      if (isConfirmed) known.teller = undefined
      if (origin === 'static') {
        known.origin = origin
        this.#failed.delete(key)
        this.#uncount(known)
      }
      return false
    }
    const network =
      origin !== 'static' && scopeOf(endpoint.host) === 'public' ? networkOf(endpoint.host) : undefined
    if (network !== undefined && !this.#hasRoomAt(network)) return false
    if (this.#known.size >= MAX_KNOWN_PEERS && !this.#evict(origin)) return false
    if (network !== undefined) this.#toldAt.set(network, this.#toldCount(network) + 1)
    this.#known.set(key, {
      endpoint,
      origin,
      state: 'could-be-added',
      failures: 0,
      retryAt: now,
      salt: this.#random.int(2 ** 32),
      network,
      teller: isConfirmed ? undefined : told,
    })
    return true
  }

  /** The user no longer names it: from now on it may fail and be forgotten like one that others told of. */
  disown(endpoint: Endpoint): void {
    const key = formatEndpoint(endpoint)
    const entry = this.#known.get(key)
    if (entry?.origin !== 'static') return
    entry.origin = 'incoming'
    if (isIdle(entry) && entry.failures > 0) this.#failed.set(key, entry)
  }

  isConnected(endpoint: Endpoint): boolean {
    return this.#known.get(formatEndpoint(endpoint))?.state === 'connected'
  }

  /** The endpoint to dial now, if there is one. Call {@link onConnecting} before you ask again. */
  next(now: Millis): Endpoint | undefined {
    if (this.#connecting >= MAX_CONNECTING) return undefined
    let best: Entry | undefined
    for (const entry of this.#known.values()) {
      if (!isIdle(entry) || this.#dialAt(entry) > now) continue
      if (best === undefined || compareEntries(entry, best) < 0) best = entry
    }
    return best?.endpoint
  }

  /** When {@link next} may have an answer although nothing else has happened; `Infinity` when it will not. */
  get nextWakeAt(): Millis {
    if (this.#connecting >= MAX_CONNECTING) return Infinity
    let at = Infinity
    for (const entry of this.#known.values()) if (isIdle(entry)) at = Math.min(at, this.#dialAt(entry))
    return at
  }

  onConnecting(endpoint: Endpoint, now: Millis): void {
    const key = formatEndpoint(endpoint)
    const entry = this.#known.get(key)
    if (entry === undefined || !isIdle(entry)) return
    if (entry.teller !== undefined) this.#hearsay.spend(now)
    this.#failed.delete(key)
    this.#enter(entry, 'connecting')
  }

  /** A dialled peer is connected, or one that called us: then the endpoint is its end of that connection, and cannot be dialled. */
  onConnected(endpoint: Endpoint): void {
    const key = formatEndpoint(endpoint)
    let entry = this.#known.get(key)
    if (entry === undefined) {
      entry = {
        endpoint,
        origin: 'incoming',
        state: 'could-be-added',
        failures: 0,
        retryAt: Infinity,
        salt: 0,
        network: undefined,
        teller: undefined,
      }
      this.#known.set(key, entry)
    }
    this.#failed.delete(key)
    this.#dead.delete(key)
    entry.teller = undefined
    this.#enter(entry, 'connected')
  }

  /**
   * A dial failed, or the connection before both handshakes were done.
   *
   * @param isUnreachable there is no route to it
   * @returns how long until the next try; undefined when there is none
   */
  onFailed(endpoint: Endpoint, now: Millis, isUnreachable = false): Millis | undefined {
    const key = formatEndpoint(endpoint)
    const entry = this.#known.get(key)
    if (entry === undefined) return undefined
    if (entry.retryAt === Infinity || this.isBanned(endpoint)) return this.#giveUp(key, entry)
    entry.failures++
    if (entry.origin !== 'static' && entry.failures >= MAX_FAILURES) return this.#giveUp(key, entry)
    const wait = this.#backOff(entry.failures)
    entry.retryAt = now + wait
    this.#enter(entry, isUnreachable ? 'not-found' : 'could-be-added')
    if (entry.origin !== 'static') this.#failed.set(key, entry)
    return wait
  }

  /** Both sides have everything. It is tried again, since one of them may lose something, but not soon. */
  onNothingLeft(endpoint: Endpoint, now: Millis): void {
    const entry = this.#known.get(formatEndpoint(endpoint))
    if (entry !== undefined && this.onFailed(endpoint, now) !== undefined)
      entry.retryAt = now + this.#backOff(Infinity)
  }

  /** A connection ended after both handshakes. It is tried again soon, and earlier failures no longer count. */
  onClosed(endpoint: Endpoint, now: Millis): void {
    const key = formatEndpoint(endpoint)
    const entry = this.#known.get(key)
    if (entry === undefined) return
    if (entry.retryAt === Infinity || this.isBanned(endpoint)) return void this.#giveUp(key, entry)
    entry.failures = 0
    this.#failed.delete(key)
    entry.retryAt = now + this.#backOff(1)
    this.#enter(entry, 'could-be-added')
  }

  /** A peer must not connect again. Connections that are banned with it are the caller's to close. */
  ban(endpoint: Endpoint): void {
    this.#bans.convict(endpoint)
    for (const [key, entry] of this.#known)
      if (isIdle(entry) && this.isBanned(entry.endpoint)) this.#giveUp(key, entry)
  }

  isBanned(endpoint: Endpoint): boolean {
    return this.#bans.isBanned(endpoint)
  }

  /** Whether a peer from that address was banned. */
  isSuspect(host: string): boolean {
    return this.#bans.isSuspect(host)
  }

  /** All known endpoints, in the order in which we heard of them. */
  snapshot(): KnownPeer[] {
    return Array.from(this.#known.values(), ({ endpoint, state }) => ({ endpoint, state }))
  }

  #isOwn(endpoint: Endpoint): boolean {
    return this.#own.some((own) => sameEndpoint(own, endpoint))
  }

  #dialAt({ retryAt, teller }: Entry): Millis {
    return teller === undefined ? retryAt : Math.max(retryAt, this.#hearsay.nextAt)
  }

  #backOff(failures: number): Millis {
    const wait = Math.min(RETRY_MAX, RETRY_MIN * 2 ** (failures - 1))
    return wait * (1 - RETRY_JITTER * this.#random.float())
  }

  #enter(entry: Entry, state: DialState): void {
    if (entry.state === 'connecting') this.#connecting--
    if (state === 'connecting') this.#connecting++
    entry.state = state
  }

  /** It is not dialled again. The far end of a connection from a caller is forgotten: nobody will hear of that port again. */
  #giveUp(key: string, entry: Entry): undefined {
    this.#enter(entry, 'dead')
    this.#failed.delete(key)
    if (entry.retryAt === Infinity) this.#delete(key)
    else this.#dead.set(key, entry)
  }

  #delete(key: string): void {
    const entry = this.#known.get(key)
    if (entry !== undefined) this.#uncount(entry)
    this.#known.delete(key)
    this.#failed.delete(key)
    this.#dead.delete(key)
  }

  #toldCount(network: string): number {
    return this.#toldAt.get(network) ?? 0
  }

  #uncount(entry: Entry): void {
    const { network } = entry
    if (network === undefined) return
    entry.network = undefined
    const left = this.#toldCount(network) - 1
    if (left > 0) this.#toldAt.set(network, left)
    else this.#toldAt.delete(network)
  }

  /** Whether one more endpoint of an address may be known; a dead one of that address is forgotten for it. */
  #hasRoomAt(network: string): boolean {
    if (this.#toldCount(network) < MAX_TOLD_PER_ADDRESS) return true
    for (const [key, entry] of this.#dead)
      if (entry.network === network) {
        this.#delete(key)
        return true
      }
    return false
  }

  /** Forgets the worst endpoint that may be forgotten. @returns whether there was one */
  #evict(origin: PeerOrigin): boolean {
    const [dead] = this.#dead.keys()
    // A newcomer is better than one that has failed. If none has, only a static peer is worth forgetting another.
    const worst = dead ?? worstOf(this.#failed) ?? (origin === 'static' ? worstOf(this.#known) : undefined)
    if (worst === undefined) return false
    this.#delete(worst)
    return true
  }
}

/** Not connected, not being dialled, and its endpoint can be dialled. */
function isIdle(entry: Entry): boolean {
  return (entry.state === 'could-be-added' || entry.state === 'not-found') && entry.retryAt !== Infinity
}

/** The key of the endpoint that would be tried last, of those that may be forgotten. */
function worstOf(entries: ReadonlyMap<string, Entry>): string | undefined {
  let worst: readonly [string, Entry] | undefined
  for (const known of entries) {
    if (!isIdle(known[1]) || known[1].origin === 'static') continue
    if (worst === undefined || compareEntries(known[1], worst[1]) > 0) worst = known
  }
  return worst?.[0]
}

/** Static peers first, then those with fewer failures, then those that have waited longest. */
function compareEntries(a: Entry, b: Entry): number {
  return (
    Number(b.origin === 'static') - Number(a.origin === 'static') ||
    a.failures - b.failures ||
    a.retryAt - b.retryAt ||
    a.salt - b.salt
  )
}

function isDialable({ host, port }: Endpoint): boolean {
  return port >= 1 && port <= 65_535 && canonicalIp(host) !== undefined && scopeOf(host) !== 'bogus'
}
