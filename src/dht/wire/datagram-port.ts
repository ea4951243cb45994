/**
 * The entrance: datagrams in, valid messages out. Checks run from the cheapest to the most expensive and before anything is
 * stored, in the order of docs/dht.md; a datagram that fails one is dropped silently and counted under that check.
 */
import { scopeOf, type Endpoint, type Scope } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import type { Clock, Datagrams, Millis, Random } from '../../protocol/ports.ts'
import { ReusedBytes } from '../../protocol/reused-bytes.ts'
import { decodeMessage, netOverhead } from './codec.ts'
import { DropCounters } from './drops.ts'
import { FRAME, Framer, FRAME_OVERHEAD } from '../frames/framer.ts'
import type { KeyRing } from '../frames/key-ring.ts'
import type { MessagePort, OnMessage } from './message-port.ts'
import { ERROR_SKEW, isReply, MAX_SENT_BYTES, type Message } from './messages.ts'
import { NetworkClock } from '../frames/network-clock.ts'
import { Bucket, profileOf, SourceLimiter, type Profile, type Rate } from './source-limiter.ts'
import { writeMessage } from './write-message.ts'

/** Received datagrams outside these bounds are not looked at. */
export const MIN_RECEIVED_BYTES = 60
export const MAX_RECEIVED_BYTES = 1_400

/** Datagrams that are looked at, by the scope of the remote's address. */
export interface DatagramLimits {
  /** From one source. */
  readonly source: Readonly<Record<Profile, Rate>>
  /** From all sources of a profile together. */
  readonly node: Readonly<Record<Profile, Rate>>
  /** Milliseconds that all of them may take, on any machine. */
  readonly work: Rate
}

/** Datagrams that are looked at, from one source and from all of a profile together; and half of a core. */
const LIMITS: DatagramLimits = {
  source: { lan: { perSecond: 500, burst: 2_000 }, wan: { perSecond: 20, burst: 100 } },
  node: { lan: { perSecond: 20_000, burst: 20_000 }, wan: { perSecond: 5_000, burst: 10_000 } },
  work: { perSecond: 500, burst: 500 },
}

/** Replies about a wrong clock, to one source and to all. */
const CLOCK_REPLY_RATE: Rate = { perSecond: 1, burst: 1 }
const CLOCK_REPLIES_RATE: Rate = { perSecond: 20, burst: 20 }

/** First byte of an open message; a network with a key has frames, which start otherwise. */
const OPEN_MESSAGE = 0x7b

/** One for all ports, since each message is sent before the next is written. */
const outgoing = new ReusedBytes(MAX_SENT_BYTES)

export interface DatagramPortOptions {
  readonly clock: Clock
  /** Network id, 1 … 16 of `a-z 0-9 -`: messages with another one, or with none, are not seen. */
  readonly net?: string | undefined
  /** Keys of a private network, and chance for its frames. Open messages are dropped then, and frames are otherwise. */
  readonly frames?: { readonly keys: KeyRing; readonly random: Random } | undefined
  /** The shipped limits, unless a benchmark wants to measure what lies behind them. */
  readonly limits?: DatagramLimits | undefined
}

export class DatagramPort implements MessagePort {
  readonly drops = new DropCounters()
  readonly overheadBytes: number
  readonly namesReceivers: boolean
  onMessage: OnMessage = () => undefined
  readonly #socket: Datagrams
  readonly #clock: Clock
  readonly #net: string | undefined
  readonly #framer: Framer | undefined
  readonly #time: NetworkClock
  readonly #sources: SourceLimiter
  readonly #whole: Readonly<Record<Profile, Bucket>>
  readonly #work: Bucket
  readonly #clockReplies: SourceLimiter
  readonly #allClockReplies: Bucket
  #ownId: NodeId | undefined

  constructor(socket: Datagrams, { clock, net, frames, limits = LIMITS }: DatagramPortOptions) {
    const now = clock.now()
    this.#socket = socket
    this.#clock = clock
    this.#net = net
    this.#time = new NetworkClock(clock)
    this.#framer = frames && new Framer({ ...frames, clock, time: this.#time })
    this.namesReceivers = this.#framer !== undefined
    this.overheadBytes = netOverhead(net) + (frames === undefined ? 0 : FRAME_OVERHEAD)
    this.#sources = new SourceLimiter(limits.source)
    this.#whole = { lan: new Bucket(limits.node.lan, now), wan: new Bucket(limits.node.wan, now) }
    this.#work = new Bucket(limits.work, now)
    this.#clockReplies = new SourceLimiter({ lan: CLOCK_REPLY_RATE, wan: CLOCK_REPLY_RATE })
    this.#allClockReplies = new Bucket(CLOCK_REPLIES_RATE, now)
    socket.onDatagram = (data, from) => this.#onDatagram(data, from)
  }

  get local(): Endpoint {
    return this.#socket.local
  }

  get ownId(): NodeId | undefined {
    return this.#ownId
  }

  set ownId(id: NodeId) {
    this.#ownId = id
    if (this.#framer !== undefined) this.#framer.ownId = id
  }

  send(message: Message, to: Endpoint, receiver: NodeId | undefined): void {
    const bytes = outgoing.first(writeMessage(message, this.#net, outgoing.all))
    this.#socket.send(this.#framer?.seal(bytes, receiver) ?? bytes, to)
  }

  onClockTold(teller: Endpoint, unixMs: number | undefined): void {
    if (this.#framer !== undefined) this.#time.onTold(teller, unixMs)
  }

  close(): void {
    this.#socket.close()
  }

  #onDatagram(data: Uint8Array, from: Endpoint): void {
    if (data.length < MIN_RECEIVED_BYTES || data.length > MAX_RECEIVED_BYTES)
      return this.drops.count('length')
    if (data[0] !== (this.#framer === undefined ? OPEN_MESSAGE : FRAME)) return this.drops.count('frame')
    const scope = from.port === 0 ? 'bogus' : scopeOf(from.host)
    if (isRefused(scope)) return this.drops.count('source')
    const begunAt = this.#clock.now()
    if (!this.#isWithinRates(from.host, profileOf(scope), begunAt)) return this.drops.count('rate')
    this.#open(data, from, begunAt)
    const now = this.#clock.now()
    this.#work.spend(now, now - begunAt)
  }

  #open(data: Uint8Array, from: Endpoint, now: Millis): void {
    if (this.#framer !== undefined) return this.#onFrame(this.#framer, data, from, now)
    const message = decodeMessage(data, this.#net)
    if (typeof message === 'string') return this.drops.count(message)
    this.onMessage(message, from, data.length, now)
  }

  #isWithinRates(host: string, profile: Profile, now: Millis): boolean {
    const whole = this.#whole[profile]
    // The less is left for all, the more a source must have left, so that a flood does not take what modest sources ask for.
    const leastShare = 1 - Math.min(whole.share(now), this.#work.share(now))
    return this.#sources.allows(host, profile, now, leastShare) && whole.take(now)
  }

  #onFrame(framer: Framer, data: Uint8Array, from: Endpoint, now: Millis): void {
    const opened = framer.open(data)
    if (typeof opened === 'string') return this.drops.count(opened)
    const message = decodeMessage(opened.body, this.#net)
    if (typeof message === 'string') return this.drops.count(message)
    if (opened.isFirstContact && !isIntroduction(message)) return this.drops.count('first-contact')
    // To learn that our own clock is wrong, we must listen to nodes whose time seems wrong to us. Such a reply
    // counts once, because it carries a pending transaction id.
    if (!opened.isTimely && !isWordOfTime(message)) {
      this.drops.count('skew')
      if (!isReply(message)) this.#tellTime(message, from)
      return
    }
    this.onMessage(message, from, data.length, now)
  }

  /** Only members get here. Replaying their old frames gains an attacker next to nothing. */
  #tellTime({ t, id }: Message, from: Endpoint): void {
    const now = this.#clock.now()
    const profile = profileOf(scopeOf(from.host))
    if (this.#ownId === undefined || !this.#clockReplies.allows(from.host, profile, now)) return
    if (!this.#allClockReplies.take(now)) return
    const e: [number, string] = [ERROR_SKEW, 'skew']
    const ts = Math.floor(this.#time.now())
    this.send({ type: 'pong', t, id: this.#ownId, ip: from, e, ts }, from, id)
  }
}

/** Addresses that no node can have, or that a bare address does not reach (link-local needs an interface): nothing from them is read. */
export function isRefused(scope: Scope): boolean {
  return scope === 'bogus' || scope === 'link-local'
}

/** What may be sent to a node whose id is unknown: who are you, and who is near a target? */
function isIntroduction(message: Message): boolean {
  return message.type === 'ping' || (message.type === 'findPeers' && message.target !== undefined)
}

function isWordOfTime(message: Message): boolean {
  return message.type === 'pong' && message.e?.[0] === ERROR_SKEW
}
