/**
 * Notices that a download starves while it has as many connections as it may: those that give nothing keep others away that
 * might. Whoever has been there longest is the first to go, and comes back when there is room.
 */
import type { PeerConnection } from '../peer/connection.ts'
import type { Millis } from '../protocol/ports.ts'

/** When all connections are taken, others wait, and nothing has come for so long, a peer that has been there so long makes room. */
export const STARVING_AFTER: Millis = 60_000

export class Turnover {
  /** In the order in which they came. */
  readonly #joinedAt = new Map<PeerConnection, Millis>()
  #downloaded = 0
  #fedAt: Millis

  constructor(now: Millis) {
    this.#fedAt = now
  }

  onJoined(peer: PeerConnection, now: Millis): void {
    this.#joinedAt.set(peer, now)
  }

  onClosed(peer: PeerConnection): void {
    this.#joinedAt.delete(peer)
  }

  /**
   * To be told in every round.
   *
   * @param downloaded payload bytes so far; undefined while nothing is wanted
   */
  onRound(downloaded: number | undefined, now: Millis): void {
    if (downloaded === this.#downloaded) return
    this.#downloaded = downloaded ?? 0
    this.#fedAt = now
  }

  /** @returns who is to make room now; undefined when nobody is */
  idler(now: Millis, isUseful: (peer: PeerConnection) => boolean): PeerConnection | undefined {
    if (now - this.#fedAt < STARVING_AFTER) return undefined
    for (const [peer, joinedAt] of this.#joinedAt)
      if (now - joinedAt >= STARVING_AFTER && !isUseful(peer)) return peer
    return undefined
  }
}
