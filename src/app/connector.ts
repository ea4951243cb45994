/** Who we are connected to: dials candidates, takes in callers, and remembers how it went. */
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerEvent } from '../peer/events.ts'
import { Handshaker, type Shaken } from '../peer/handshaker.ts'
import { PeerList, type KnownPeer, type PeerOrigin } from '../peer/peer-list.ts'
import type { Direction, RemotePeer } from '../peer/remote-peer.ts'
import { formatEndpoint, sameEndpoint, type Endpoint } from '../protocol/endpoint.ts'
import { SwarmError, TransportError } from '../protocol/errors.ts'
import { encodeHandshake } from '../protocol/handshake.ts'
import type { InfoHash, PeerId } from '../protocol/ids.ts'
import { encodeKeepAlive } from '../protocol/message.ts'
import type { Cancel, Clock, Dialer, Emit, Millis, Random } from '../protocol/ports.ts'
import type { ConnectionSlots, SlotHolder } from './connection-slots.ts'
import type { Company } from './discovery.ts'
import { Turnover } from './turnover.ts'

/** How long a remote may take to accept a connection. */
export const DIAL_TIMEOUT_MS: Millis = 10_000

/** Further endpoints remembered for one connected peer: one of each address family, and some that it had before. */
const MAX_ALIASES = 4

/** Why a connection is refused although both handshakes are through. Of a duplicate, `twin` is the one that stays. */
export type Unwanted =
  { readonly code: 'wire.self' } | { readonly code: 'wire.duplicate'; readonly twin: PeerConnection }

/** Where a peer is, or was before it left: enough to ban it. */
export type Offender = Pick<RemotePeer, 'address' | 'endpoint' | 'listenEndpoint'>

/** Which addresses the user does not want to deal with (`-blocklist`). */
export interface AddressFilter {
  /** The rule that forbids an address, as text for people; undefined when it is allowed. */
  blockedBy(host: string): string | undefined
}

export interface ConnectorOptions {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  /** Where this process listens: never dialled. */
  readonly own: readonly Endpoint[]
  readonly clock: Clock
  readonly random: Random
  readonly dialer: Dialer
  readonly slots: ConnectionSlots
  readonly filter: AddressFilter | undefined
  readonly emit: Emit<PeerEvent>
  readonly onShaken: (shaken: Shaken, direction: Direction) => Unwanted | undefined
}

export class Connector implements Company {
  readonly #options: ConnectorOptions
  readonly #list: PeerList
  readonly #handshake: Uint8Array
  /** Cancels a dial or handshake that is under way. */
  readonly #attempts = new Set<Cancel>()
  /** Further endpoints of a connected peer, such as where it listens. While it is connected, they are not dialled. */
  readonly #aliases = new Map<PeerConnection, Endpoint[]>()
  readonly #holders = new Map<PeerConnection, SlotHolder>()
  readonly #turnover: Turnover
  #cancelWake: Cancel | undefined
  #unwatchSlots: (() => void) | undefined

  constructor(options: ConnectorOptions) {
    this.#options = options
    this.#list = new PeerList({ random: options.random })
    this.#turnover = new Turnover(options.clock.now())
    for (const endpoint of options.own) this.#list.addOwn(endpoint)
    const { infoHash, peerId } = options
    this.#handshake = encodeHandshake({ infoHash, peerId, hasExtensions: true, hasFast: false })
  }

  start(): void {
    this.#unwatchSlots = this.#options.slots.watch(() => this.#pump())
    this.#pump()
  }

  stop(): void {
    this.#unwatchSlots?.()
    this.#unwatchSlots = undefined
    this.#cancelWake?.()
    for (const cancel of [...this.#attempts]) cancel()
  }

  addCandidates(endpoints: readonly Endpoint[], origin: PeerOrigin, teller?: string): number {
    const now = this.#options.clock.now()
    let fresh = 0
    for (const endpoint of endpoints)
      if (!this.#isBlocked(endpoint) && this.#list.add(endpoint, origin, now, teller)) fresh++
    this.#pump()
    return fresh
  }

  isConnected(endpoint: Endpoint): boolean {
    return this.#list.isConnected(endpoint)
  }

  disown(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) this.#list.disown(endpoint)
  }

  /** Somebody called, and both handshakes are through. */
  onIncoming(shaken: Shaken): void {
    const { stream } = shaken
    if (this.#list.isBanned(stream.remote)) return this.#refuse(shaken, 'banned')
    if (!this.#options.slots.takeForCaller(stream.remote.host))
      return this.#refuse(shaken, 'no free connection slot')
    this.#list.onConnected(stream.remote)
    const unwanted = this.#options.onShaken(shaken, 'in')
    if (unwanted === undefined) return
    this.#list.onClosed(stream.remote, this.#options.clock.now())
    this.#refuse(shaken, unwanted.code)
    this.#options.slots.release()
  }

  /**
   * Somebody has joined, from one side or the other.
   *
   * @param twin the older connection to the same peer that it has replaced: its endpoint is another one of this peer
   */
  onJoined(peer: PeerConnection, twin: PeerConnection | undefined): void {
    const { clock, slots } = this.#options
    const holder: SlotHolder = {
      host: peer.remote.endpoint.host,
      rate: () => peer.downlink.received.rate(clock.now()) + peer.uplink.sent.rate(clock.now()),
      yield: () => peer.close('made room for another address'),
    }
    this.#holders.set(peer, holder)
    this.#turnover.onJoined(peer, clock.now())
    slots.settle(holder)
    if (twin?.remote.direction === 'out') this.#addAlias(peer, twin.remote.endpoint)
  }

  /**
   * Somebody that had joined is gone.
   *
   * @param isNothingLeft it has everything, and so do we: there is no reason to dial it again
   */
  onClosed(peer: PeerConnection, reason: string, isNothingLeft: boolean): void {
    const now = this.#options.clock.now()
    for (const endpoint of [peer.remote.endpoint, ...(this.#aliases.get(peer) ?? [])]) {
      if (isNothingLeft) this.#list.onNothingLeft(endpoint, now)
      // A peer that breaks the protocol is tried again, but after ever longer waits.
      else if (reason.startsWith('wire.')) this.#list.onFailed(endpoint, now)
      else this.#list.onClosed(endpoint, now)
    }
    this.#aliases.delete(peer)
    this.#options.slots.release(this.#holders.get(peer))
    this.#holders.delete(peer)
    this.#turnover.onClosed(peer)
    this.#pump()
  }

  /** A peer that called us said where it accepts connections: to dial that endpoint would only make a duplicate. */
  onListenEndpoint(peer: PeerConnection): void {
    const { direction, listenEndpoint } = peer.remote
    if (direction === 'in' && listenEndpoint && this.#ownerOf(listenEndpoint) === undefined)
      this.#addAlias(peer, listenEndpoint)
  }

  /** It is not connected to again, as far as it can be recognised. */
  ban({ endpoint }: Offender): void {
    this.#list.ban(endpoint)
  }

  isBanned({ endpoint, listenEndpoint }: Offender): boolean {
    return (
      this.#list.isBanned(endpoint) || (listenEndpoint !== undefined && this.#list.isBanned(listenEndpoint))
    )
  }

  /** Whether a peer from that address was banned. */
  isSuspect(host: string): boolean {
    return this.#list.isSuspect(host)
  }

  /** Those that are known and not connected. */
  snapshot(): KnownPeer[] {
    return this.#list.snapshot().filter(({ state }) => state !== 'connected')
  }

  #isBlocked(endpoint: Endpoint): boolean {
    const rule = this.#options.filter?.blockedBy(endpoint.host)
    if (rule === undefined) return false
    this.#options.emit({ event: 'peer_blocked', peer: formatEndpoint(endpoint), direction: 'out', rule })
    return true
  }

  /**
   * Every two seconds.
   *
   * @param downloaded payload bytes so far; undefined while nothing is wanted
   * @param isUseful whether a peer may have something for us although no payload comes from it
   */
  round(downloaded: number | undefined, isUseful: (peer: PeerConnection) => boolean): void {
    const now = this.#options.clock.now()
    this.#turnover.onRound(downloaded, now)
    // While slots are free, #pump has set a timer for the next candidate.
    if (this.#options.slots.hasFree) return
    if (this.#list.next(now)) this.#turnover.idler(now, isUseful)?.close('it gives nothing, and others wait')
    this.#pump()
  }

  #pump(): void {
    if (this.#unwatchSlots === undefined) return
    const { clock, slots } = this.#options
    for (let to = this.#list.next(clock.now()); to !== undefined; to = this.#list.next(clock.now())) {
      if (!slots.takeForDial(to.host)) break
      this.#dial(to)
    }
    this.#cancelWake?.()
    this.#cancelWake = undefined
    const wakeAt = this.#list.nextWakeAt
    if (slots.hasFree && wakeAt !== Infinity)
      this.#cancelWake = clock.after(Math.max(0, wakeAt - clock.now()), () => this.#pump())
  }

  #dial(endpoint: Endpoint): void {
    const { clock, dialer, slots } = this.#options
    this.#list.onConnecting(endpoint, clock.now())
    const cancel = dialer.dial(endpoint, DIAL_TIMEOUT_MS, (result) => {
      this.#attempts.delete(abandon)
      if (result instanceof TransportError) this.#onFailed(endpoint, result)
      else this.#shake(endpoint, result)
    })
    const abandon = (): void => {
      cancel()
      this.#attempts.delete(abandon)
      slots.release()
    }
    this.#attempts.add(abandon)
  }

  #shake(endpoint: Endpoint, stream: Shaken['stream']): void {
    const { clock, infoHash } = this.#options
    const handshaker = new Handshaker(stream, {
      clock,
      expected: infoHash,
      answer: () => this.#handshake,
      onDone: (result) => {
        this.#attempts.delete(abort)
        if (result instanceof SwarmError) this.#onFailed(endpoint, result)
        else this.#onDialled(endpoint, result)
      },
    })
    const abort = (): void => handshaker.abort()
    this.#attempts.add(abort)
  }

  #onDialled(endpoint: Endpoint, shaken: Shaken): void {
    this.#list.onConnected(endpoint)
    const unwanted = this.#options.onShaken(shaken, 'out')
    if (unwanted === undefined) return
    shaken.stream.destroy()
    if (unwanted.code === 'wire.duplicate') {
      // The endpoint stays `connected` in the list: we are connected to the peer behind it.
      this.#addAlias(unwanted.twin, endpoint)
    } else {
      this.#list.onFailed(endpoint, this.#options.clock.now())
      this.#list.addOwn(endpoint)
    }
    this.#options.slots.release()
    this.#pump()
  }

  #onFailed(endpoint: Endpoint, { code }: SwarmError): void {
    // It called us while we dialled it, and kept only that connection: this is no failure.
    if (this.#ownerOf(endpoint)) {
      this.#list.onConnected(endpoint)
      this.#options.slots.release()
      return this.#pump()
    }
    const retryMs = this.#list.onFailed(endpoint, this.#options.clock.now(), code === 'net.unreachable')
    this.#options.emit({
      event: 'peer_failed',
      peer: formatEndpoint(endpoint),
      reason: code,
      ...(retryMs !== undefined && { retrySeconds: Math.round(retryMs / 1000) }),
    })
    this.#options.slots.release()
    this.#pump()
  }

  #addAlias(peer: PeerConnection, endpoint: Endpoint): void {
    const aliases = this.#aliases.get(peer) ?? []
    if (aliases.length >= MAX_ALIASES || aliases.some((alias) => sameEndpoint(alias, endpoint))) return
    this.#aliases.set(peer, [...aliases, endpoint])
    this.#list.onConnected(endpoint)
  }

  /** The connected peer of which this is a further endpoint. */
  #ownerOf(endpoint: Endpoint): PeerConnection | undefined {
    for (const [peer, aliases] of this.#aliases)
      if (aliases.some((alias) => sameEndpoint(alias, endpoint))) return peer
    return undefined
  }

  #refuse({ stream }: Shaken, reason: string): void {
    // Closed at once, our handshake would be lost, and the dialling side would not learn that it has called itself, or a peer to which it
    // is connected already: it would dial again and again.
    if (reason === 'wire.self' || reason === 'wire.duplicate')
      stream.write(encodeKeepAlive(), () => stream.destroy())
    else stream.destroy()
    this.#options.emit({ event: 'peer_refused', peer: formatEndpoint(stream.remote), reason })
  }
}
