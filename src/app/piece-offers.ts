/** Which pieces we tell peers that we have: all, or, as the first seeder of a torrent, different ones to each (BEP 16). */
import type { PeerConnection } from '../peer/connection.ts'
import { SuperSeeding } from '../peer/super-seeding.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import type { Millis, Random } from '../protocol/ports.ts'

/** A torrent with more pieces is shown to everybody at once: to name so many one by one would cost more than it saves. */
export const MAX_OFFERED_PIECES = 65_536
/**
 * Bytes that a peer is shown, without an upload limit, before it has requested any: with one piece at first, a link that takes 40 ms idled
 * for most of a second and a half …
 */
const START_AHEAD_BYTES = 4 * 2 ** 20
/** … but no more than this part of all pieces: others that want some may follow at once. */
const START_SHARE = 1 / 16
/** A peer that has been the only one for this long is shown everything. */
const ALONE: Millis = 2_000

export interface PieceOffersOptions {
  /** Our own pieces, kept up to date by their owner. */
  readonly have: Bitfield
  readonly pieceLength: number
  /** Neighbouring pieces that are read together and so best sent to the same peer. */
  readonly groupSize: number
  /** Whether there is an upload limit for this peer. */
  readonly isLimited: (peer: PeerConnection) => boolean
  readonly random: Random
}

/**
 * Without an upload limit, a peer that has requested all that it was shown is shown twice as many pieces from then on: reads and
 * writes are longer, and cost less.
 *
 * Under a limit our uplink is scarce, and what matters is that others pass on what we send. To show a piece to a peer is to decide who
 * will pass it on, and a piece that waits long in our queues was decided too early: in the end some peers have many that nobody else
 * has, while the uplinks of the rest idle. So a piece counts as shown until it is sent, and the number is doubled only when our uplink
 * would idle.
 */
export class PieceOffers {
  readonly #options: PieceOffersOptions
  readonly #have: Bitfield
  readonly #peers = new Map<number, PeerConnection>()
  #joinedAt: Millis = 0
  /** There while we have everything and a peer is connected. */
  #spreading: SuperSeeding | undefined

  constructor(options: PieceOffersOptions) {
    this.#options = options
    this.#have = options.have
  }

  /** @returns the pieces that the peer is to be told of at first: few even if it is alone, because others may follow and want the same */
  add(peer: PeerConnection, now: Millis): Bitfield {
    const { isFull, length } = this.#have
    const maySpread = isFull && length <= MAX_OFFERED_PIECES
    const spreading = maySpread ? (this.#spreading ??= this.#begin(now)) : undefined
    this.#peers.set(peer.id, peer)
    this.#joinedAt = now
    if (spreading === undefined) return this.#have
    const isShownAll = !spreading.hasFresh
    spreading.add(peer.id, isShownAll, now, this.#startAhead(peer))
    if (isShownAll) return this.#have
    const shown = new Bitfield(this.#have.length)
    for (const piece of this.#fresh(peer, spreading)) shown.set(piece)
    return shown
  }

  remove(peer: PeerConnection): void {
    this.#peers.delete(peer.id)
    this.#spreading?.remove(peer.id)
    if (this.#peers.size === 0) this.#spreading = undefined
  }

  /** It has said which pieces it has. */
  onPieces(peer: PeerConnection): void {
    const spreading = this.#spreading
    if (spreading === undefined) return
    peer.remote.pieces!.forEachSet((piece) => spreading.onHave(peer.id, piece))
    this.#offer(peer)
  }

  onHave(peer: PeerConnection, piece: number): void {
    this.#spreading?.onHave(peer.id, piece)
    this.#offer(peer)
  }

  onRequest(peer: PeerConnection, piece: number, now: Millis): void {
    const hasAskedForAll = this.#spreading?.onRequest(peer.id, piece, now)
    if (hasAskedForAll && !this.#options.isLimited(peer)) this.#spreading!.showMore(peer.id)
  }

  /** All requests that it sent together were told by {@link onRequest}. */
  onRequestsEnd(peer: PeerConnection): void {
    this.#offer(peer)
  }

  onServed(peer: PeerConnection, piece: number): void {
    if (this.#spreading === undefined) return
    this.#spreading.onServed(peer.id, piece)
    if (this.#options.isLimited(peer)) this.#offer(peer)
  }

  /** We no longer have everything: each peer is shown what is left, and told of the rest once it is back. */
  onDoubt(): void {
    const spreading = this.#spreading
    this.#spreading = undefined
    for (const peer of this.#peers.values())
      peer.uplink.sendHaves((spreading?.showAll(peer.id) ?? []).filter((piece) => this.#have.has(piece)))
  }

  /**
   * It has been sent all that it requested. With nothing left to request it would lose interest, and some clients (rTorrent) look
   * again only after half a minute. So once no piece is fresh, it is shown one that others have.
   */
  onAllServed(peer: PeerConnection): void {
    if (this.#spreading?.hasFresh === false) peer.uplink.sendHaves(this.#spreading.repeat(peer.id))
  }

  /** Our uplink idles, since nobody waits for anything: each is shown more, and once no piece is fresh, one that others have. */
  onIdle(): void {
    for (const peer of this.#peers.values())
      if (this.#spreading?.hasFresh) this.#showMore(peer)
      else this.onAllServed(peer)
  }

  /** Whether it was told of fewer pieces than we have, and will be told of more. */
  isHiding(peer: PeerConnection): boolean {
    return this.#spreading?.isHiding(peer.id) ?? false
  }

  /** Pieces that we sent to it, and that nobody else has yet. */
  unspreadCount(peer: PeerConnection): number {
    return this.#spreading?.unspreadCount(peer.id) ?? 0
  }

  /** The lower, the sooner its request for `piece` is to be served. */
  rankOf(peer: PeerConnection, piece: number): number {
    return this.#spreading?.rankOf(peer.id, piece) ?? 0
  }

  /** Every two seconds: shows everything to peers for which showing less has no use. */
  round(now: Millis): void {
    const spreading = this.#spreading
    if (spreading === undefined) return
    const isAlone = this.#peers.size === 1 && now - this.#joinedAt >= ALONE
    for (const peer of this.#peers.values()) {
      // A choked peer cannot request anything. But one that is not even interested, although it was shown something, wants something else.
      const mayNot = peer.uplink.isChoked && (peer.uplink.isInterested || !spreading.hasOffers(peer.id))
      if (mayNot || (peer.uplink.queue?.size ?? 0) > 0) spreading.onExcused(peer.id, now)
      if (isAlone || spreading.isUnwilling(peer.id, now)) peer.uplink.sendHaves(spreading.showAll(peer.id))
    }
  }

  #showMore(peer: PeerConnection): void {
    if (!this.#options.isLimited(peer)) return
    this.#spreading?.showMore(peer.id)
    this.#offer(peer)
  }

  /** Shows it the pieces that it is to request next. */
  #offer(peer: PeerConnection): void {
    if (this.#spreading !== undefined) peer.uplink.sendHaves(this.#fresh(peer, this.#spreading))
  }

  #fresh(peer: PeerConnection, spreading: SuperSeeding): number[] {
    const { isLimited, pieceLength, groupSize } = this.#options
    if (!isLimited(peer)) return spreading.offer(peer.id, groupSize)
    return spreading.offer(peer.id, 1, Math.ceil((peer.uplink.queue?.bytes ?? 0) / pieceLength))
  }

  /** Pieces that it is shown before it has requested any. */
  #startAhead(peer: PeerConnection): number {
    const { isLimited, pieceLength } = this.#options
    if (isLimited(peer)) return 1
    const pieces = Math.min(START_AHEAD_BYTES / pieceLength, this.#have.length * START_SHARE)
    return Math.max(1, Math.floor(pieces))
  }

  #begin(now: Millis): SuperSeeding {
    const { have, random } = this.#options
    const spreading = new SuperSeeding({ pieceCount: have.length, random })
    for (const peer of this.#peers.values()) {
      spreading.add(peer.id, true, now)
      peer.remote.pieces?.forEachSet((piece) => spreading.onHave(peer.id, piece))
    }
    return spreading
  }
}
