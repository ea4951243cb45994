/** Whom we let download. */
import type { Millis } from '../protocol/ports.ts'

/** What the choker looks at. */
export interface ChokerPeer {
  /** Unique in the session. */
  readonly id: number
  readonly isInterested: boolean
  /** Bytes a second that it sends us. */
  readonly downloadRate: number
  /** Bytes a second that we send it. */
  readonly uploadRate: number
}

export interface ChokeDecision {
  readonly id: number
  readonly action: 'choke' | 'unchoke'
  readonly reason: string
}

/** Peers that may download at the same time. */
export const DEFAULT_UPLOAD_SLOTS = 8
/** One slot goes to the peer that waits longest in every so many milliseconds. */
export const ROTATION: Millis = 10_000

/**
 * Gives every interested peer its turn: a free slot goes to the peer that has waited longest; when all are taken, the peer
 * that has had its slot longest makes room for the longest-waiting one in every {@link ROTATION}.
 *
 * It remembers who is unchoked: its decisions are to be carried out. A peer that connects is choked.
 */
export class Choker {
  readonly #slots: number
  /** Interested and choked, the longest-waiting first. */
  readonly #waiting = new Set<number>()
  /** Unchoked, the longest-served first. */
  readonly #served = new Set<number>()
  #rotatedAt: Millis = -Infinity

  constructor(slots: number = DEFAULT_UPLOAD_SLOTS) {
    this.#slots = slots
  }

  isUnchoked(id: number): boolean {
    return this.#served.has(id)
  }

  /**
   * To be called in every round, and whenever a peer becomes interested, loses interest or leaves.
   *
   * @param peers all that are connected
   */
  decide(peers: Iterable<ChokerPeer>, now: Millis): ChokeDecision[] {
    const decisions: ChokeDecision[] = []
    const interested = new Set<number>()
    const connected = new Set<number>()
    for (const { id, isInterested } of peers) {
      connected.add(id)
      if (!isInterested) continue
      interested.add(id)
      if (!this.#served.has(id)) this.#waiting.add(id)
    }
    for (const id of this.#waiting) if (!interested.has(id)) this.#waiting.delete(id)
    for (const id of this.#served) {
      if (interested.has(id)) continue
      this.#served.delete(id)
      if (connected.has(id)) decisions.push({ id, action: 'choke', reason: 'not interested any more' })
    }
    this.#rotate(decisions, now)
    for (const id of this.#waiting) {
      if (this.#served.size >= this.#slots) break
      this.#waiting.delete(id)
      this.#served.add(id)
      decisions.push({ id, action: 'unchoke', reason: 'a slot is free, and it has waited longest' })
    }
    return decisions
  }

  /** Frees the slot of the longest-served peer when another one waits and it is time. */
  #rotate(decisions: ChokeDecision[], now: Millis): void {
    if (this.#waiting.size === 0 || this.#served.size < this.#slots) {
      // The first slot that somebody has to wait for is served for a whole turn.
      if (this.#waiting.size === 0) this.#rotatedAt = now
      return
    }
    if (now - this.#rotatedAt < ROTATION) return
    this.#rotatedAt = now
    for (const id of this.#served) {
      this.#served.delete(id)
      this.#waiting.add(id)
      decisions.push({ id, action: 'choke', reason: 'its turn is over, and others wait' })
      return
    }
  }
}
