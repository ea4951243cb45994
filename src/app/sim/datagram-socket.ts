/** The ends of a {@link SimDatagramNetwork}: one for bytes, one for messages of the DHT as objects. */
import { encodedLength } from '../../dht/wire/codec.ts'
import { DropCounters } from '../../dht/wire/drops.ts'
import type { MessagePort, OnMessage } from '../../dht/wire/message-port.ts'
import type { Message } from '../../dht/wire/messages.ts'
import type { Endpoint } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import type { Clock, Datagrams, Millis } from '../../protocol/ports.ts'

/** A NAT admits hosts to which a datagram went out within this time. */
const NAT_MAPPING: Millis = 60_000

export interface SimDatagram {
  /** Bytes, or a message: both ends speak alike. */
  readonly payload: unknown
  readonly bytes: number
}

/** What a socket asks of its network. */
export interface SimWire {
  readonly clock: Clock
  send(from: SimSocket, to: Endpoint, datagram: SimDatagram): void
  close(socket: SimSocket): void
}

export abstract class SimSocket {
  /** Counts up with each socket of a network. */
  readonly index: number
  readonly local: Endpoint
  /** Of the same host; the network's own business. */
  next: SimSocket | undefined = undefined
  sent = 0
  sentBytes = 0
  received = 0
  receivedBytes = 0
  protected readonly wire: SimWire
  #isOpen = true
  #nat: Nat | undefined = undefined

  constructor(wire: SimWire, index: number, local: Endpoint) {
    this.wire = wire
    this.index = index
    this.local = local
  }

  hideBehindNat(): void {
    this.#nat = new Nat(this.wire.clock)
  }

  /** @returns the datagram's number at this sender */
  onSent(host: string, bytes: number): number {
    this.#nat?.open(host)
    this.sentBytes += bytes
    return this.sent++
  }

  /** A socket closed meanwhile receives nothing. */
  arrive(from: SimSocket, { payload, bytes }: SimDatagram): void {
    if (!this.#isOpen || this.#nat?.isOpenTo(from.local.host) === false) return
    this.receivedBytes += bytes
    this.received++
    this.receive(payload, from.local, bytes)
  }

  protected abstract receive(payload: unknown, from: Endpoint, bytes: number): void

  close(): void {
    this.#isOpen = false
    this.wire.close(this)
  }
}

export class SimDatagramSocket extends SimSocket implements Datagrams {
  onDatagram: (data: Uint8Array, from: Endpoint) => void = nobodyListens

  send(data: Uint8Array, to: Endpoint): void {
    // The sender may reuse its buffer.
    this.wire.send(this, to, { payload: data.slice(), bytes: data.length })
  }

  protected receive(payload: unknown, from: Endpoint): void {
    this.onDatagram(payload as Uint8Array, from)
  }
}

export class SimMessageSocket extends SimSocket implements MessagePort {
  readonly overheadBytes = 0
  readonly namesReceivers = false
  #drops: DropCounters | undefined = undefined
  ownId: NodeId | undefined = undefined
  onMessage: OnMessage = nobodyListens

  send(message: Message, to: Endpoint): void {
    this.wire.send(this, to, { payload: message, bytes: encodedLength(message) })
  }

  /** Made for the first one. */
  get drops(): DropCounters {
    return (this.#drops ??= new DropCounters())
  }

  /** The clocks of a simulation are right. */
  onClockTold(): void {}

  protected receive(payload: unknown, from: Endpoint, bytes: number): void {
    this.onMessage(payload as Message, from, bytes, this.wire.clock.now())
  }
}

class Nat {
  readonly #clock: Clock
  readonly #openedAt = new Map<string, Millis>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open(host: string): void {
    this.#openedAt.set(host, this.#clock.now())
  }

  isOpenTo(host: string): boolean {
    const at = this.#openedAt.get(host)
    if (at === undefined) return false
    const isOpen = at >= this.#clock.now() - NAT_MAPPING
    if (!isOpen) this.#openedAt.delete(host)
    return isOpen
  }
}

function nobodyListens(): void {}
