/**
 * Whether we answer others. A node on an arbitrary port, behind whatever router there is, may be reached by nobody that it
 * did not ask first, and would fill others' tables for nothing. So towards the Internet it is read-only (BEP 43) until it
 * has run for a while and passed a trial: it takes part for some minutes, and strangers reach it or do not. Towards this
 * machine and private networks it takes part from the start.
 */
import { familyOf, packHost, scopeOf, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import { toHex } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import { LazySet } from '../../protocol/lazy-set.ts'
import type { Cancel, Clock, Emit, Millis } from '../../protocol/ports.ts'
import type { DhtEvent } from '../events.ts'
import { profileOf, type Profile } from '../wire/source-limiter.ts'

/** How long it must be ready, and at one address, before the first trial. */
const STABLE_FOR: Millis = 20 * 60_000
/** Length of a trial: others have to ping us, add us to their tables, and name us to strangers. */
const TRIAL: Millis = 20 * 60_000
/** Strangers from this many different networks prove that we can be reached. */
const PROOFS = 3
/** The pause after a failed trial, doubled each time … */
const FIRST_PAUSE: Millis = 60 * 60_000
/** … up to this. */
const LONGEST_PAUSE: Millis = 8 * 60 * 60_000

/** A full node hears from strangers all the time. After this many periods without any, it is read-only again. */
const PERIOD: Millis = 20 * 60_000
const MAX_SILENT_PERIODS = 3

/** In a network with a key, somebody has to begin: a node without an answer for so long takes part. */
const STAND_IN_AFTER: Millis = 60_000

/**
 * A node that heard from us within this time may come through the hole that this left in a router (RFC 4787 requires two
 * minutes and recommends five), so it is no stranger. Not longer, because in a small network everybody soon hears from us.
 */
const HOLE_LASTS: Millis = 5 * 60_000
/** Hosts remembered for that; while there are more, nobody counts as a stranger. */
const MAX_HOSTS = 8_192

export interface RoleOptions {
  readonly family: Family
  readonly clock: Clock
  readonly emit: Emit<DhtEvent>
  /** Takes no part, whatever happens. */
  readonly isReadOnly?: boolean | undefined
  /** Takes part in the Internet only when it was proven that it can be reached; otherwise from the start. */
  readonly isEphemeral?: boolean | undefined
  /** Nobody else may be there to begin with. */
  readonly isKeyed?: boolean | undefined
  /** Whether we have found our place. */
  readonly isReady: () => boolean
}

/** Whether we answer, and what may change that. */
export interface Role {
  /** For good: nothing that happens changes it. */
  readonly isSettled: boolean
  /** Whether we take no part where such a remote is. */
  isReadOnlyTo(profile: Profile): boolean
  /** Somebody asks us something. @returns whether it gets an answer */
  admits(from: Endpoint): boolean
  /** We send something. */
  onSent(to: Endpoint): void
  /** Somebody answered us, so somebody takes part. */
  onAnswer(): void
  /**
   * Each of those whom we ask sees us at another port: a router keeps a hole for each of them, and no stranger comes
   * through. There is nothing to try until they agree on one.
   */
  onPortsDiffer(differ: boolean): void
  /** Others see us elsewhere now: what was proven holds no more. */
  onMoved(): void
  close(): void
}

/** @param options of whom is ephemeral, and not read-only whatever happens, strangers decide */
export function roleOf(options: RoleOptions): Role {
  if (options.isReadOnly) return READ_ONLY
  return options.isEphemeral ? new TriedRole(options) : FULL
}

class SettledRole implements Role {
  readonly isSettled = true
  readonly #isReadOnly: boolean

  constructor(isReadOnly: boolean) {
    this.#isReadOnly = isReadOnly
  }

  isReadOnlyTo(): boolean {
    return this.#isReadOnly
  }

  admits(): boolean {
    return !this.#isReadOnly
  }

  onSent(): void {}

  onAnswer(): void {}

  onPortsDiffer(): void {}

  onMoved(): void {}

  close(): void {}
}

/** Nearly all nodes of a simulation have one of these. */
const READ_ONLY = new SettledRole(true)
const FULL = new SettledRole(false)

class TriedRole implements Role {
  readonly isSettled = false
  readonly #options: RoleOptions
  #state: 'read-only' | 'trial' | 'full' = 'read-only'
  #timer: Cancel | undefined
  #standIn: Cancel | undefined
  #pause: Millis = FIRST_PAUSE
  #silentPeriods = 0
  #hasBeenAnswered = false
  #isBeginner = false
  #portsDiffer = false
  /** Networks of strangers that asked us something, in this trial or period. */
  readonly #strangers = new LazySet<string>()
  /** When each public host heard from us last, longest ago first. */
  readonly #told = new LazyMap<string, Millis>()

  constructor(options: RoleOptions) {
    const { isKeyed = false, clock } = options
    this.#options = options
    this.#timer = clock.after(STABLE_FOR, () => this.#tryOut())
    if (isKeyed) this.#standIn = clock.after(STAND_IN_AFTER, () => this.#begin())
  }

  isReadOnlyTo(profile: Profile): boolean {
    return this.#state === 'read-only' && profile === 'wan'
  }

  admits(from: Endpoint): boolean {
    const profile = profileOf(scopeOf(from.host))
    if (profile === 'wan') this.#onAsked(from.host)
    return !this.isReadOnlyTo(profile)
  }

  onSent({ host }: Endpoint): void {
    if (profileOf(scopeOf(host)) !== 'wan') return
    const now = this.#options.clock.now()
    this.#told.delete(host)
    this.#told.set(host, now)
    for (const [oldest, at] of this.#told) {
      if (at > now - HOLE_LASTS) break
      this.#told.delete(oldest)
    }
    // Too many to remember: until they have been forgotten in order, nobody is taken for a stranger.
    if (this.#told.size > MAX_HOSTS) this.#told.delete(this.#told.keys().next().value!)
  }

  onAnswer(): void {
    this.#hasBeenAnswered = true
  }

  onPortsDiffer(differ: boolean): void {
    if (this.#portsDiffer === differ) return
    this.#portsDiffer = differ
    if (differ) this.#withdraw('each node sees us at another port')
  }

  onMoved(): void {
    this.#withdraw('our address has changed')
  }

  #withdraw(reason: string): void {
    if (this.#isBeginner) return
    this.#pause = FIRST_PAUSE
    this.#become('read-only', reason)
    this.#next(STABLE_FOR, () => this.#tryOut())
  }

  close(): void {
    this.#timer?.()
    this.#standIn?.()
  }

  /** Nobody takes part yet: we do, for good. */
  #begin(): void {
    if (this.#hasBeenAnswered) return
    this.#isBeginner = true
    this.#timer?.()
    this.#become('full', 'nobody else is there')
  }

  #onAsked(host: string): void {
    if (this.#told.has(host) || this.#told.size >= MAX_HOSTS || this.#strangers.size >= PROOFS) return
    this.#strangers.add(networkOf(host))
  }

  #tryOut(): void {
    if (!this.#options.isReady() || this.#portsDiffer) return this.#next(STABLE_FOR, () => this.#tryOut())
    if (this.#state === 'full') return this.#watch()
    this.#strangers.clear()
    this.#state = 'trial'
    this.#next(TRIAL, () => {
      if (this.#strangers.size >= PROOFS) {
        this.#become('full', 'strangers reach us')
        this.#watch()
      } else {
        this.#state = 'read-only'
        this.#next(this.#pause, () => this.#tryOut())
        this.#pause = Math.min(LONGEST_PAUSE, 2 * this.#pause)
      }
    })
  }

  #watch(): void {
    this.#strangers.clear()
    this.#next(PERIOD, () => {
      this.#silentPeriods = this.#strangers.size === 0 ? this.#silentPeriods + 1 : 0
      if (this.#silentPeriods < MAX_SILENT_PERIODS) return this.#watch()
      this.#silentPeriods = 0
      this.#become('read-only', 'no stranger has reached us for an hour')
      this.#next(this.#pause, () => this.#tryOut())
    })
  }

  #become(state: 'read-only' | 'full', reason: string): void {
    const hasChanged = (this.#state === 'full') !== (state === 'full')
    this.#state = state
    const { emit, family } = this.#options
    if (hasChanged) emit({ event: 'dht_role', family, role: state, reason })
  }

  #next(delay: Millis, fn: () => void): void {
    this.#timer?.()
    this.#timer = this.#options.clock.after(delay, fn)
  }
}

/** What counts as one network of strangers: a /16, or a /32 of IPv6. */
function networkOf(host: string): string {
  return toHex(packHost(host).subarray(0, familyOf(host) === 4 ? 2 : 4))
}
