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
  /** How many may come at once after a silence. */
  readonly burst: number
}

/** Addresses remembered at once; those unseen for longest are forgotten first, half of them together. */
const MAX_SOURCES = 65_536

/**
 * Fields that change with every datagram are always doubles, from the start: V8 updates those in place, and otherwise allocates a
 * new object each time.
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

  /** Takes this much in any case; the excess over the burst, at most as much again, must be restored first. */
  spend(now: Millis, amount: number = 1): void {
    this.#refill(now)
    this.#tokens = Math.max(-this.#rate.burst, this.#tokens - amount)
  }

  /** How much of the burst is left: up to 1, and below 0 while an excess must be restored. */
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

/** The time over which a source's use is judged. */
const LATELY: Millis = 10_000

/**
 * What one source may still do, and how modest it is. The bucket alone does not tell: it is full again a moment after a datagram,
 * so that a source that uses its full rate looks like one that asks now and then.
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
   * The first holds sources seen in this generation, the second those last seen in the one before. Keeping them in the order of
   * last use would change a map twice for every datagram.
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
   * @param leastShare of its burst that `host` must have left, and of what it might have done lately: refuses
   *   a source that did much, and counts the attempt, too, so that insisting does not help
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
