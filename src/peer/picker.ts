/** Which blocks to request from whom. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { InvariantError } from '../protocol/errors.ts'
import type { Millis } from '../protocol/ports.ts'
import type { ActivePiece } from './active-piece.ts'
import { ActivePieces, MAX_ACTIVE_BYTES } from './active-pieces.ts'
import { BegunPieces } from './begun-pieces.ts'
import type { BlockVerdict } from './block-verdict.ts'
import type { BlockRun } from './claim.ts'
import { blocksMissing, Endgame } from './endgame.ts'
import { Interest } from './interest.ts'
import { Parole } from './parole.ts'
import type { PickerOptions } from './picker-options.ts'
import type { PickerSnapshot } from './picker-snapshot.ts'
import { Requests } from './requests.ts'
import { Reservations } from './reservations.ts'
import { SolePieces } from './sole-pieces.ts'
import { SourceQueue, type BlockSource } from './source-queue.ts'
import { WantedPieces } from './wanted-pieces.ts'

/**
 * Decides which blocks a source should be asked for next.
 *
 * A piece is in exactly one state:
 *
 *     wanted ──pick──▶ active ──all blocks in──▶ pending ──written──▶ have
 *        ▲               │                          │
 *        └───given up────┴────corrupt or failed─────┘
 *
 * Pieces that have been begun are finished before new ones are, which come in the {@link PieceOrder}. A piece is reserved for the
 * source that began it for as long as that source makes progress: then a piece that fails its hash mostly has one sender, who is
 * to blame. Others help only when they have nothing else to do. A piece that has failed goes first, to one source alone, and
 * those that had sent blocks of it are on {@link Parole} until it has passed.
 *
 * The picker knows no sockets, no clock and no disk: it is told what happened, and answers. Where a method takes no time, the time of
 * the last call that had one counts.
 */
export class PiecePicker {
  readonly have: Bitfield
  readonly #geometry: PieceGeometry
  readonly #onAbandon: (piece: number) => void
  readonly #sources = new Map<number, SourceQueue>()
  /** Undefined once we have every piece: a seeder needs no memory for it. */
  #wanted: WantedPieces | undefined
  readonly #active: ActivePieces
  readonly #pending = new BegunPieces()
  readonly #requests: Requests
  readonly #parole: Parole
  readonly #sole: SolePieces
  readonly #reservations: Reservations
  readonly #interest: Interest
  readonly #endgame: Endgame
  #now: Millis = 0
  #rounds = 0

  constructor({ geometry, have, order, random, onAbandon }: PickerOptions) {
    if (have.length !== geometry.pieceCount) throw new InvariantError('a bitfield of another torrent')
    this.have = have
    this.#geometry = geometry
    this.#onAbandon = onAbandon ?? (() => {})
    this.#active = new ActivePieces(geometry)
    this.#requests = new Requests({ geometry, sources: this.#sources, active: this.#active }, (active) =>
      this.#giveUp(active),
    )
    const books = { active: this.#active, requests: this.#requests, sources: this.#sources }
    this.#parole = new Parole({ ...books, pending: this.#pending })
    this.#reservations = new Reservations({ ...books, parole: this.#parole })
    this.#sole = new SolePieces(
      { ...books, parole: this.#parole },
      {
        begin: (queue) => this.#begin(queue, MAX_ACTIVE_BYTES),
        abandon: (active) => this.#abandon(active),
      },
    )
    this.#interest = new Interest(have)
    this.#endgame = new Endgame(blocksMissing(geometry, have), this.#sources)
    if (!have.isFull)
      this.#wanted = new WantedPieces({ have, pieceLength: geometry.pieceLength, order, random })
  }

  get isComplete(): boolean {
    return this.have.isFull
  }

  /** Pieces of which nothing has been requested yet. */
  get wantedCount(): number {
    return (this.#wanted?.size ?? 0) + this.#parole.retrials.waitingCount
  }

  /** Every missing block has been requested: from now on some may be requested twice. */
  get isEndgame(): boolean {
    return this.#active.size > 0 && this.wantedCount === 0 && !this.#active.hasFree
  }

  snapshot(): PickerSnapshot {
    return {
      pieceCount: this.have.length,
      have: this.have.count,
      wanted: this.wantedCount,
      active: this.#active.size,
      pending: this.#pending.size,
      activeBytes: this.#active.bytes,
      inFlight: this.#requests.count,
      isEndgame: this.isEndgame,
    }
  }

  // Sources

  /**
   * @param bitfield the live one behind `source.has`: its owner sets a bit, then calls {@link onHave}. A source that has
   *   every piece should come with a full one, which is not counted piece by piece.
   */
  addSource(source: BlockSource, bitfield: Bitfield): void {
    if (source.id < 1 || this.#sources.has(source.id))
      throw new InvariantError(`source ${source.id} is not new`)
    const queue = new SourceQueue(source, bitfield, this.#now)
    this.#sources.set(source.id, queue)
    if (this.#wanted === undefined) return
    this.#interest.add(queue)
    this.#wanted.addSource(queue)
  }

  /** Its requests are free for others. All that is remembered is which blocks it sent, in case one of them is wrong. */
  removeSource(source: BlockSource): void {
    const queue = this.#queueOf(source)
    this.#reservations.release(queue, this.#now)
    this.#sole.remove(queue)
    this.#sources.delete(source.id)
    this.#interest.remove(queue)
    this.#wanted?.removeSource(queue)
  }

  /** `source` has one more piece than before: `source.has(piece)` is already true. */
  onHave(source: BlockSource, piece: number): void {
    const queue = this.#queueOf(source)
    if (!queue.bitfield.has(piece)) throw new InvariantError(`source ${source.id} lacks piece ${piece}`)
    if (this.#wanted === undefined) return
    this.#wanted.onHave(queue, piece)
    this.#interest.onHave(queue, piece)
  }

  /** Whether it has a piece that we do not have. */
  isInterestedIn(source: BlockSource): boolean {
    return this.#interest.has(this.#queueOf(source))
  }

  /** Blocks requested from this source that have not come. */
  inFlight(source: BlockSource): number {
    return this.#queueOf(source).count
  }

  /** A source at the same address has sent wrong blocks: this one is on parole until it has sent a good piece alone. */
  suspect(source: BlockSource): void {
    this.#parole.start(this.#queueOf(source))
  }

  // Pieces

  /** For each block of an active or pending piece, the id of the source that sent it; less than 1 if it is missing. */
  sendersOf(piece: number): Int32Array {
    return this.#begun(piece)!.senders
  }

  /** The source that sent most blocks of an active or pending piece; 0 when there is none. */
  mainContributor(piece: number): number {
    return this.#begun(piece)?.mainContributor ?? 0
  }

  // What happens

  /**
   * Chooses up to `count` blocks for the source, appends them to `out` as runs, and counts them as requested.
   *
   * @returns how many blocks
   */
  pick(source: BlockSource, count: number, now: Millis, out: BlockRun[]): number {
    if (this.#wanted === undefined) return 0
    const queue = this.#queueOf(source)
    if (!this.#interest.has(queue)) return 0
    this.#now = now
    const before = queue.count
    const full = before + count
    while (queue.count < full) {
      const active = this.#pieceFor(queue)
      if (active === undefined) break
      if (active.reservedFor === 0) this.#active.reserve(active, queue, now)
      out.push(this.#requests.askFree(queue, active, { limit: full - queue.count, now }))
    }
    if (queue.count < full && this.isEndgame && !this.#parole.has(queue.id)) {
      for (const late of this.#endgame.choose(queue, full - queue.count, now))
        out.push(this.#requests.askCopy(queue, late, now))
    }
    return queue.count - before
  }

  /**
   * A block came. It is accepted once, from a source that was asked for it, even if the request has been withdrawn since.
   *
   * @param losers gets the other sources that were asked for the same block: each is to be sent a cancel
   */
  onBlock(
    source: BlockSource,
    piece: number,
    begin: number,
    length: number,
    losers: BlockSource[],
  ): BlockVerdict {
    const block = this.#geometry.blockAt(piece, begin, length)
    if (block === undefined) return 'unrequested'
    const queue = this.#queueOf(source)
    let active = this.#active.get(piece)
    const claim = active && this.#requests.claimOf(queue, active, block)
    if (claim !== undefined) queue.onBlock(claim.askedAt, this.#now)
    else {
      if (!queue.takeLapsed(this.#geometry.blockNumber(piece, block))) return 'unrequested'
      active = this.#pieceForLapsed(queue, piece, block)
    }
    if (active === undefined) return 'duplicate'
    this.#requests.receive(queue, active, block, losers)
    if (active.missingCount === 0) {
      this.#active.remove(active)
      this.#pending.add(active)
    }
    return 'accepted'
  }

  /** It choked us or stalled: what was requested from it is free for others. What it sends all the same is accepted. */
  release(source: BlockSource): void {
    this.#reservations.release(this.#queueOf(source), this.#now)
  }

  /**
   * A pending piece is verified and on disk.
   *
   * @returns the sources that have nothing for us any more
   */
  onPieceWritten(piece: number): readonly BlockSource[] {
    const active = this.#takePending(piece)
    this.#parole.onRight(active)
    return this.onPieceKept(piece)
  }

  /** The file of a piece that we have was changed: until it is known whether the piece is still good, it is neither `have` nor wanted. */
  onPieceDoubted(piece: number): void {
    this.have.clear(piece)
  }

  /** A piece in doubt is good. Returns the same as {@link onPieceWritten}. */
  onPieceKept(piece: number): readonly BlockSource[] {
    this.have.set(piece)
    if (this.have.isFull) this.#wanted = undefined
    return this.#interest.onHad(piece)
  }

  /**
   * A pending piece does not have its hash: it is wanted again. If it has several senders, all are on parole until it passes.
   *
   * @returns the ids of the sources that sent blocks of it; if it is only one, that one is to blame
   */
  onPieceCorrupt(piece: number): readonly number[] {
    const bad = this.#takePending(piece)
    this.#parole.onCorrupt(bad, this.#now)
    this.#giveBack(bad)
    return bad.contributors
  }

  /**
   * Source `id` sends wrong blocks: those that it sent of active pieces are requested anew, from others.
   *
   * @param onForgotten called for each piece, with the number of bytes that are missing again
   */
  forget(id: number, onForgotten: (piece: number, bytes: number) => void): void {
    for (const [active, bytes] of this.#active.forget(id)) {
      onForgotten(active.piece, bytes)
      if (active.isUntouched) this.#abandon(active)
    }
  }

  /** A pending piece could not be written: it is wanted again, and nobody is to blame. */
  onPieceFailed(piece: number): void {
    this.#giveBack(this.#takePending(piece))
  }

  /** A piece in doubt is bad: it is wanted again, unless the download was complete. */
  onPieceLost(piece: number): void {
    if (this.#wanted === undefined) return
    this.#wanted.giveBack(piece)
    this.#interest.onLost(piece, this.#sources.values())
  }

  /**
   * The 2 s round: searches begin anew, requests that hang are withdrawn, pieces that were reserved for too long are opened to all,
   * and, if too many pieces are active, those that nobody is being asked for are given up.
   *
   * @returns sources that have sent nothing for too long: what was requested from them is free for others
   */
  round(now: Millis): readonly BlockSource[] {
    this.#now = now
    this.#rounds++
    const stalled: BlockSource[] = []
    for (const queue of this.#sources.values()) {
      // What we wait for may lie unread in our socket. To request it from others as well would cost twice, and take even longer.
      if (queue.source.isHeld) continue
      if (now >= queue.stallAt) {
        stalled.push(queue.source)
        this.#reservations.release(queue, this.#now)
      }
      this.#requests.takeBackLate(queue, now)
    }
    this.#reservations.review(now)
    for (const active of this.#active.surplus()) this.#abandon(active)
    return stalled
  }

  #queueOf(source: BlockSource): SourceQueue {
    const queue = this.#sources.get(source.id)
    if (queue === undefined) throw new InvariantError(`source ${source.id} was not added`)
    return queue
  }

  #begun(piece: number): ActivePiece | undefined {
    return this.#active.get(piece) ?? this.#pending.get(piece)
  }

  // Choosing

  /** The piece that `queue` should be asked for next: one with a free block, begun now if need be. */
  #pieceFor(queue: SourceQueue): ActivePiece | undefined {
    const { current } = queue
    if (current !== undefined && current.freeCount > 0 && current.reservedFor === queue.id) return current
    if (this.#parole.has(queue.id)) return this.#sole.pieceFor(queue, this.#now)
    return (
      this.#sole.retrialFor(queue, this.#now) ??
      this.#active.looseFor(queue, this.#rounds) ??
      this.#begin(queue, MAX_ACTIVE_BYTES) ??
      this.#active.helpableBy(queue, this.#rounds) ??
      // Otherwise it would idle: one piece beyond the limit, for which the next round makes room.
      (queue.count === 0 ? this.#begin(queue, 2 * MAX_ACTIVE_BYTES) : undefined)
    )
  }

  #begin(queue: SourceQueue, maxBytes: number): ActivePiece | undefined {
    if (!this.#active.hasRoom(maxBytes)) return undefined
    const piece = this.#wanted!.choose(queue, this.#rounds)
    return piece < 0 ? undefined : this.#activate(piece)
  }

  #activate(piece: number): ActivePiece {
    this.#wanted!.take(piece)
    return this.#active.begin(piece)
  }

  /** A block came whose request had been withdrawn: the piece that it goes into, or undefined when it is of no use. */
  #pieceForLapsed(queue: SourceQueue, piece: number, block: number): ActivePiece | undefined {
    const active = this.#active.get(piece)
    if (active !== undefined)
      return this.#parole.mayContribute(queue.id, active) && !active.isIn(block) ? active : undefined
    if (this.#parole.has(queue.id) || this.#active.bytes >= MAX_ACTIVE_BYTES) return undefined
    if (this.#wanted === undefined || !this.#wanted.has(piece)) return undefined
    // It is not reserved for the sender, which choked us or stalled: whoever comes next continues the piece.
    return this.#activate(piece)
  }

  // Taking back

  /** The returned object is reused: it may be read only until another piece is begun. */
  #takePending(piece: number): ActivePiece {
    const active = this.#pending.get(piece)
    if (active === undefined) throw new InvariantError(`piece ${piece} is not pending`)
    this.#pending.delete(active)
    this.#active.recycle(active)
    return active
  }

  /** An active piece of which no request is open becomes wanted again. */
  #giveUp(active: ActivePiece): void {
    this.#active.remove(active)
    this.#active.recycle(active)
    // The source that it was reserved for may still have it as its current piece.
    active.reservedFor = 0
    this.#giveBack(active)
  }

  #abandon(active: ActivePiece): void {
    this.#giveUp(active)
    this.#onAbandon(active.piece)
  }

  #giveBack({ piece }: ActivePiece): void {
    if (this.#parole.retrials.has(piece)) this.#parole.retrials.wait(piece, this.#now)
    else this.#wanted!.giveBack(piece)
  }
}
