/** Tells peers which pieces we have got. */
import type { PeerConnection } from '../peer/connection.ts'
import type { Clock, Millis } from '../protocol/ports.ts'

/** What is written within so long after something was told is told together. */
export const NEWS_INTERVAL: Millis = 20

/**
 * A leecher that lacks a piece may pass it on: it is told at once, or with others when they come one after the other.
 * Whoever has it needs to know only some time, to see when we are complete. In a swarm of 20 most writes are haves:
 * this makes a third of them.
 */
export class PieceNews {
  readonly #clock: Clock
  readonly #peers: Iterable<PeerConnection>
  /** Not told yet, but will be within {@link NEWS_INTERVAL}. */
  #fresh: number[] = []
  #isPaced = false
  /** What peers that have it already are told at the next {@link flush}; no more than is written between two. */
  readonly #later = new Map<PeerConnection, number[]>()

  /** @param peers the live ones */
  constructor(clock: Clock, peers: Iterable<PeerConnection>) {
    this.#clock = clock
    this.#peers = peers
  }

  onWritten(piece: number): void {
    this.#fresh.push(piece)
    if (!this.#isPaced) this.#tell()
  }

  /** Tells everybody everything. */
  flush(): void {
    this.#tellLacking()
    for (const [peer, pieces] of this.#later) peer.uplink.sendHaves(pieces)
    this.#later.clear()
  }

  #tell(): void {
    this.#isPaced = this.#fresh.length > 0
    if (!this.#isPaced) return
    this.#tellLacking()
    this.#clock.after(NEWS_INTERVAL, () => this.#tell())
  }

  #tellLacking(): void {
    const pieces = this.#fresh
    this.#fresh = []
    for (const peer of this.#peers) {
      const unknown: number[] = []
      for (const piece of pieces)
        if (peer.remote.has(piece)) this.#tellLater(peer, piece)
        else unknown.push(piece)
      peer.uplink.sendHaves(unknown)
    }
  }

  #tellLater(peer: PeerConnection, piece: number): void {
    const later = this.#later.get(peer)
    if (later === undefined) this.#later.set(peer, [piece])
    else later.push(piece)
  }
}
