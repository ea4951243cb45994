/**
 * Keeps one announce list informed: `started` until a tracker took it, then again at each interval, `completed` when the
 * download is, `stopped` at the end. One tracker at a time, another one when that fails (BEP 12).
 */
import { mayTell, scopeOf, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import type { ProtocolError, TransportError } from '../../protocol/errors.ts'
import type { InfoHash, PeerId } from '../../protocol/ids.ts'
import type { Cancel, Clock, Emit, Millis, Random } from '../../protocol/ports.ts'
import { MIN_ANNOUNCE_INTERVAL, type Announce, type AnnounceKind } from '../../protocol/tracker/announce.ts'
import type { PeerEvent } from '../events.ts'
import { Tiers } from './tiers.ts'
import type { FamilyAnswer, Tracker } from './tracker.ts'

/** Peers asked for at a time, while there is use for them. */
export const NUM_WANT = 100
/** After a failure a tracker is asked again after so many seconds, doubled with each further one (BEP 15: 15 × 2^n) … */
const MIN_RETRY = 15
/** … up to this. */
export const MAX_RETRY = 1_800
/** Waits are longer by up to this share, by chance: a fleet that started together spreads out. */
const JITTER = 0.1
/** How long the `stopped` announces may take. */
export const STOP_TIMEOUT: Millis = 3_000

/** What there is to announce, asked anew each time. */
export interface Announceable {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  readonly key: number
  readonly port: number
  /** Those in which we can be reached. */
  readonly families: readonly Family[]
  transferred(): Pick<Announce, 'uploaded' | 'downloaded' | 'left'>
  needsPeers(): boolean
}

export interface AnnouncerOptions {
  readonly tiers: readonly (readonly Tracker[])[]
  readonly subject: Announceable
  readonly clock: Clock
  readonly random: Random
  readonly emit: Emit<PeerEvent>
  readonly onPeers: (peers: readonly Endpoint[]) => void
}

type AnnounceResult = readonly FamilyAnswer[] | ProtocolError | TransportError

interface Standing {
  /** It took `started`. */
  isTold: boolean
  wasScraped: boolean
  failures: number
  /** Not asked before, unless the user wants it. */
  retryAt: Millis
}

export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #tiers: Tiers<Tracker>
  readonly #standings: ReadonlyMap<Tracker, Standing>
  /** No announce before this, whoever wants it. */
  #notBefore: Millis = -Infinity
  #isCompletedDue = false
  /** Who is being asked, and what it is told. */
  #asked: Tracker | undefined
  #kindAsked: AnnounceKind | undefined
  #cancelAsking: Cancel = () => {}
  /** Gets the answer that is still waited for after {@link stop}. */
  #onLastAnswer: ((result: AnnounceResult) => void) | undefined
  #cancelNext: Cancel = () => {}
  readonly #cancelScrapes = new Set<Cancel>()

  constructor(options: AnnouncerOptions) {
    this.#options = options
    this.#tiers = new Tiers(options.tiers, options.random)
    this.#standings = new Map(
      this.#tiers.inOrder.map((tracker) => [
        tracker,
        { isTold: false, wasScraped: false, failures: 0, retryAt: -Infinity },
      ]),
    )
  }

  start(): void {
    this.#round()
  }

  /** The user wants it now; a tracker's minimum interval is kept all the same. */
  refresh(): void {
    for (const standing of this.#standings.values()) {
      standing.retryAt = -Infinity
      standing.wasScraped = false
    }
    if (this.#asked === undefined) this.#roundAt(this.#notBefore)
  }

  /** The download is complete: that is told at once, whatever the interval. */
  onComplete(): void {
    this.#isCompletedDue = true
    if (this.#asked === undefined) this.#round()
  }

  /** Says goodbye to those who were told of us. */
  stop(onStopped: () => void): void {
    const { clock } = this.#options
    this.#cancelNext()
    // Said again, it would be counted twice.
    const last = this.#kindAsked === 'completed' ? this.#asked : undefined
    if (last === undefined) this.#cancelAsking()
    for (const cancel of this.#cancelScrapes) cancel()
    const told = [...this.#standings].filter(([tracker, { isTold }]) => isTold || tracker === this.#asked)
    let left = told.length
    if (left === 0) return onStopped()
    const finish = (): void => {
      cancelTimeout()
      for (const cancel of cancels.values()) cancel()
      onStopped()
    }
    const cancelTimeout = clock.after(STOP_TIMEOUT, finish)
    const cancels = new Map<Tracker, Cancel>()
    const onSaid = (tracker: Tracker, kind: AnnounceKind, result: AnnounceResult): void => {
      this.#report(tracker, kind, result)
      if (kind === 'completed') say(tracker, 'stopped')
      else if (--left === 0) finish()
    }
    const say = (tracker: Tracker, kind: AnnounceKind): void => {
      const cancel = this.#ask(tracker, kind, (result) => onSaid(tracker, kind, result))
      cancels.set(tracker, cancel)
    }
    // Whoever leaves as soon as it has everything is still to be counted among those who got everything.
    for (const [tracker, { isTold }] of told)
      if (tracker === last) {
        cancels.set(tracker, this.#cancelAsking)
        this.#onLastAnswer = (result) => onSaid(tracker, 'completed', result)
      } else say(tracker, isTold && this.#isCompletedDue ? 'completed' : 'stopped')
  }

  /** Asks the first tracker that may be asked, then the others until one answers. */
  #round(): void {
    this.#cancelNext()
    const now = this.#options.clock.now()
    this.#try(this.#tiers.inOrder.filter((tracker) => this.#standings.get(tracker)!.retryAt <= now))
  }

  #try([tracker, ...others]: readonly Tracker[]): void {
    if (tracker === undefined) {
      this.#asked = undefined
      const retries = Array.from(this.#standings.values(), ({ retryAt }) => retryAt)
      return this.#roundAt(Math.min(...retries))
    }
    const standing = this.#standings.get(tracker)!
    const isCompletedSaid = this.#isCompletedDue
    const kind = !standing.isTold ? 'started' : isCompletedSaid ? 'completed' : 'periodic'
    this.#asked = tracker
    this.#kindAsked = kind
    this.#cancelAsking = this.#ask(tracker, kind, (result) => {
      if (this.#onLastAnswer) return this.#onLastAnswer(result)
      this.#asked = undefined
      if (result instanceof Error) {
        const wait = this.#lengthened(Math.min(MAX_RETRY, MIN_RETRY * 2 ** standing.failures++))
        standing.retryAt = this.#options.clock.now() + wait * 1_000
        this.#report(tracker, kind, result, wait)
        this.#try(others)
      } else {
        // Who hears `started` from us with nothing left has not seen a download become complete: nothing more is due.
        if (isCompletedSaid) this.#isCompletedDue = false
        this.#onAnswers(tracker, kind, result)
      }
    })
  }

  #onAnswers(tracker: Tracker, kind: AnnounceKind, answers: readonly FamilyAnswer[]): void {
    const { clock, onPeers } = this.#options
    const standing = this.#standings.get(tracker)!
    standing.isTold = true
    standing.failures = 0
    this.#tiers.onAnswer(tracker)
    const now = clock.now()
    const interval = Math.max(...answers.map(({ answer }) => answer.interval))
    const minInterval = Math.max(...answers.map(({ answer }) => answer.minInterval ?? MIN_ANNOUNCE_INTERVAL))
    this.#notBefore = now + minInterval * 1_000
    const wait = this.#lengthened(Math.max(interval, minInterval))
    this.#roundAt(now + wait * 1_000)
    this.#report(tracker, kind, answers, wait)
    if (!standing.wasScraped && answers.some(({ answer }) => answer.seeds === undefined))
      this.#scrape(tracker)
    standing.wasScraped = true
    for (const { address, answer } of answers)
      onPeers(answer.peers.filter(({ host }) => mayTell(scopeOf(address), scopeOf(host))))
    // The download became complete while this announce was under way.
    if (this.#isCompletedDue) this.#round()
  }

  #ask(tracker: Tracker, kind: AnnounceKind, onDone: (result: AnnounceResult) => void): Cancel {
    const { infoHash, peerId, key, port, families, transferred, needsPeers } = this.#options.subject
    const numWant = kind !== 'stopped' && needsPeers() ? NUM_WANT : 0
    return tracker.announce(
      { infoHash, peerId, kind, port, key, numWant, ...transferred() },
      families,
      onDone,
    )
  }

  #scrape(tracker: Tracker): void {
    const { emit, subject } = this.#options
    const cancel = tracker.scrape(subject.infoHash, (result) => {
      this.#cancelScrapes.delete(cancel)
      if (result instanceof Error)
        emit({
          event: 'tracker_error',
          tracker: tracker.shown,
          kind: 'scrape',
          code: result.code,
          reason: result.message,
        })
      else if (result) emit({ event: 'tracker_scrape', tracker: tracker.shown, ...result })
    })
    this.#cancelScrapes.add(cancel)
  }

  #roundAt(time: Millis): void {
    const { clock } = this.#options
    this.#cancelNext()
    this.#cancelNext = clock.after(Math.max(0, time - clock.now()), () => this.#round())
  }

  #lengthened(seconds: number): number {
    return seconds * (1 + JITTER * this.#options.random.float())
  }

  // oxlint-disable-next-line max-params
  #report(tracker: Tracker, kind: AnnounceKind, result: AnnounceResult, waitSeconds?: number): void {
    const { emit } = this.#options
    const wait = waitSeconds === undefined ? undefined : Math.round(waitSeconds)
    if (result instanceof Error)
      return emit({
        event: 'tracker_error',
        tracker: tracker.shown,
        kind,
        code: result.code,
        reason: result.message,
        ...(wait !== undefined && { retrySeconds: wait }),
      })
    for (const { family, answer, ms } of result)
      emit({
        event: 'tracker_announce',
        tracker: tracker.shown,
        kind,
        family,
        peers: answer.peers.length,
        ...(answer.seeds !== undefined && { seeds: answer.seeds }),
        ...(answer.leechers !== undefined && { leechers: answer.leechers }),
        ...(wait !== undefined && { nextSeconds: wait }),
        ...(answer.warning !== undefined && { warning: answer.warning }),
        ms,
      })
  }
}
