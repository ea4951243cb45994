/** What we tell peers that we have: everything, or while we seed anew to several, other pieces to each. */
import type { PeerConnection } from '../peer/connection.ts'
import { SuperSeeding } from '../peer/super-seeding.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import type { Millis, Random } from '../protocol/ports.ts'

/** A torrent of more pieces is shown to everybody at once: to name them one by one would cost more than it saves. */
export const MAX_OFFERED_PIECES = 65_536
/** A peer that stays the only one for so long is shown everything. */
const ALONE: Millis = 2_000

export interface PieceOffersOptions {
  /** Our own pieces, kept up to date by their owner. */
  readonly have: Bitfield
  readonly pieceLength: number
  /** Pieces that lie side by side and are best sent to a peer one after the other. */
  readonly groupSize: number
  /** What may be sent to this peer has a limit. */
  readonly isLimited: (peer: PeerConnection) => boolean
  readonly random: Random
}

/**
 * Without a limit a peer is shown twice as much whenever it has asked for all that it was shown: long reads and writes cost less.
 *
 * Under a limit the uplink is what is scarce, and what is sent counts once others can pass it on. To show a piece is to decide who
 * passes it on. Pieces that wait long to be sent are decided too early: in the end some have many that nobody else has, and the
 * uplinks of those that have none idle. So what a peer was not sent yet counts, and is doubled only when we would idle.
 */
export class PieceOffers {
  readonly #options: PieceOffersOptions
  readonly #have: Bitfield
  readonly #peers = new Map<number, PeerConnection>()
  #joinedAt: Millis = 0
  /** While we have everything and somebody is connected. */
  #spreading: SuperSeeding | undefined

  constructor(options: PieceOffersOptions) {
    this.#options = options
    this.#have = options.have
  }

  /** @returns what the peer is to be told at first: even of the first one, others may come that want the same */
  add(peer: PeerConnection, now: Millis): Bitfield {
    const { isFull, length } = this.#have
    const maySpread = isFull && length <= MAX_OFFERED_PIECES
    const spreading = maySpread ? (this.#spreading ??= this.#begin(now)) : undefined
    this.#peers.set(peer.id, peer)
    this.#joinedAt = now
    if (spreading === undefined) return this.#have
    const isShownAll = !spreading.hasFresh
    spreading.add(peer.id, isShownAll, now)
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

  /** It said all at once which pieces it has. */
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

  /** What it asked for at once was all that it knew of, or not. */
  onRequestsEnd(peer: PeerConnection): void {
    this.#offer(peer)
  }

  onServed(peer: PeerConnection, piece: number): void {
    if (this.#spreading === undefined) return
    this.#spreading.onServed(peer.id, piece)
    if (this.#options.isLimited(peer)) this.#offer(peer)
  }

  /** We do not have everything any more: whoever is connected is shown what is left, and told of the rest when it is back. */
  onDoubt(): void {
    const spreading = this.#spreading
    this.#spreading = undefined
    for (const peer of this.#peers.values())
      peer.uplink.sendHaves((spreading?.showAll(peer.id) ?? []).filter((piece) => this.#have.has(piece)))
  }

  /**
   * It is being sent all that it asked for, while we serve others. Left with nothing to ask for it may lose interest, and some
   * clients look again half a minute later only.
   */
  onAllServed(peer: PeerConnection): void {
    if (this.#spreading?.hasFresh === false) peer.uplink.sendHaves(this.#spreading.repeat(peer.id))
  }

  /** We could send, and nobody waits for anything: they may have more than they were shown, in the end what others were sent, too. */
  onIdle(): void {
    for (const peer of this.#peers.values())
      if (this.#spreading?.hasFresh) this.#showMore(peer)
      else this.onAllServed(peer)
  }

  /** It was told of less than we have, and will be told of more. */
  isHiding(peer: PeerConnection): boolean {
    return this.#spreading?.isHiding(peer.id) ?? false
  }

  /** Pieces that it alone was sent, and that nobody has from it. */
  unspreadCount(peer: PeerConnection): number {
    return this.#spreading?.unspreadCount(peer.id) ?? 0
  }

  /** In which order requests are to be served: the lowest first. */
  rankOf(peer: PeerConnection, piece: number): number {
    return this.#spreading?.rankOf(peer.id, piece) ?? 0
  }

  /** Shows everything to whom showing less is of no use. */
  round(now: Millis): void {
    const spreading = this.#spreading
    if (spreading === undefined) return
    const isAlone = this.#peers.size === 1 && now - this.#joinedAt >= ALONE
    for (const peer of this.#peers.values()) {
      // Who is shown what it does not want may want something else, or have everything, too.
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

  /** Shows it what it is to take next. */
  #offer(peer: PeerConnection): void {
    if (this.#spreading !== undefined) peer.uplink.sendHaves(this.#fresh(peer, this.#spreading))
  }

  #fresh(peer: PeerConnection, spreading: SuperSeeding): number[] {
    const { isLimited, pieceLength, groupSize } = this.#options
    if (!isLimited(peer)) return spreading.offer(peer.id, groupSize)
    return spreading.offer(peer.id, 1, Math.ceil((peer.uplink.queue?.bytes ?? 0) / pieceLength))
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
