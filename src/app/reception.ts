/** Callers, from the moment they connect until it is known which torrent they want. */
import type { PeerEvent } from '../peer/events.ts'
import { Handshaker, type Shaken } from '../peer/handshaker.ts'
import { formatEndpoint } from '../protocol/endpoint.ts'
import { SwarmError } from '../protocol/errors.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { ByteStream, Clock, Emit } from '../protocol/ports.ts'
import type { AddressFilter } from './connector.ts'
import { Crowd } from './crowd.ts'

/**
 * Callers whose handshake is not complete. To admit another, the oldest one of the address with most of them is dropped:
 * a handshake takes one round trip, and callers that take for ever must not keep others out.
 */
export const MAX_PENDING_HANDSHAKES = 128

/** The share of all possible connections that they may take. */
const MAX_PENDING_SHARE = 1 / 8

/** Connections that a listener holds besides those that have joined: callers whose handshake is pending, and those that are being dropped for a newcomer. */
export const MAX_STRANGERS = 2_048

/** @param maxConnections that the process can have at once */
export function maxPendingOf(maxConnections: number): number {
  return Math.min(MAX_PENDING_HANDSHAKES, Math.floor(maxConnections * MAX_PENDING_SHARE))
}

/** Whoever calls is let in before another one has to go for him: there is room for twice those whose handshake is pending. */
export function maxPeersOf(maxConnections: number): number {
  return maxConnections - 2 * maxPendingOf(maxConnections)
}

/** Connections that a listener holds at once. */
export function maxAcceptedOf(maxPeers: number, maxConnections: number): number {
  return Math.min(maxConnections, maxPeers + MAX_STRANGERS)
}

export interface ReceptionOptions {
  readonly clock: Clock
  readonly filter: AddressFilter | undefined
  readonly emit: Emit<PeerEvent>
  /** Callers at once. */
  readonly maxPending: number
  /** Our handshake for a torrent, or undefined when it is not served here. */
  readonly answer: (infoHash: InfoHash) => Uint8Array | undefined
  /** Both handshakes are through. @returns false when the torrent is not served any more */
  readonly onShaken: (shaken: Shaken) => boolean
}

interface Caller {
  readonly stream: ByteStream
  readonly handshaker: Handshaker
}

export class Reception {
  readonly #options: ReceptionOptions
  readonly #callers = new Set<Caller>()
  readonly #crowd = new Crowd<Caller>()

  constructor(options: ReceptionOptions) {
    this.#options = options
  }

  onStream(stream: ByteStream): void {
    const { filter, emit, clock, answer, maxPending } = this.#options
    const { host } = stream.remote
    const rule = filter?.blockedBy(host)
    if (rule !== undefined) {
      stream.destroy()
      emit({ event: 'peer_blocked', peer: formatEndpoint(stream.remote), direction: 'in', rule })
      return
    }
    if (this.#callers.size >= maxPending && !this.#makeRoom(host))
      return this.#refuse(stream, 'too many handshakes')
    const handshaker: Handshaker = new Handshaker(stream, {
      clock,
      answer,
      onDone: (result) => {
        if (this.#forget(caller)) this.#onDone(stream, result)
      },
    })
    const caller = { stream, handshaker }
    this.#callers.add(caller)
    this.#crowd.add(host, caller)
  }

  /** The node closes. */
  close(): void {
    for (const { handshaker } of [...this.#callers]) handshaker.abort()
  }

  #makeRoom(host: string): boolean {
    const { largest } = this.#crowd
    if (largest.size <= this.#crowd.countAt(host)) return false
    const [caller] = largest
    this.#forget(caller!)
    caller!.handshaker.abort()
    this.#refuse(caller!.stream, 'too many handshakes')
    return true
  }

  /** @returns false when it was forgotten before */
  #forget(caller: Caller): boolean {
    this.#crowd.remove(caller.stream.remote.host, caller)
    return this.#callers.delete(caller)
  }

  #onDone(stream: ByteStream, result: Shaken | SwarmError): void {
    if (result instanceof SwarmError) this.#refuse(stream, result.code)
    else if (!this.#options.onShaken(result)) this.#refuse(stream, 'wire.wrong-info-hash')
  }

  #refuse(stream: ByteStream, reason: string): void {
    stream.destroy()
    this.#options.emit({ event: 'peer_refused', peer: formatEndpoint(stream.remote), reason })
  }
}
