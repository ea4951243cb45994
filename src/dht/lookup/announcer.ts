/** Keeps our torrents announced: a careful walk to the nodes nearest to each, then an announce to those. */
import { spread } from '../../protocol/chance.ts'
import { toHex, type InfoHash } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Cancel, Clock, Emit, Millis, Random } from '../../protocol/ports.ts'
import type { Contact } from '../table/contact.ts'
import type { DhtEvent } from '../events.ts'
import { K } from '../table/bucket-memory.ts'
import type { LookupEntry } from './lookup-entry.ts'
import type { Reply } from '../wire/messages.ts'
import type { Call, CallHandler, Callee, Rpc } from './rpc.ts'
import type { WalkSummary } from '../service.ts'
import type { Walks } from './walk.ts'

/** Announced again after this long, or after this share of the shortest time that the nodes keep it, if that is sooner. */
const REANNOUNCE: Millis = 15 * 60_000
const TTL_SHARE = 0.4
const JITTER = 0.2
/** Assumed where a pong says nothing, in seconds. */
const DEFAULT_TTL = 2_700

/** If nobody stored it: again after this long, then after twice as long each time. */
const MIN_RETRY: Millis = 1_000
const MAX_RETRY: Millis = 60_000

/** After our address has changed. */
const REPEAT_WITHIN: Millis = 30_000

/** Resends of one announce. */
const MAX_RESENDS = 2

/**
 * While fewer nodes than a full set hold the record, each new contact should: it is told soon, so that in a small network
 * everybody knows of everybody. Not at once, because contacts come in crowds.
 */
const NEWCOMER_DELAY: Millis = 20
const NEWCOMER_SPACING: Millis = 500

export interface AnnouncerEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly rpc: Rpc
  readonly walks: Walks
  readonly family: 4 | 6
  readonly emit: Emit<DhtEvent>
  calleeOf(contact: Contact): Callee
}

export class Announcer {
  readonly #environment: AnnouncerEnvironment
  readonly #announcements = new LazyMap<string, Announcement>()

  constructor(environment: AnnouncerEnvironment) {
    this.#environment = environment
  }

  announce(infoHash: InfoHash, port: number, isSeed: boolean): Cancel {
    const key = toHex(infoHash)
    this.#announcements.get(key)?.stop()
    const announcement = new Announcement(this.#environment, { infoHash, port, isSeed })
    this.#announcements.set(key, announcement)
    announcement.runAfter(0)
    return () => {
      announcement.stop()
      if (this.#announcements.get(key) === announcement) this.#announcements.delete(key)
    }
  }

  onContactAdded(): void {
    for (const announcement of this.#announcements.values()) announcement.onContactAdded()
  }

  /** What we announced is no longer true, or no longer known: everything is announced again, but not all at once. */
  repeatSoon(): void {
    const { random } = this.#environment
    for (const announcement of this.#announcements.values())
      announcement.repeatWithin(REPEAT_WITHIN * random.float())
  }

  close(): void {
    for (const announcement of this.#announcements.values()) announcement.stop()
    this.#announcements.clear()
  }
}

interface Subject {
  readonly infoHash: InfoHash
  readonly port: number
  readonly isSeed: boolean
}

class Announcement {
  readonly #environment: AnnouncerEnvironment
  readonly #subject: Subject
  #timer: Cancel | undefined
  #dueAt: Millis = 0
  /** Cancels the current round; undefined between rounds. */
  #round: Cancel | undefined
  #roundAt: Millis = Number.NEGATIVE_INFINITY
  #stored = 0
  #retry: Millis = MIN_RETRY
  #hasNewcomers = false
  #mustRepeat = false
  #isStopped = false

  constructor(environment: AnnouncerEnvironment, subject: Subject) {
    this.#environment = environment
    this.#subject = subject
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.()
    this.#round?.()
  }

  onContactAdded(): void {
    if (this.#stored >= K) return
    if (this.#round !== undefined) this.#hasNewcomers = true
    else this.runAfter(this.#untilNextRound())
  }

  /** A round that goes on is followed by another one. */
  repeatWithin(delay: Millis): void {
    if (this.#round !== undefined) this.#mustRepeat = true
    else this.runAfter(Math.min(delay, this.#dueAt - this.#environment.clock.now()))
  }

  runAfter(delay: Millis): void {
    const { clock } = this.#environment
    this.#timer?.()
    this.#dueAt = clock.now() + delay
    this.#timer = clock.after(delay, () => this.#run())
  }

  #untilNextRound(): Millis {
    const sinceLast = this.#environment.clock.now() - this.#roundAt
    return Math.max(NEWCOMER_DELAY, NEWCOMER_SPACING - sinceLast)
  }

  #run(): void {
    this.#roundAt = this.#environment.clock.now()
    this.#hasNewcomers = false
    this.#mustRepeat = false
    this.#round = this.#environment.walks.start({
      goal: { infoHash: this.#subject.infoHash },
      isCareful: true,
      onDone: (summary, nearest) => this.#store(summary, nearest),
    })
  }

  #store(summary: WalkSummary, nearest: readonly LookupEntry[]): void {
    const takers = nearest.filter(({ token }) => token !== undefined)
    // If it is in doubt who the nearest are: everybody who may be, and everybody who pretends to be.
    const targets = takers.filter(({ counts }, rank) => rank < K || (summary.isInDoubt && counts))
    const round = new StoreRound(this.#environment, this.#subject, (stored, ttlSeconds) =>
      this.#onStored(summary, stored, ttlSeconds),
    )
    this.#round = () => round.cancel()
    round.begin(targets)
  }

  #onStored(summary: WalkSummary, stored: number, ttlSeconds: number): void {
    if (this.#isStopped) return
    const { emit, family, random } = this.#environment
    this.#round = undefined
    this.#stored = stored
    const delay = stored > 0 ? Math.min(REANNOUNCE, TTL_SHARE * ttlSeconds * 1_000) : this.#retry
    this.#retry = stored > 0 ? MIN_RETRY : Math.min(MAX_RETRY, 2 * this.#retry)
    const jittered = spread(delay, JITTER, random)
    const isHasty = this.#mustRepeat || (this.#hasNewcomers && stored < K)
    const wait = isHasty ? this.#untilNextRound() : jittered
    const { infoHash, port } = this.#subject
    const { hops, rpcs, isInDoubt } = summary
    const ms = Math.round(this.#environment.clock.now() - this.#roundAt)
    const nextSeconds = Math.ceil(wait / 1_000)
    // A family without contacts has nothing to report each time.
    if (rpcs > 0)
      emit({
        event: 'dht_announced',
        family,
        infoHash: toHex(infoHash),
        port,
        stored,
        hops,
        rpcs,
        ms,
        isInDoubt,
        nextSeconds,
      })
    this.runAfter(wait)
  }
}

/** The announces of one round, all at once. */
class StoreRound implements CallHandler {
  readonly #environment: AnnouncerEnvironment
  readonly #subject: Subject
  readonly #onDone: (stored: number, ttlSeconds: number) => void
  #open = 0
  #stored = 0
  #ttlSeconds = DEFAULT_TTL
  #isCancelled = false

  constructor(
    environment: AnnouncerEnvironment,
    subject: Subject,
    onDone: (stored: number, ttlSeconds: number) => void,
  ) {
    this.#environment = environment
    this.#subject = subject
    this.#onDone = onDone
  }

  begin(targets: readonly LookupEntry[]): void {
    const { rpc } = this.#environment
    const { infoHash, port, isSeed } = this.#subject
    for (const { contact, token } of targets) {
      if (token === undefined) continue
      const seed = isSeed ? 1 : 0
      // There is no hurry: an announce is repeated when it is lost, not when its answer takes a little longer.
      const callee = { ...this.#environment.calleeOf(contact), rto: Number.POSITIVE_INFINITY }
      const call = rpc.call({ type: 'announce', infoHash, port, token, seed }, callee, this)
      if (call !== undefined) this.#open++
    }
    if (this.#open === 0) this.#onDone(0, DEFAULT_TTL)
  }

  cancel(): void {
    this.#isCancelled = true
  }

  onReply(_call: Call, reply: Reply): void {
    if (reply.type === 'pong' && reply.e === undefined) {
      this.#stored++
      this.#ttlSeconds = Math.min(this.#ttlSeconds, reply.ttl ?? DEFAULT_TTL)
    }
    this.#settle()
  }

  onSoftTimeout(call: Call): void {
    if (!this.#isCancelled && call.sends <= MAX_RESENDS) this.#environment.rpc.resend(call)
  }

  onFail(): void {
    this.#settle()
  }

  #settle(): void {
    if (--this.#open === 0 && !this.#isCancelled) this.#onDone(this.#stored, this.#ttlSeconds)
  }
}
