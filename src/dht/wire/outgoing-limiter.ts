/**
 * Limits what we ask of others, and of the router in front of us. Upkeep waits while the budget is spent; lookups do not,
 * because somebody waits for them, but what they use is then missing for upkeep.
 */
import { formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Millis } from '../../protocol/ports.ts'
import { Bucket, type Profile, type Rate } from './source-limiter.ts'

/** Requests of upkeep, for which nobody waits. */
const UPKEEP_RATES: Readonly<Record<Profile, Rate>> = {
  lan: { perSecond: 2_000, burst: 2_000 },
  wan: { perSecond: 100, burst: 100 },
}
/**
 * Remote endpoints contacted for the first time in a while from behind a NAT: each costs the NAT an entry in a table that is
 * often small, and home routers fail when it overflows.
 */
const NEW_FLOWS: Rate = { perSecond: 30, burst: 60 }
/** A NAT forgets a silent flow after about this long. */
const FLOW_LIFETIME: Millis = 30_000
/** Flows that are remembered; beyond this, the one unused for longest counts as new when it is used again. */
const MAX_FLOWS = 2_048

export interface Departure {
  readonly profile: Profile
  /** Nobody waits for it. */
  readonly isUpkeep: boolean
  readonly now: Millis
}

export class OutgoingLimiter {
  /** Whether a NAT between us and public addresses keeps a table of our flows. */
  isBehindNat = false
  /** Full until first used. */
  readonly #upkeep: Record<Profile, Bucket | undefined> = { lan: undefined, wan: undefined }
  #newFlows: Bucket | undefined
  /** When each endpoint was asked last, in the order of asking. */
  readonly #flows = new LazyMap<string, Millis>()

  /** @returns whether to send now; a refusal costs nothing */
  allows(to: Endpoint, { profile, isUpkeep, now }: Departure): boolean {
    const bucket = (this.#upkeep[profile] ??= new Bucket(UPKEEP_RATES[profile], now))
    if (isUpkeep && !bucket.isOpen(now)) return false
    if (this.isBehindNat && profile === 'wan' && !this.#allowsFlow(to, now)) return false
    bucket.spend(now)
    return true
  }

  #allowsFlow(to: Endpoint, now: Millis): boolean {
    const key = formatEndpoint(to)
    const usedAt = this.#flows.get(key) ?? Number.NEGATIVE_INFINITY
    this.#newFlows ??= new Bucket(NEW_FLOWS, now)
    if (usedAt <= now - FLOW_LIFETIME && !this.#newFlows.take(now)) return false
    if (!this.#flows.delete(key) && this.#flows.size >= MAX_FLOWS)
      this.#flows.delete(this.#flows.keys().next().value!)
    this.#flows.set(key, now)
    return true
  }
}
