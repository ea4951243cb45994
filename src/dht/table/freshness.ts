/** How recently contacts were heard of: an answer shows life, and so, for a while, does a request. */
import type { Millis } from '../../protocol/ports.ts'
import { NO_ROW, type ContactColumns } from './contact-columns.ts'
import type { Contact } from './contact.ts'
import type { Bucket, BucketMemory } from './bucket-memory.ts'

/** A contact that was heard of within this time is good (BEP 5), and may be named to others. */
export const GOOD_FOR: Millis = 15 * 60_000
/**
 * Only contacts heard of within this shorter time are named to others, so that few of them are dead. It is longer than the time
 * after which neighbours are refreshed, so that all of them are named while they live. In a little-used network most buckets
 * have none: there, the one heard of last is named while it is good, and it is kept so.
 */
const FRESH_FOR: Millis = 5 * 60_000
/** A contact's requests show that it lives only for this long after its last answer, since a source can be forged. */
const PROVEN_FOR: Millis = 60 * 60_000

/** A contact that asked us, and that we have not asked since, has this long to ask again before we do. */
const ITS_TURN: Millis = 5_000

/** The contact to ping next, and when. */
export interface Refresh {
  readonly contact: Contact
  readonly at: Millis
}

export class Freshness {
  readonly #memory: BucketMemory
  readonly #columns: ContactColumns

  constructor(memory: BucketMemory) {
    this.#memory = memory
    this.#columns = memory.columns
  }

  heardAt(row: number): Millis {
    return Math.min(this.#columns.heardAt(row), this.#columns.repliedAt(row) + PROVEN_FOR)
  }

  isGood(row: number, now: Millis): boolean {
    return this.isGoodSince(row, now - GOOD_FOR)
  }

  isGoodSince(row: number, since: Millis): boolean {
    return !this.#columns.hasFailed(row) && this.heardAt(row) >= since
  }

  /** Contacts last heard of before this are not named to others. */
  namedSince(bucket: Bucket, now: Millis): Millis {
    const fresh = now - FRESH_FOR
    let last = now - GOOD_FOR
    const first = this.#memory.first(bucket)
    for (let row = this.#memory.end(bucket) - 1; row >= first && last < fresh; row--)
      if (this.isGoodSince(row, last)) last = this.heardAt(row)
    return Math.min(fresh, last)
  }

  /**
   * Since when a contact has been silent, in deciding who asks next: of two that know each other, the one that asked last time
   * asks again, which also tells the other that it lives.
   */
  silentSince(row: number): Millis {
    const heardAt = this.heardAt(row)
    return heardAt > this.#columns.repliedAt(row) ? heardAt + ITS_TURN : heardAt
  }

  /** The row of `bucket` that is to be asked first, by {@link silentSince}. */
  mostSilent(bucket: Bucket): number {
    const first = this.#memory.first(bucket)
    let silent: number = NO_ROW
    let longestAgo = Number.POSITIVE_INFINITY
    for (let row = this.#memory.end(bucket) - 1; row >= first; row--) {
      const at = this.silentSince(row)
      if (at >= longestAgo) continue
      silent = row
      longestAgo = at
    }
    return silent
  }

  /** The row of `bucket` that was silent for longest, of those that are not good. */
  doubted(bucket: Bucket, now: Millis): number {
    return this.stalest(bucket, (row) => !this.isGood(row, now))
  }

  /** The row of `bucket` that was silent for longest, of those that `accepts` takes. */
  stalest(bucket: Bucket, accepts?: (row: number) => boolean): number {
    const first = this.#memory.first(bucket)
    let stalest: number = NO_ROW
    let longestAgo = Number.POSITIVE_INFINITY
    for (let row = this.#memory.end(bucket) - 1; row >= first; row--) {
      const at = this.heardAt(row)
      if (at >= longestAgo || accepts?.(row) === false) continue
      stalest = row
      longestAgo = at
    }
    return stalest
  }

  /** The row of `bucket` that was silent for longest; {@link NO_ROW} also when all were heard of since then. */
  stalestBefore(bucket: Bucket, since: Millis): number {
    if (this.#memory.oldest(bucket) >= since) return NO_ROW
    const row = this.stalest(bucket)
    if (row === NO_ROW) return NO_ROW
    const at = this.heardAt(row)
    this.#memory.setOldest(bucket, at)
    return at < since ? row : NO_ROW
  }

  /** The row of `bucket` that was heard of last; {@link NO_ROW} also when that was after `until`. */
  freshest(bucket: Bucket, until: Millis): number {
    if (this.#memory.newest(bucket) > until) return NO_ROW
    const first = this.#memory.first(bucket)
    let freshest: number = NO_ROW
    let last = Number.NEGATIVE_INFINITY
    for (let row = this.#memory.end(bucket) - 1; row >= first; row--) {
      const at = this.heardAt(row)
      if (at > until) {
        this.#memory.setNewest(bucket, at)
        return NO_ROW
      }
      if (at <= last) continue
      freshest = row
      last = at
    }
    return freshest
  }

  /** Of all these buckets, those heard of last. */
  heardLast(buckets: readonly Bucket[], count: number): Contact[] {
    return buckets
      .flatMap((bucket) => this.#memory.rows(bucket))
      .sort((a, b) => this.heardAt(b) - this.heardAt(a))
      .slice(0, count)
      .map((row) => this.#columns.contact(row))
  }

  /** How many of all these buckets answered us after `since`. */
  answeredSince(buckets: readonly Bucket[], since: Millis): number {
    let answered = 0
    for (const bucket of buckets) {
      const end = this.#memory.end(bucket)
      for (let row = this.#memory.first(bucket); row < end; row++)
        if (this.#columns.repliedAt(row) >= since) answered++
    }
    return answered
  }
}
