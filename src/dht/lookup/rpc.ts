/**
 * Requests and their replies: transaction ids, timeouts, and who may answer what. Knows no routing.
 *
 * A call has two timeouts. At the soft one, soon after a reply should have come, its owner may ask somebody else or
 * send again; the call goes on listening. At the hard one it has failed.
 */
import { base64UrlDigits } from '../../protocol/base64.ts'
import { sameEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Cancel, Clock, Millis, Random } from '../../protocol/ports.ts'
import { NONE, type Contact, type ContactBook } from '../table/contact.ts'
import type { Role } from '../identity/role.ts'
import type { DropReason } from '../wire/drops.ts'
import { ERROR_SKEW, REPLY_TO, type Reply, type Request } from '../wire/messages.ts'
import { OutgoingLimiter } from '../wire/outgoing-limiter.ts'
import { RttWindow, type RttSamples } from '../table/rtt-window.ts'
import type { Profile } from '../wire/source-limiter.ts'

/** Calls that wait for their reply at once. */
const MAX_IN_FLIGHT: Readonly<Record<Profile, number>> = { lan: 1_024, wan: 256 }

/** The hard timeout: this many soft ones, and at least long enough that a busy machine is not taken for dead. */
const HARD_FACTOR = 4
const MIN_HARD: Millis = 1_000

/** Each resend waits longer by this factor. */
const BACK_OFF = 1.2

/** Who is asked. */
export interface Callee {
  readonly to: Endpoint
  readonly profile: Profile
  /**
   * The contact whose id the reply must carry; {@link NONE} for a bootstrap address, whose id is unknown. The caller keeps
   * it alive until the call ends.
   */
  readonly contact: Contact
  /** Measured timeout, if there is one. */
  readonly rto: Millis | undefined
}

export interface CallHandler {
  /** There is no hurry: it is the first to wait when we have sent many requests. */
  readonly isUpkeep?: true
  onReply(call: Call, reply: Reply): void
  /** No reply in the usual time. {@link Rpc.resend} or ask another; a late reply still comes to `onReply`. */
  onSoftTimeout(call: Call): void
  /** No reply at all, or another node lives there now. */
  onFail(call: Call): void
}

/** Sees what became of every call, before its handler does. */
export interface RpcObserver {
  /** The call is about to be sent. */
  onBegin(call: Call): void
  onReply(call: Call, reply: Reply, rttMs: Millis | undefined): void
  onTimeout(call: Call, waitedMs: Millis): void
  onWrongId(call: Call): void
  /** The call is over, after its handler heard of it. */
  onEnd(call: Call): void
}

export interface Call {
  readonly request: Request
  readonly callee: Callee
  readonly handler: CallHandler
  readonly sentAt: Millis
  /** How often it was sent. */
  sends: number
  soft: Millis
  hardAt: Millis
  timer: Cancel
}

/** A request without the fields that this layer adds. */
export type Question = DistributiveOmit<Request, 't' | 'id' | 'ro'>
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

export interface RpcOptions {
  readonly ownId: NodeId
  readonly book: ContactBook
  /** Where round trips are kept. */
  readonly rtts: RttSamples
  /** Whether we are read-only towards such a remote, which is then told so. */
  readonly role: Pick<Role, 'isReadOnlyTo'>
  readonly clock: Clock
  readonly random: Random
  readonly send: (request: Request, callee: Callee) => void
  readonly observer: RpcObserver
}

export class Rpc {
  readonly #ownId: NodeId
  readonly #book: ContactBook
  readonly #role: Pick<Role, 'isReadOnlyTo'>
  readonly #clock: Clock
  readonly #random: Random
  readonly #send: (request: Request, callee: Callee) => void
  readonly #observer: RpcObserver
  /** Limits what we ask, and how fast. */
  readonly outgoing = new OutgoingLimiter()
  readonly #calls = new LazyMap<string, Call>()
  readonly #inFlight: Record<Profile, number> = { lan: 0, wan: 0 }
  readonly #samples: RttSamples
  readonly #rtts: Record<Profile, RttWindow | undefined> = { lan: undefined, wan: undefined }

  constructor({ ownId, book, rtts, role, clock, random, send, observer }: RpcOptions) {
    this.#ownId = ownId
    this.#book = book
    this.#role = role
    this.#samples = rtts
    this.#clock = clock
    this.#random = random
    this.#send = send
    this.#observer = observer
  }

  get inFlight(): number {
    return this.#calls.size
  }

  /** @returns undefined when too many calls wait already, or too much was asked lately; nothing was sent then */
  call(question: Question, callee: Callee, handler: CallHandler): Call | undefined {
    const { to, profile } = callee
    const now = this.#clock.now()
    const isUpkeep = handler.isUpkeep === true
    if (this.#inFlight[profile] >= MAX_IN_FLIGHT[profile]) return undefined
    if (!this.outgoing.allows(to, { profile, isUpkeep, now })) return undefined
    const t = this.#transactionId()
    const ro = this.#role.isReadOnlyTo(callee.profile) ? 1 : undefined
    const request = requestOf(question, { t, id: this.#ownId, ro })
    const soft = this.#rttsOf(profile).timeout(callee.rto)
    const hardAt = now + Math.max(MIN_HARD, HARD_FACTOR * soft)
    const call: Call = {
      request,
      callee,
      handler,
      sentAt: now,
      sends: 1,
      soft,
      hardAt,
      timer: this.#clock.after(soft, () => this.#onSoft(call)),
    }
    this.#calls.set(t, call)
    this.#inFlight[profile]++
    this.#observer.onBegin(call)
    this.#send(request, callee)
    return call
  }

  /** Sends a call's request once more, with the same transaction id. At its soft timeout or between that and its end. */
  resend(call: Call): void {
    call.sends++
    call.soft *= BACK_OFF
    call.hardAt = Math.max(call.hardAt, this.#clock.now() + 2 * call.soft)
    call.timer()
    call.timer = this.#clock.after(call.soft, () => this.#onSoft(call))
    this.#send(call.request, call.callee)
  }

  /** @returns why the reply is dropped, or undefined when it was taken */
  onReply(reply: Reply, from: Endpoint): DropReason | undefined {
    const call = this.#calls.get(reply.t)
    if (call === undefined) return 'transaction'
    const { callee, request, handler } = call
    if (!sameEndpoint(from, callee.to)) return 'wrong-source'
    // Our clock is wrong, which says nothing about the other: it is not asked again, and keeps its place.
    if (reply.type === 'pong' && reply.e?.[0] === ERROR_SKEW) return this.#refuse(call, 'skew')
    if (reply.type !== REPLY_TO[request.type]) return 'wrong-answer'
    if (callee.contact !== NONE && !this.#book.hasId(callee.contact, reply.id)) {
      this.#observer.onWrongId(call)
      return this.#refuse(call, 'wrong-id')
    }
    this.#end(call)
    // After a resend it is unknown which of the two was answered (Karn).
    const rtt = call.sends === 1 ? this.#clock.now() - call.sentAt : undefined
    if (rtt !== undefined) this.onRtt(callee.profile, rtt)
    this.#observer.onReply(call, reply, rtt)
    handler.onReply(call, reply)
    this.#observer.onEnd(call)
    return undefined
  }

  /** Round trips to remotes of that profile, by which remotes without a measured one are timed. */
  onRtt(profile: Profile, rttMs: Millis): void {
    this.#rttsOf(profile).onSample(rttMs)
  }

  #rttsOf(profile: Profile): RttWindow {
    return (this.#rtts[profile] ??= new RttWindow(profile, this.#samples))
  }

  #refuse(call: Call, reason: DropReason): DropReason {
    this.#end(call)
    call.handler.onFail(call)
    this.#observer.onEnd(call)
    return reason
  }

  /** Drops all calls without telling their handlers. */
  close(): void {
    for (const call of this.#calls.values()) {
      this.#end(call)
      this.#observer.onEnd(call)
    }
    this.#rtts.lan?.close()
    this.#rtts.wan?.close()
  }

  #onSoft(call: Call): void {
    const sends = call.sends
    call.handler.onSoftTimeout(call)
    if (this.#calls.get(call.request.t) !== call || call.sends > sends) return
    call.timer = this.#clock.after(call.hardAt - this.#clock.now(), () => this.#onHard(call))
  }

  #onHard(call: Call): void {
    this.#end(call)
    this.#observer.onTimeout(call, this.#clock.now() - call.sentAt)
    call.handler.onFail(call)
    this.#observer.onEnd(call)
  }

  #end(call: Call): void {
    this.#calls.delete(call.request.t)
    this.#inFlight[call.callee.profile]--
    call.timer()
  }

  /** 48 random bits in eight characters; never one that is in use. */
  #transactionId(): string {
    for (;;) {
      const t = base64UrlDigits(this.#random.int(2 ** 24)) + base64UrlDigits(this.#random.int(2 ** 24))
      if (!this.#calls.has(t)) return t
    }
  }
}

/** With all fields in the order of received ones, so that requests of a type have one shape. */
function requestOf(question: Question, { t, id, ro }: Pick<Request, 't' | 'id' | 'ro'>): Request {
  switch (question.type) {
    case 'ping':
      return { type: 'ping', t, id, ro, pad: question.pad, rp: question.rp }
    case 'findPeers': {
      const { pad, target, infoHash, want, token } = question
      return { type: 'findPeers', t, id, ro, pad, target, infoHash, want, token }
    }
    case 'announce': {
      const { pad, infoHash, token, port, implied, seed } = question
      return { type: 'announce', t, id, ro, pad, infoHash, token, port, implied, seed }
    }
  }
}
