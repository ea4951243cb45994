/** Which blocks to ask of whom. */
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
 * Active pieces go first, new ones in the {@link PieceOrder}. A piece is left to the source that began it as long as that
 * source gets on with it, so that mostly one source is to blame for a bad one; when there is nothing else to do, others
 * help. A bad piece goes before all others, to one source alone; those that had a hand in it are on
 * {@link Parole} until it has come right.
 *
 * The picker knows no sockets, no clock and no disk. It is told of haves, blocks and verdicts, and is asked. Times are
 * those of the last call that was given one.
 */
export class PiecePicker {
  readonly have: Bitfield
  readonly #geometry: PieceGeometry
  readonly #onAbandon: (piece: number) => void
  readonly #sources = new Map<number, SourceQueue>()
  /** Undefined once every piece is had: a seeder's picker holds nothing. */
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

  /** Pieces of which nothing was asked for yet. */
  get wantedCount(): number {
    return (this.#wanted?.size ?? 0) + this.#parole.retrials.waitingCount
  }

  /** Every missing block is asked for: now duplicates may be. */
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
   * @param bitfield the live one behind `source.has`: its owner sets a bit, then calls {@link onHave}. Full at once when
   *   the source has every piece: that costs nothing.
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

  /** Its requests are released, and nothing of it is remembered but blame for blocks that it sent. */
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

  /** Has it a piece that we do not have? */
  isInterestedIn(source: BlockSource): boolean {
    return this.#interest.has(this.#queueOf(source))
  }

  /** Requests outstanding at this source. */
  inFlight(source: BlockSource): number {
    return this.#queueOf(source).count
  }

  /** It comes from where a liar came from: it is on parole until it has sent a good piece alone. */
  suspect(source: BlockSource): void {
    this.#parole.start(this.#queueOf(source))
  }

  // Pieces

  /** For each block of an active or pending piece the id of the source that sent it; of a missing one less than 1. */
  sendersOf(piece: number): Int32Array {
    return this.#begun(piece)!.senders
  }

  /** The source that sent most blocks of an active or pending piece; 0 when there is none. */
  mainContributor(piece: number): number {
    return this.#begun(piece)?.mainContributor ?? 0
  }

  // What happens

  /**
   * Appends up to `count` blocks to `out`, in runs, and takes them as asked.
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
   * A block came. Accepted once, from a source that was asked for it; a request that was released meanwhile counts.
   *
   * @param losers gets the other sources that were asked for the same block: each is sent a cancel
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

  /** All that is asked of it may be asked of others: it choked us or stalled. What still arrives is accepted. */
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

  /** What is on disk of a piece that was had is in doubt: it is neither had nor wanted until it is kept or lost. */
  onPieceDoubted(piece: number): void {
    this.have.clear(piece)
  }

  /** It is good. Returns as {@link onPieceWritten}. */
  onPieceKept(piece: number): readonly BlockSource[] {
    this.have.set(piece)
    if (this.have.isFull) this.#wanted = undefined
    return this.#interest.onHad(piece)
  }

  /**
   * A pending piece does not have its hash: wanted again. Of several senders each is on parole until it is right.
   *
   * @returns the ids of the sources that sent blocks of it; a sole one is to blame
   */
  onPieceCorrupt(piece: number): readonly number[] {
    const bad = this.#takePending(piece)
    if (!this.#parole.onCorrupt(bad, this.#now)) this.#giveBack(bad)
    return bad.contributors
  }

  /**
   * Source `id` lies: what it sent of active pieces is asked for anew, of others.
   *
   * @param onForgotten so many bytes of a piece are missing again
   */
  forget(id: number, onForgotten: (piece: number, bytes: number) => void): void {
    for (const [active, bytes] of this.#active.forget(id)) {
      onForgotten(active.piece, bytes)
      if (active.isUntouched) this.#abandon(active)
    }
  }

  /** A pending piece could not be written: wanted again, and nobody is to blame. */
  onPieceFailed(piece: number): void {
    this.#giveBack(this.#takePending(piece))
  }

  /** It is bad: wanted again, unless the download was complete. */
  onPieceLost(piece: number): void {
    if (this.#wanted === undefined) return
    this.#wanted.giveBack(piece)
    this.#interest.onLost(piece, this.#sources.values())
  }

  /**
   * The 2 s round: searches begin anew, what hangs is released, pieces that were left to one source for too long are opened,
   * and orphaned blocks are given up when too many pieces are active.
   *
   * @returns sources that sent nothing for too long: what they were asked for is released
   */
  round(now: Millis): readonly BlockSource[] {
    this.#now = now
    this.#rounds++
    const stalled: BlockSource[] = []
    for (const queue of this.#sources.values()) {
      // It may have sent what we wait for. To ask others for that would cost us it twice, and take longer still.
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

  /** A piece with a free block that `queue` should be asked for; begun now if need be. */
  #pieceFor(queue: SourceQueue): ActivePiece | undefined {
    const { current } = queue
    if (current !== undefined && current.freeCount > 0 && current.reservedFor === queue.id) return current
    if (this.#parole.has(queue.id)) return this.#sole.pieceFor(queue, this.#now)
    return (
      this.#sole.retrialFor(queue, this.#now) ??
      this.#active.looseFor(queue, this.#rounds) ??
      this.#begin(queue, MAX_ACTIVE_BYTES) ??
      this.#active.helpableBy(queue, this.#rounds) ??
      // It would idle: one piece beyond the limit, for which the next round makes room.
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

  /** A block came that was released: the piece that takes it, or undefined when it is of no use. */
  #pieceForLapsed(queue: SourceQueue, piece: number, block: number): ActivePiece | undefined {
    const active = this.#active.get(piece)
    if (active !== undefined)
      return this.#parole.mayContribute(queue.id, active) && !active.isIn(block) ? active : undefined
    if (this.#parole.has(queue.id) || this.#active.bytes >= MAX_ACTIVE_BYTES) return undefined
    if (this.#wanted === undefined || !this.#wanted.has(piece)) return undefined
    // Its sender took its leave: whoever comes next goes on with the piece.
    return this.#activate(piece)
  }

  // Taking back

  /** Of what is returned nothing may be read when another piece was begun. */
  #takePending(piece: number): ActivePiece {
    const active = this.#pending.get(piece)
    if (active === undefined) throw new InvariantError(`piece ${piece} is not pending`)
    this.#pending.delete(active)
    this.#active.recycle(active)
    return active
  }

  /** Lets an active piece without requests go: it is wanted again. */
  #giveUp(active: ActivePiece): void {
    this.#active.remove(active)
    this.#active.recycle(active)
    // It is not the one to go on with any more for whom it was left to.
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
