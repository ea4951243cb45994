/**
 * A network of datagrams in virtual time: latency, loss, duplication, reordering, NATs, partitions. Everything that
 * happens is drawn from the seed: the latency of a pair from the pair alone, the fate of a datagram from its sender
 * and its number there, so that one more node does not move the others.
 *
 * Two ways in: real datagrams ({@link SimDatagramNetwork.bind}), or messages of the DHT as objects, without the cost
 * of JSON ({@link SimDatagramNetwork.bindMessages}); both are subject to the same conditions.
 */
import type { MessagePort } from '../../dht/wire/message-port.ts'
import type { Endpoint } from '../../protocol/endpoint.ts'
import type { Datagrams, Hashes, Millis } from '../../protocol/ports.ts'
import type { SimClock, SimEvent } from './clock.ts'
import { EventLog } from './dht/event-log.ts'
import { draw, pairRtt, type LatencyModel } from './dht/latency.ts'
import { SimDatagramSocket, SimMessageSocket, type SimDatagram, type SimSocket } from './datagram-socket.ts'

export interface DatagramWeather extends LatencyModel {
  /** Each datagram is early or late by up to this share. */
  readonly jitter: number
  /** Chance of a datagram to be lost, to come twice, or to be held up by as much as a median round trip. */
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
}

/** The payload of Ethernet behind IPv4 and UDP headers: longer datagrams are lost. */
const MAX_DATAGRAM = 1_472

/** Draws for one datagram. */
const DRAWS = 4

export interface SimDatagramNetworkOptions {
  readonly seed: number
  readonly weather: DatagramWeather
  readonly hashes: Hashes
}

export interface BindOptions {
  /** Behind a NAT: only hosts that were written to lately get through. */
  readonly isBehindNat?: boolean
}

export class SimDatagramNetwork {
  readonly clock: SimClock
  readonly #seed: number
  readonly #log: EventLog
  /** By host; those of one host are linked. */
  readonly #sockets = new Map<string, SimSocket>()
  #weather: DatagramWeather
  #groupOf: ((endpoint: Endpoint) => number) | undefined
  #bound = 0
  /** Datagrams handed to the network. */
  sent = 0
  sentBytes = 0

  constructor(clock: SimClock, { seed, weather, hashes }: SimDatagramNetworkOptions) {
    this.clock = clock
    this.#seed = seed
    this.#weather = weather
    this.#log = new EventLog(hashes)
  }

  /** SHA-256 over who sent how much to whom, and when. */
  get traceDigest(): string {
    return this.#log.digest
  }

  get weather(): DatagramWeather {
    return this.#weather
  }

  set weather(weather: DatagramWeather) {
    this.#weather = weather
  }

  /** Datagrams between different groups get lost until {@link heal}. */
  partition(groupOf: (endpoint: Endpoint) => number): void {
    this.#groupOf = groupOf
  }

  heal(): void {
    this.#groupOf = undefined
  }

  /** @param local not bound yet */
  bind(local: Endpoint, options: BindOptions = {}): Datagrams & SimSocket {
    return this.#open(new SimDatagramSocket(this, this.#bound++, local), options)
  }

  /** @param local not bound yet */
  bindMessages(local: Endpoint, options: BindOptions = {}): MessagePort & SimSocket {
    return this.#open(new SimMessageSocket(this, this.#bound++, local), options)
  }

  /** The round trip of two sockets, without jitter: what their measured round trips centre on. */
  rttBetween(a: SimSocket, b: SimSocket): Millis {
    return pairRtt(this.#seed, a.index, b.index, this.#weather)
  }

  /** For sockets only: what {@link SimSocket.receive} gets at the other end, if it gets there. */
  send(from: SimSocket, to: Endpoint, datagram: SimDatagram): void {
    const { bytes } = datagram
    this.sent++
    this.sentBytes += bytes
    const receiver = this.#socketAt(to)
    const now = this.clock.now()
    this.#log.record(now, from.index, receiver?.index ?? -1, bytes)
    const number = DRAWS * from.onSent(to.host, bytes)
    if (receiver === undefined || bytes > MAX_DATAGRAM || this.#isCutOff(from.local, to)) return
    const { loss, duplication } = this.#weather
    if (loss > 0 && this.#draw(from, number) < loss) return
    const delivery = new Delivery(from, receiver, datagram)
    this.clock.schedule(this.#delay(delivery, number), delivery)
    if (duplication > 0 && this.#draw(from, number + 1) < duplication)
      this.clock.schedule(this.#delay(delivery, number + 1), delivery)
  }

  /** For sockets only. */
  close(socket: SimSocket): void {
    const { host } = socket.local
    const first = this.#sockets.get(host)
    if (first === socket) {
      if (socket.next === undefined) this.#sockets.delete(host)
      else this.#sockets.set(host, socket.next)
      return
    }
    for (let before = first; before !== undefined; before = before.next)
      if (before.next === socket) before.next = socket.next
  }

  #open<S extends SimSocket>(socket: S, { isBehindNat }: BindOptions): S {
    if (isBehindNat) socket.hideBehindNat()
    socket.next = this.#sockets.get(socket.local.host)
    this.#sockets.set(socket.local.host, socket)
    return socket
  }

  #socketAt({ host, port }: Endpoint): SimSocket | undefined {
    let socket = this.#sockets.get(host)
    while (socket !== undefined && socket.local.port !== port) socket = socket.next
    return socket
  }

  #isCutOff(from: Endpoint, to: Endpoint): boolean {
    return this.#groupOf !== undefined && this.#groupOf(from) !== this.#groupOf(to)
  }

  /** One way: half of the pair's round trip, give or take the jitter. */
  #delay({ from, receiver }: Delivery, number: number): Millis {
    const { jitter, reordering, medianRttMs } = this.#weather
    const spread = 1 + jitter * (2 * this.#draw(from, number + 2) - 1)
    const delay = (this.rttBetween(from, receiver) * spread) / 2
    if (reordering === 0) return delay
    // One draw says whether it is held up, and for how long.
    const held = this.#draw(from, number + 3)
    return held < reordering ? delay + (held / reordering) * medianRttMs : delay
  }

  #draw({ index }: SimSocket, number: number): number {
    return draw(this.#seed, index, number)
  }
}

class Delivery implements SimEvent {
  readonly isCancelled = false
  readonly from: SimSocket
  readonly receiver: SimSocket
  readonly #datagram: SimDatagram

  constructor(from: SimSocket, receiver: SimSocket, datagram: SimDatagram) {
    this.from = from
    this.receiver = receiver
    this.#datagram = datagram
  }

  happen(): void {
    this.receiver.arrive(this.from, this.#datagram)
  }
}
