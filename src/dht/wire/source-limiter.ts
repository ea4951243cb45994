/** Token buckets by source address, so that no single sender can use up what is there for all. */
import { networkKeyOf, type Scope } from '../../protocol/endpoint.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Millis } from '../../protocol/ports.ts'

/** Private and loopback remotes get the wide limits and short timers of a LAN; all others those of a WAN. */
export type Profile = 'lan' | 'wan'

export function profileOf(scope: Scope): Profile {
  return scope === 'public' || scope === 'bogus' ? 'wan' : 'lan'
}

export interface Rate {
  readonly perSecond: number
  /** How much may come at once after a silence. */
  readonly burst: number
}

/** Addresses remembered at once, at most; those unseen for longest are forgotten first, half of them together. */
const MAX_SOURCES = 65_536

/**
 * Fields that change with every datagram are not even for a moment anything but doubles: those V8 writes where they are, and of
 * others it makes a new object each time.
 */
const UNSET = Number.NaN

export class Bucket {
  #tokens = UNSET
  #at: Millis = UNSET
  readonly #rate: Rate

  constructor(rate: Rate, now: Millis) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  /** @returns whether one more is allowed now */
  take(now: Millis): boolean {
    this.#refill(now)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Whether there is any left. */
  isOpen(now: Millis): boolean {
    this.#refill(now)
    return this.#tokens >= 1
  }

  /** Takes so much in any case; what is taken beyond the burst, at most as much again, must come back first. */
  spend(now: Millis, amount: number = 1): void {
    this.#refill(now)
    this.#tokens = Math.max(-this.#rate.burst, this.#tokens - amount)
  }

  /** How much of the burst is left: up to 1, and below 0 while something must come back. */
  share(now: Millis): number {
    this.#refill(now)
    return this.#tokens / this.#rate.burst
  }

  #refill(now: Millis): void {
    const refill = ((now - this.#at) / 1_000) * this.#rate.perSecond
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + refill)
    this.#at = now
  }
}

/** Over how long it is judged how much a source asks for. */
const LATELY: Millis = 10_000

/**
 * What one source may still do, and how modest it is. Its bucket is full again a moment after a datagram: by that, whoever
 * sends all that it may looks like one who asks now and then.
 */
class Source {
  readonly #bucket: Bucket
  /** What it would have used lately at the full rate. */
  readonly #full: number
  #used = UNSET
  #at: Millis = UNSET

  constructor(rate: Rate, now: Millis) {
    this.#bucket = new Bucket(rate, now)
    this.#full = (rate.perSecond * LATELY) / 1_000
    this.#used = 0
    this.#at = now
  }

  /** As {@link SourceLimiter.allows}. */
  takes(now: Millis, leastShare: number): boolean {
    const share = Math.min(this.#bucket.share(now), Math.max(0, 1 - this.#used / this.#full))
    this.#used = this.#used * Math.exp((this.#at - now) / LATELY) + 1
    this.#at = now
    return this.#bucket.take(now) && share >= leastShare
  }
}

export class SourceLimiter {
  readonly #rates: Readonly<Record<Profile, Rate>>
  readonly #maxSources: number
  /**
   * Whoever was seen since the last change of generations is in the first, whoever was seen in the one before in the second.
   * To keep them in the order of last use would be two changes of a map for every datagram.
   */
  #recent = new LazyMap<number | string, Source>()
  #earlier: LazyMap<number | string, Source> | undefined

  constructor(rates: Readonly<Record<Profile, Rate>>, maxSources: number = MAX_SOURCES) {
    this.#rates = rates
    this.#maxSources = maxSources
  }

  /** Places taken by those that are remembered. */
  get size(): number {
    return this.#recent.size + (this.#earlier?.size ?? 0)
  }

  /**
   * @param leastShare of its burst that `host` must have left, and of what it might have done lately: refuses whoever did
   *   much, and counts that against it too, so that insisting does not help
   * @returns whether `host` may do one more now
   */
  allows(host: string, profile: Profile, now: Millis, leastShare: number = 0): boolean {
    const key = networkKeyOf(host)
    const source = this.#recent.get(key) ?? this.#onSeen(key, profile, now)
    return source.takes(now, leastShare)
  }

  /** For the first time in this generation. */
  #onSeen(key: number | string, profile: Profile, now: Millis): Source {
    const source = this.#earlier?.get(key) ?? new Source(this.#rates[profile], now)
    if (this.#recent.size >= this.#maxSources / 2) {
      this.#earlier = this.#recent
      this.#recent = new LazyMap()
    }
    this.#recent.set(key, source)
    return source
  }
}
