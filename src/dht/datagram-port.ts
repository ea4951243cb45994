/**
 * The door: datagrams in, valid messages out. Checks run from the cheapest to the dearest and before anything lasting
 * is kept, in the order of docs/dht.md; what fails one is dropped without a word and counted under that check.
 */
import { scopeOf, type Endpoint, type Scope } from '../protocol/endpoint.ts'
import type { Clock, Datagrams } from '../protocol/ports.ts'
import { decodeMessage, encodeMessage, netOverhead } from './codec.ts'
import { DropCounters } from './drops.ts'
import type { MessagePort } from './message-port.ts'
import type { Message } from './messages.ts'
import { Bucket, profileOf, SourceLimiter, type Profile, type Rate } from './source-limiter.ts'

/** Received datagrams outside these bounds are not looked at. */
export const MIN_RECEIVED_BYTES = 60
export const MAX_RECEIVED_BYTES = 1_400

/** How many datagrams are looked at, by the scope of the remote's address. */
export interface DatagramLimits {
  /** From one source. */
  readonly source: Readonly<Record<Profile, Rate>>
  /** From all sources of a profile together. */
  readonly node: Readonly<Record<Profile, Rate>>
}

const LIMITS: DatagramLimits = {
  source: { lan: { perSecond: 500, burst: 2_000 }, wan: { perSecond: 20, burst: 100 } },
  node: { lan: { perSecond: 20_000, burst: 20_000 }, wan: { perSecond: 5_000, burst: 10_000 } },
}

/** First byte of an open message. Frames of a network with a key start otherwise, and are told apart here. */
const OPEN_MESSAGE = 0x7b

/** Addresses that no node can have, or that a bare address does not reach (link-local needs an interface). */
const REFUSED_SCOPES: ReadonlySet<Scope> = new Set(['bogus', 'link-local'])

export interface DatagramPortOptions {
  readonly clock: Clock
  /** Network id, 1 … 16 of `a-z 0-9 -`: messages with another one, or with none, are not seen. */
  readonly net?: string | undefined
  /** Those of a node in the world, unless a benchmark wants to see what lies behind them. */
  readonly limits?: DatagramLimits | undefined
}

export class DatagramPort implements MessagePort {
  readonly drops = new DropCounters()
  readonly overheadBytes: number
  onMessage: (message: Message, from: Endpoint, wireBytes: number) => void = () => undefined
  readonly #socket: Datagrams
  readonly #clock: Clock
  readonly #net: string | undefined
  readonly #sources: SourceLimiter
  readonly #whole: Readonly<Record<Profile, Bucket>>
  readonly #encoder = new TextEncoder()

  constructor(socket: Datagrams, { clock, net, limits = LIMITS }: DatagramPortOptions) {
    this.#socket = socket
    this.#clock = clock
    this.#net = net
    this.overheadBytes = netOverhead(net)
    this.#sources = new SourceLimiter(limits.source)
    this.#whole = {
      lan: new Bucket(limits.node.lan, clock.now()),
      wan: new Bucket(limits.node.wan, clock.now()),
    }
    socket.onDatagram = (data, from) => this.#onDatagram(data, from)
  }

  get local(): Endpoint {
    return this.#socket.local
  }

  send(message: Message, to: Endpoint): void {
    this.#socket.send(this.#encoder.encode(encodeMessage(message, this.#net)), to)
  }

  close(): void {
    this.#socket.close()
  }

  #onDatagram(data: Uint8Array, from: Endpoint): void {
    if (data.length < MIN_RECEIVED_BYTES || data.length > MAX_RECEIVED_BYTES)
      return this.drops.count('length')
    const scope = from.port === 0 ? 'bogus' : scopeOf(from.host)
    if (REFUSED_SCOPES.has(scope)) return this.drops.count('source')
    const profile = profileOf(scope)
    const now = this.#clock.now()
    if (!this.#sources.allows(from.host, profile, now) || !this.#whole[profile].take(now))
      return this.drops.count('rate')
    if (data[0] !== OPEN_MESSAGE) return this.drops.count('frame')
    const message = decodeMessage(data, this.#net)
    if (typeof message === 'string') return this.drops.count(message)
    this.onMessage(message, from, data.length)
  }
}
