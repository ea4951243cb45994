/**
 * Whether the fault is ours: while nobody answers at all, silence says nothing about those who are silent. It is told of
 * answers, and of requests that got none.
 */
import type { Millis } from '../../protocol/ports.ts'

/**
 * After more requests than this without an answer, over at least this long, the network may be gone. Or dead contacts were
 * asked in a row, as happens to an idle node, which asks those that were silent for longest.
 */
const MAX_UNANSWERED = 8
const SILENCE: Millis = 10_000

/**
 * Without any answer for this long, nobody is blamed either, however few were asked. An idle node asks somebody every ten
 * seconds or so: over a shorter time, dead contacts that it happens to ask would look like an outage.
 */
const BLAME_WITHIN: Millis = 2 * 60_000

export class Health {
  #answeredAt: Millis = Number.NEGATIVE_INFINITY
  #unanswered = 0
  #isInDoubt = false
  #offlineSince: Millis | undefined

  /** Whether a silent contact is to blame for its silence. */
  isOnline(now: Millis): boolean {
    return !this.#isInDoubt && this.#offlineSince === undefined && now - this.#answeredAt < BLAME_WITHIN
  }

  /** Whether nobody answers, not even those heard of last. */
  get isOffline(): boolean {
    return this.#offlineSince !== undefined
  }

  /** @returns how long we were offline, when this ends it */
  onAnswer(now: Millis): Millis | undefined {
    const since = this.#offlineSince
    this.#answeredAt = now
    this.#unanswered = 0
    this.#isInDoubt = false
    this.#offlineSince = undefined
    return since === undefined ? undefined : now - since
  }

  /** @returns whether it has begun to look as if we were offline: those heard of last are to be asked, and nobody is blamed meanwhile */
  onSilence(now: Millis): boolean {
    this.#unanswered++
    // A node that never was online does not go offline.
    const wasOnline = this.#offlineSince === undefined && this.#answeredAt !== Number.NEGATIVE_INFINITY
    const isCutOff = this.#unanswered > MAX_UNANSWERED && now - this.#answeredAt >= SILENCE
    if (this.#isInDoubt || !wasOnline || !isCutOff) return false
    this.#isInDoubt = true
    return true
  }

  /** Those heard of last were asked. @returns whether not even they have answered: we are offline */
  onAsked(): boolean {
    if (!this.#isInDoubt) return false
    this.#isInDoubt = false
    this.#offlineSince = this.#answeredAt
    return true
  }
}
