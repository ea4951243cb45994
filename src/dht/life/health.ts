/**
 * Whether the fault is ours: while nobody answers at all, silence says nothing about those who are silent. Told of
 * answers and of questions that got none, in any order of the contacts.
 */
import type { Millis } from '../../protocol/ports.ts'

/** More questions than this without an answer, over at least this long: the network is gone, not everybody in it. */
const MAX_UNANSWERED = 8
const SILENCE: Millis = 10_000

/**
 * Without any answer for so long nobody is blamed either, however few were asked. A node at rest asks somebody every ten
 * seconds or so: in less time the dead whom it happens to ask look like an outage.
 */
const BLAME_WITHIN: Millis = 2 * 60_000

export class Health {
  #answeredAt: Millis = Number.NEGATIVE_INFINITY
  #unanswered = 0
  #offlineSince: Millis | undefined

  /** Whether a silent contact is to blame for its silence. */
  isOnline(now: Millis): boolean {
    return this.#offlineSince === undefined && now - this.#answeredAt < BLAME_WITHIN
  }

  /** @returns how long we were offline, when this ends it */
  onAnswer(now: Millis): Millis | undefined {
    const since = this.#offlineSince
    this.#answeredAt = now
    this.#unanswered = 0
    this.#offlineSince = undefined
    return since === undefined ? undefined : now - since
  }

  /** @returns whether it has just turned out that we are offline. Who never was online is not */
  onSilence(now: Millis): boolean {
    this.#unanswered++
    const isCutOff = this.#unanswered > MAX_UNANSWERED && now - this.#answeredAt >= SILENCE
    if (!isCutOff || this.#offlineSince !== undefined || this.#answeredAt === Number.NEGATIVE_INFINITY)
      return false
    this.#offlineSince = this.#answeredAt
    return true
  }
}
