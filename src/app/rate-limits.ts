/**
 * What a process may send and receive, over all its sessions (`-max-up`, `-max-down`, `-limit-lan`). Of what is sent, blocks
 * with their headers count: everything else is less than a hundredth. Of what is received, every byte counts, since others
 * choose what they send.
 */
import { TokenBucket } from '../peer/token-bucket.ts'
import { scopeOf, type Scope } from '../protocol/endpoint.ts'
import type { Bandwidth, Clock } from '../protocol/ports.ts'

export interface RateLimitOptions {
  /** Bytes per second; unlimited when missing. */
  readonly maxUp?: number | undefined
  readonly maxDown?: number | undefined
  /** Whether peers on this machine and on private networks are limited too; they are when missing. */
  readonly isLanLimited?: boolean | undefined
}

/** What `-limit-lan=false` exempts. All other traffic uses the Internet connection. */
const LOCAL: ReadonlySet<Scope> = new Set(['loopback', 'link-local', 'private'])

/** A budget that knows its rate. */
export interface UploadBudget extends Bandwidth {
  /** Bytes a second; `Infinity` is no limit. */
  readonly rate: number
}

const UNLIMITED: UploadBudget = { rate: Infinity, ask: (bytes) => bytes }

export class RateLimits {
  readonly #up: UploadBudget
  readonly #down: Bandwidth
  readonly #isLanLimited: boolean

  constructor(clock: Clock, { maxUp, maxDown, isLanLimited = true }: RateLimitOptions) {
    this.#up = maxUp === undefined ? UNLIMITED : new TokenBucket(clock, maxUp)
    this.#down = maxDown === undefined ? UNLIMITED : new TokenBucket(clock, maxDown)
    this.#isLanLimited = isLanLimited
  }

  /** The budget for sending to an address. */
  up(host: string): UploadBudget {
    return this.#isLimited(host) ? this.#up : UNLIMITED
  }

  /** The budget for receiving from an address. */
  down(host: string): Bandwidth {
    return this.#isLimited(host) ? this.#down : UNLIMITED
  }

  /** The budget for receiving from a host whose address is not known yet. */
  get all(): Bandwidth {
    return this.#down
  }

  #isLimited(host: string): boolean {
    return this.#isLanLimited || !LOCAL.has(scopeOf(host))
  }
}
