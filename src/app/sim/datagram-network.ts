/**
 * A network of datagrams in virtual time: latency, loss, duplication, partitions. Everything that happens is drawn
 * from the seed, and the latency of a pair from the pair alone, so that one more node does not move the others.
 *
 * Two ways in: real datagrams ({@link SimDatagramNetwork.bind}), or messages of the DHT as objects, without the cost
 * of JSON ({@link SimDatagramNetwork.bindMessages}); both meet the same weather.
 */
import { encodedLength } from '../../dht/codec.ts'
import { DropCounters } from '../../dht/drops.ts'
import type { MessagePort } from '../../dht/message-port.ts'
import type { Message } from '../../dht/messages.ts'
import type { Endpoint } from '../../protocol/endpoint.ts'
import type { Clock, Datagrams, Millis, Random } from '../../protocol/ports.ts'

export interface DatagramWeather {
  /** Round trip of a pair: log-normal over all pairs. */
  readonly medianRttMs: number
  readonly sigma: number
  /** Each datagram is early or late by up to this share. */
  readonly jitter: number
  /** Chance of a datagram to be lost, or to come twice. */
  readonly loss: number
  readonly duplication: number
}

interface Socket {
  readonly index: number
  readonly local: Endpoint
  onDatagram: (data: Uint8Array, from: Endpoint) => void
  onMessage: (message: Message, from: Endpoint, wireBytes: number) => void
}

export class SimDatagramNetwork {
  readonly #clock: Clock
  readonly #random: Random
  readonly #pairSeed: number
  readonly #sockets = new Map<string, Map<number, Socket>>()
  #weather: DatagramWeather
  #groupOf: ((endpoint: Endpoint) => number) | undefined
  #bound = 0
  #traceLow = 0x811c9dc5
  #traceHigh = 0x9e3779b9
  /** Datagrams handed to the network, and those that arrived at a bound endpoint. */
  sent = 0
  delivered = 0
  sentBytes = 0

  constructor(clock: Clock, random: Random, weather: DatagramWeather) {
    this.#clock = clock
    this.#random = random
    this.#pairSeed = random.int(2 ** 32)
    this.#weather = weather
  }

  /** Two runs did the same if their digests are equal: who sent to whom, when and how much. */
  get traceDigest(): string {
    return [this.#traceHigh, this.#traceLow]
      .map((half) => (half >>> 0).toString(16).padStart(8, '0'))
      .join('')
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
  bind(local: Endpoint): Datagrams {
    const socket = this.#open(local)
    return {
      local,
      send: (data, to) => {
        // The sender may reuse its buffer.
        const copy = data.slice()
        this.#send(socket, to, copy.length, (receiver) => receiver.onDatagram(copy, local))
      },
      get onDatagram() {
        return socket.onDatagram
      },
      set onDatagram(onDatagram) {
        socket.onDatagram = onDatagram
      },
      close: () => this.#close(local),
    }
  }

  /** @param local not bound yet */
  bindMessages(local: Endpoint): MessagePort {
    const socket = this.#open(local)
    return {
      local,
      overheadBytes: 0,
      drops: new DropCounters(),
      ownId: undefined,
      onClockTold: () => undefined,
      send: (message, to) => {
        const bytes = encodedLength(message)
        this.#send(socket, to, bytes, (receiver) => receiver.onMessage(message, local, bytes))
      },
      get onMessage() {
        return socket.onMessage
      },
      set onMessage(onMessage) {
        socket.onMessage = onMessage
      },
      close: () => this.#close(local),
    }
  }

  #open(local: Endpoint): Socket {
    const ports = this.#sockets.get(local.host) ?? new Map<number, Socket>()
    this.#sockets.set(local.host, ports)
    const socket: Socket = {
      index: this.#bound++,
      local,
      onDatagram: () => undefined,
      onMessage: () => undefined,
    }
    ports.set(local.port, socket)
    return socket
  }

  #close({ host, port }: Endpoint): void {
    const ports = this.#sockets.get(host)
    if (ports?.delete(port) && ports.size === 0) this.#sockets.delete(host)
  }

  #send(from: Socket, to: Endpoint, bytes: number, deliver: (receiver: Socket) => void): void {
    this.sent++
    this.sentBytes += bytes
    const receiver = this.#socketAt(to)
    this.#trace(from.index, receiver?.index ?? -1, bytes)
    if (receiver === undefined || this.#isCutOff(from.local, to)) return
    const { loss, duplication } = this.#weather
    if (loss > 0 && this.#random.float() < loss) return
    this.#deliverLater(from, receiver, deliver)
    if (duplication > 0 && this.#random.float() < duplication) this.#deliverLater(from, receiver, deliver)
  }

  /** The round trip of two bound endpoints, without jitter: what their measured round trips centre on. */
  rttBetween(a: Endpoint, b: Endpoint): Millis {
    return this.#pairRtt(this.#socketAt(a)!.index, this.#socketAt(b)!.index)
  }

  #deliverLater(from: Socket, receiver: Socket, deliver: (receiver: Socket) => void): void {
    this.#clock.after(this.#delay(from.index, receiver.index), () => {
      // Who was closed meanwhile hears nothing, nor does who was bound there since.
      if (this.#socketAt(receiver.local) !== receiver) return
      this.delivered++
      deliver(receiver)
    })
  }

  #socketAt({ host, port }: Endpoint): Socket | undefined {
    return this.#sockets.get(host)?.get(port)
  }

  #isCutOff(from: Endpoint, to: Endpoint): boolean {
    return this.#groupOf !== undefined && this.#groupOf(from) !== this.#groupOf(to)
  }

  /** One way: half of the pair's round trip, give or take the jitter. */
  #delay(a: number, b: number): Millis {
    const spread = 1 + this.#weather.jitter * (2 * this.#random.float() - 1)
    return (this.#pairRtt(a, b) * spread) / 2
  }

  #pairRtt(a: number, b: number): Millis {
    const { medianRttMs, sigma } = this.#weather
    const low = Math.min(a, b)
    const high = Math.max(a, b)
    const first = mix(this.#pairSeed ^ Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77))
    const second = mix(first ^ 0xc2b2ae3d)
    // Box and Muller: two uniform numbers make a normal one.
    const normal =
      Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32)) * Math.cos((2 * Math.PI * second) / 2 ** 32)
    return medianRttMs * Math.exp(sigma * normal)
  }

  #trace(from: number, to: number, bytes: number): void {
    for (const value of [Math.round(this.#clock.now() * 1_000), from, to, bytes]) {
      this.#traceLow = Math.imul(this.#traceLow ^ value, 0x01000193)
      this.#traceHigh = mix(this.#traceHigh ^ this.#traceLow)
    }
  }
}

/** Spreads 32 bits over 32 bits. */
function mix(value: number): number {
  let z = value | 0
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}
