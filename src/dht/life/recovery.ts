/**
 * Recovers a node from an outage of the network, sleep of the machine, or a split of the network. It remembers contacts that
 * fell silent, notices when they are back, and then has our place looked for again.
 */
import { spread } from '../../protocol/chance.ts'
import type { Family } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import type { Clock, Emit, Millis, Random } from '../../protocol/ports.ts'
import { NONE, type Contact, type ContactBook } from '../table/contact.ts'
import type { DhtEvent } from '../events.ts'
import { Graveyard } from './graveyard.ts'
import { Health } from './health.ts'
import { K } from '../table/bucket-memory.ts'
import type { NeighbourhoodObserver } from './neighbourhood.ts'
import type { Pinger } from './ping.ts'
import { RollCall } from './roll-call.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import { SleepWatch } from './sleep-watch.ts'

/** Between two looks at the clock, and at the graves; sooner while a part of the network seems to be cut off. */
const PULSE: Millis = 60_000
const GRAVES_PULSE: Millis = 5 * 60_000
const ALARMED_PULSE: Millis = 5_000
const JITTER = 0.2

/** Contacts that are asked before we conclude that the network is gone. */
const PROBES = K

/** When this many of a hundred contacts asked lately are silent, it is more than usual churn. */
const ALARM_PERCENT = 33
const LATELY: Millis = 15 * 60_000
/** How long the others are looked for then. */
const ALARM_LASTS: Millis = 2 * 60 * 60_000

/** When this many contacts that were given up return within a short time, a part of the network is back. */
const RETURNS = 3
const SHORT: Millis = 5 * 60_000

/** Between two walks through a bootstrap node: each costs some twenty requests. */
const PROBE_SPACING: Millis = 55 * 60_000

/** What nearly all begin with. */
const NO_TIMES: readonly Millis[] = []

export type Ordeal = 'outage' | 'sleep' | 'split'

export interface RecoveryOptions extends Pinger {
  readonly family: Family
  readonly ownId: NodeId
  readonly book: ContactBook
  readonly table: RoutingTable
  /** Takes back what it was asked for when the node is closed. */
  readonly clock: Clock
  readonly random: Random
  readonly emit: Emit<DhtEvent>
  /** A walk to our own place that begins with these; `onDone` hears of the {@link K} nearest to it. */
  walkHome(from: readonly Contact[], onDone: (nearest: readonly Contact[]) => void): void
  /** It is over: earlier tokens and announces may be worthless. */
  onRecovered(after: Ordeal): void
  /** A contact entered the table. */
  onContactAdded(): void
  /** Hardly anybody is left in the table. */
  onThin(): void
}

export class Recovery implements NeighbourhoodObserver {
  readonly #options: RecoveryOptions
  readonly #health = new Health()
  readonly #sleep: SleepWatch
  readonly #graves: Graveyard
  #pulseWithin: Millis = 0
  #rollCall: RollCall | undefined
  #alarmedUntil: Millis = Number.NEGATIVE_INFINITY
  #visitedAt: Millis = Number.NEGATIVE_INFINITY
  #returns: readonly Millis[] = NO_TIMES
  #probedAt: Millis = Number.NEGATIVE_INFINITY
  #reunitedAt: Millis = Number.NEGATIVE_INFINITY

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#sleep = new SleepWatch(options.clock)
    this.#graves = new Graveyard(options.book)
    this.#lookAfter(PULSE)
  }

  /** Whether a silent contact is to blame for its silence. */
  get isOnline(): boolean {
    return this.#health.isOnline(this.#options.clock.now())
  }

  /** Whether nobody answers us: as far as we can tell, our own network is gone. */
  get isOffline(): boolean {
    return this.#health.isOffline
  }

  /** Contacts that were good once and are silent now, the last to be given up first. */
  get lost(): readonly Contact[] {
    return this.#graves.contacts
  }

  /** Somebody answered us. */
  onAnswer(): void {
    const offlineFor = this.#health.onAnswer(this.#options.clock.now())
    if (offlineFor !== undefined) this.#verifyAll('outage', offlineFor)
  }

  /** A question stayed without an answer. */
  onSilence(): void {
    if (this.#health.onSilence(this.#options.clock.now())) this.#askHeardLast()
  }

  onAdded(contact: Contact): void {
    this.#options.onContactAdded()
    if (!this.#graves.raise(contact)) return
    const now = this.#options.clock.now()
    this.#returns = [...this.#returns.filter((at) => at > now - SHORT), now]
    if (this.#isAlarmed || this.#returns.length >= RETURNS) this.#reunite()
  }

  onRemoved(contact: Contact, reason: string): void {
    const { table, clock } = this.#options
    if (reason === 'silent') this.#graves.bury(contact, clock.now())
    if (table.size < K) this.#options.onThin()
  }

  /** A bootstrap node named these: if it lives in another part of the network, the walk through it joins the two. */
  onSeedNamed(told: readonly Contact[]): void {
    const { table, clock } = this.#options
    const now = clock.now()
    const isNews = told.some((contact) => !table.has(contact))
    if (!isNews || now - this.#probedAt < PROBE_SPACING) return
    this.#probedAt = now
    const before = table.contacts()
    this.#options.walkHome(told, (neighbours) => {
      const strangers = neighbours.filter((contact) => !before.includes(contact)).length
      if (strangers > neighbours.length / 2 && before.length >= K) this.#reunite()
    })
  }

  close(): void {
    this.#rollCall?.cancel()
    this.#graves.clear()
  }

  /** We are cut off only if those are silent, too. */
  #askHeardLast(): void {
    const { table } = this.#options
    let open = 1
    const onDone = (): void => {
      if (--open === 0) this.#onHeardLastAsked()
    }
    for (const contact of table.heardLast(PROBES)) if (this.#options.ping(contact, onDone)) open++
    onDone()
  }

  #onHeardLastAsked(): void {
    const { emit, family, table } = this.#options
    if (this.#health.onAsked()) emit({ event: 'dht_offline', family, contacts: table.size })
  }

  get #isAlarmed(): boolean {
    return this.#options.clock.now() < this.#alarmedUntil
  }

  #lookAfter(delay: Millis): void {
    this.#pulseWithin = delay
    this.#options.clock.after(delay, () => this.#look())
  }

  #look(): void {
    const { clock, random } = this.#options
    const slept = this.#sleep.sleptFor(this.#pulseWithin)
    if (slept > 0) this.#verifyAll('sleep', slept)
    const now = clock.now()
    if (this.#mustAlarm(now)) this.#alarmedUntil = now + ALARM_LASTS
    if (this.#isAlarmed || now - this.#visitedAt >= GRAVES_PULSE) this.#visitGraves(now)
    this.#lookAfter(spread(this.#isAlarmed ? ALARMED_PULSE : PULSE, JITTER, random))
  }

  #visitGraves(now: Millis): void {
    const lost = this.#health.isOnline(now) ? this.#graves.takeDue(now) : NONE
    if (lost === NONE) return
    this.#visitedAt = now
    this.#options.ping(lost, () => undefined)
  }

  #mustAlarm(now: Millis): boolean {
    const { table } = this.#options
    const silent = this.#graves.buriedSince(now - LATELY)
    if (silent < K) return false
    const answering = table.answeredSince(now - LATELY)
    return silent > (ALARM_PERCENT / 100) * (silent + answering)
  }

  /** Asks everybody in the table whether it is still there. */
  #verifyAll(after: Ordeal, ms: Millis): void {
    this.#call(this.#options.table.contacts(), after, ms)
  }

  /** Others are back: asks all missing contacts whether they are, too. A contact that comes and goes cannot keep us busy by it. */
  #reunite(): void {
    const now = this.#options.clock.now()
    this.#returns = NO_TIMES
    if (this.#rollCall !== undefined || now - this.#reunitedAt < SHORT) return
    this.#reunitedAt = now
    this.#call(this.#graves.contacts, 'split', 0)
  }

  #call(contacts: readonly Contact[], after: Ordeal, ms: Millis): void {
    const { book, clock, ownId, family, emit } = this.#options
    this.#rollCall?.cancel()
    const rollCall = new RollCall(contacts, {
      book,
      clock,
      target: ownId,
      ping: (contact, onDone) => this.#options.ping(contact, onDone),
      onEnough: (answered, asked) => {
        emit({ event: 'dht_recovered', family, after, seconds: Math.round(ms / 1_000), asked, answered })
        this.#options.onRecovered(after)
      },
      onEnd: () => {
        if (this.#rollCall === rollCall) this.#rollCall = undefined
      },
    })
    this.#rollCall = rollCall
  }
}
