/**
 * Joining through known addresses: one is asked, the next when it stays silent, and all again with back-off while nobody
 * answers. When a node answered, a walk to our own id finds our place.
 */
import { shuffle, spread } from '../../protocol/chance.ts'
import { endpointKeyOf, scopeOf, type Endpoint } from '../../protocol/endpoint.ts'
import { ID_LENGTH, type NodeId } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import { LazySet } from '../../protocol/lazy-set.ts'
import type { Cancel, Clock, Emit, Millis, Random } from '../../protocol/ports.ts'
import { Reminder } from '../../protocol/reminder.ts'
import { NONE } from '../table/contact.ts'
import type { DhtEvent } from '../events.ts'
import { K } from '../table/bucket-memory.ts'
import { isRefused } from '../wire/datagram-port.ts'
import type { Reply } from '../wire/messages.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { Call, CallHandler, Rpc } from '../lookup/rpc.ts'
import { profileOf, type Profile } from '../wire/source-limiter.ts'

/**
 * The next seed is asked when one has been silent for so long, which most round trips on the Internet do not take. Not several
 * at once: of a crowd that comes together each one would ask all.
 */
const NEXT_SEED: Millis = 300

/** Known bootstrap addresses; further ones are not taken. */
const MAX_SEEDS = 256

/** Nodes met by chance are asked while we know fewer than this, and at most so many wait for it. */
const MEET_BELOW = 32
const MAX_MET = 32

/** Nobody answered: all are asked again after this long, then after twice as long each time. */
const MIN_BACK_OFF: Millis = 1_000
/** On a LAN, where asking costs nothing, a node that starts late is found soon. */
const MAX_BACK_OFF: Readonly<Record<Profile, Millis>> = { lan: 15_000, wan: 5 * 60_000 }
const JITTER = 0.3

/** One seed is asked from time to time although all is well: it may have restarted, or be on the other side of a split. */
const PROBE: Readonly<Record<Profile, Millis>> = { lan: 60_000, wan: 10 * 60_000 }

/**
 * Who has joined asks one more seed so soon, best one that was not asked: the first may have named its friends only. And
 * of a crowd that comes together those near us may have found each other only now.
 */
const SECOND_OPINION: Millis = 15_000

/** Padding that pays for sixteen contacts in the reply: 667 bytes over IPv4, some 950 over IPv6. */
const PAD: Readonly<Record<4 | 6, number>> = { 4: 90, 6: 190 }

/** Low bytes of our id that are drawn anew, so that the question does not tell it. */
const RANDOM_TAIL = 8

const NOBODY: readonly Endpoint[] = []

export interface BootstrapOptions {
  readonly ownId: NodeId
  readonly family: 4 | 6
  readonly clock: Clock
  readonly random: Random
  readonly rpc: Rpc
  readonly emit: Emit<DhtEvent>
  /** Whom there is to ask. */
  readonly table: Pick<RoutingTable, 'size'>
  /** A seed has answered: the table has a contact. */
  onAnswer(call: Call, reply: Reply): void
  /** All seeds stayed silent. */
  onFailed(): void
}

export class Bootstrap {
  readonly #options: BootstrapOptions
  readonly #seeds = new LazyMap<number | string, Endpoint>()
  /** Those that answered us once: the ones worth remembering. */
  readonly #proven = new LazySet<Endpoint>()
  /** Seeds that nobody has asked yet. */
  #fresh: readonly Endpoint[] = NOBODY
  /** After joining, seeds to be asked for a second opinion, one after the other until one answers. */
  #others: readonly Endpoint[] = NOBODY
  #round: Round | undefined
  #timer: Cancel | undefined
  /** When it goes off. */
  #timerAt: Millis = Number.POSITIVE_INFINITY
  #backOff: Millis = MIN_BACK_OFF
  /** While nobody answers. */
  #reminder: Reminder | undefined

  constructor(options: BootstrapOptions) {
    this.#options = options
  }

  /** Whether an answer may still come: who wants to ask the network waits for it. */
  get isAsking(): boolean {
    return this.#round !== undefined
  }

  /** Whether those are being asked through whom we join: what they name is no second opinion. */
  get isJoining(): boolean {
    return this.#round?.isJoining === true
  }

  /** Whether it is the address of a seed. */
  has(endpoint: Endpoint): boolean {
    return this.#seeds.has(endpointKeyOf(endpoint))
  }

  /** Those that have answered. */
  get proven(): readonly Endpoint[] {
    return [...this.#proven]
  }

  add(seeds: readonly Endpoint[]): void {
    for (const seed of seeds) {
      const key = endpointKeyOf(seed)
      if (seed.port === 0 || this.#seeds.has(key) || this.#seeds.size >= MAX_SEEDS) continue
      this.#seeds.set(key, seed)
      this.#fresh = [...this.#fresh, seed]
    }
    if (this.#fresh.length > 0 && this.#round === undefined) this.#start()
  }

  /** Somebody who is a node, as we hear: asked once, and forgotten. */
  meet(endpoint: Endpoint): void {
    const isWanted = this.#options.table.size < MEET_BELOW && this.#fresh.length < MAX_MET
    if (endpoint.port === 0 || !isWanted || this.#seeds.has(endpointKeyOf(endpoint))) return
    if (isRefused(scopeOf(endpoint.host))) return
    this.#fresh = [...this.#fresh, endpoint]
    if (this.#round === undefined) this.#start()
  }

  /**
   * Hardly anybody is left: asks the seeds again, unless that is planned for earlier. It may come again and again, as each
   * stranger that does not answer our ping reminds us that we are alone.
   */
  onLonely(): void {
    if (this.#round !== undefined || this.#seeds.size === 0) return
    const wait = this.#jittered(this.#backOff)
    if (this.#options.clock.now() + wait < this.#timerAt) this.#startAfter(wait)
  }

  close(): void {
    this.#timer?.()
    this.#round?.cancel()
    this.#seeds.clear()
    this.#fresh = NOBODY
  }

  /**
   * Those that are new; else all while we know hardly anybody; else one, to see whether the two of us are in one network.
   * Whoever joins needs one that knows others, and asks no further; whom we were just told of may know others than we do.
   */
  #start(): void {
    const { random, table } = this.#options
    this.#timer?.()
    this.#timerAt = Number.POSITIVE_INFINITY
    const isJoining = table.size === 0
    const isFresh = this.#fresh.length > 0
    const isThin = table.size < K
    const known = shuffle([...this.#seeds.values()], random)
    const seeds = isFresh ? shuffle([...this.#fresh], random) : [...new Set([...this.#others, ...known])]
    const asked = isFresh || isThin ? seeds : seeds.slice(0, 1)
    this.#fresh = NOBODY
    this.#round = new Round(this.#options, asked, {
      isJoining,
      isEnough: (reply) => (isJoining || !isFresh) && namesNodes(reply),
      onAnswer: (seed) => this.#prove(seed),
      onEnd: (answered, notAsked) => {
        if (isJoining) this.#others = notAsked.length > 0 ? notAsked : known.slice(0, 1)
        else this.#others = answered > 0 ? NOBODY : this.#others.slice(1)
        this.#onRoundEnd(asked.length, answered)
      },
    })
    this.#round.askNext()
  }

  #prove(seed: Endpoint): void {
    const known = this.#seeds.get(endpointKeyOf(seed))
    if (known !== undefined) this.#proven.add(known)
  }

  #onRoundEnd(asked: number, answered: number): void {
    const { emit, family, table } = this.#options
    this.#round = undefined
    if (this.#fresh.length > 0) return this.#start()
    const profile = this.#profile()
    if (answered > 0 || table.size > 0) {
      this.#backOff = MIN_BACK_OFF
      this.#reminder = undefined
      this.#startAfter(this.#jittered(this.#others.length > 0 ? SECOND_OPINION : PROBE[profile]))
      return
    }
    const wait = this.#jittered(this.#backOff)
    this.#startAfter(wait)
    this.#backOff = Math.min(MAX_BACK_OFF[profile], 2 * this.#backOff)
    this.#reminder ??= new Reminder(this.#options.clock)
    const tries = this.#reminder.onFailure()
    const retrySeconds = Math.ceil(wait / 1_000)
    if (tries !== undefined)
      emit({ event: 'dht_bootstrap_failed', family, asked, reason: 'no answer', tries, retrySeconds })
    this.#options.onFailed()
  }

  #jittered(delay: Millis): Millis {
    return spread(delay, JITTER, this.#options.random)
  }

  #startAfter(wait: Millis): void {
    const { clock } = this.#options
    this.#timer?.()
    this.#timerAt = clock.now() + wait
    this.#timer = clock.after(wait, () => this.#start())
  }

  #profile(): Profile {
    for (const { host } of this.#seeds.values()) if (profileOf(scopeOf(host)) === 'wan') return 'wan'
    return 'lan'
  }
}

interface RoundObserver {
  /** Whether we know nobody yet. */
  readonly isJoining: boolean
  /** Whether nobody else need be asked after this answer. */
  isEnough(reply: Reply): boolean
  onAnswer(seed: Endpoint): void
  /** @param spared those that it was not necessary to ask */
  onEnd(answered: number, spared: readonly Endpoint[]): void
}

class Round implements CallHandler {
  readonly #options: BootstrapOptions
  readonly #queue: Endpoint[]
  readonly #spared: Endpoint[] = []
  readonly #observer: RoundObserver
  readonly #target: NodeId
  /** Asked last; when it fails or is slow it is the next one's turn. */
  #latest: Call | undefined
  #open = 0
  #answered = 0
  #timer: Cancel | undefined
  #isCancelled = false

  constructor(options: BootstrapOptions, seeds: readonly Endpoint[], observer: RoundObserver) {
    this.#options = options
    this.#queue = [...seeds]
    this.#observer = observer
    this.#target = options.ownId.slice() as NodeId
    options.random.fill(this.#target.subarray(ID_LENGTH - RANDOM_TAIL))
  }

  get isJoining(): boolean {
    return this.#observer.isJoining
  }

  askNext(): void {
    this.#timer?.()
    this.#latest = undefined
    while (this.#latest === undefined && this.#queue.length > 0)
      this.#latest = this.#ask(this.#queue.shift()!)
    if (this.#latest !== undefined) this.#timer = this.#options.clock.after(NEXT_SEED, () => this.askNext())
    else if (this.#open === 0) this.#end()
  }

  #ask(to: Endpoint): Call | undefined {
    const { rpc, family } = this.#options
    const callee = {
      to,
      profile: profileOf(scopeOf(to.host)),
      contact: NONE,
      // Somebody else is asked meanwhile: only what was lost is sent again, not what takes a little longer.
      rto: Number.POSITIVE_INFINITY,
    }
    const call = rpc.call({ type: 'findPeers', target: this.#target, pad: PAD[family] }, callee, this)
    if (call !== undefined) this.#open++
    return call
  }

  cancel(): void {
    this.#isCancelled = true
    this.#timer?.()
  }

  onReply(call: Call, reply: Reply): void {
    this.#answered++
    this.#observer.onAnswer(call.callee.to)
    if (this.#observer.isEnough(reply)) this.#spared.push(...this.#queue.splice(0))
    if (!this.#isCancelled) this.#options.onAnswer(call, reply)
    this.#settle(call)
  }

  onSoftTimeout(call: Call): void {
    // One datagram may get lost; a second one says more than a long wait.
    if (call.sends === 1 && !this.#isCancelled) this.#options.rpc.resend(call)
  }

  onFail(call: Call): void {
    this.#settle(call)
  }

  #settle(call: Call): void {
    this.#open--
    if (this.#isCancelled) return
    if (call === this.#latest) this.askNext()
    else if (this.#latest === undefined && this.#open === 0) this.#end()
  }

  #end(): void {
    this.cancel()
    this.#observer.onEnd(this.#answered, this.#spared)
  }
}

function namesNodes(reply: Reply): boolean {
  return reply.type === 'peers' && (reply.nodes?.length ?? 0) + (reply.nodes6?.length ?? 0) > 0
}
