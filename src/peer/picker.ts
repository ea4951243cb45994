/** Which blocks to ask of whom. */
import { BLOCK_LENGTH, type PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { InvariantError } from '../protocol/errors.ts'
import type { Millis, Random } from '../protocol/ports.ts'
import { ActivePiece, type Request } from './active-piece.ts'
import { Endgame } from './endgame.ts'
import { OpenPieces } from './open-pieces.ts'
import type { OrderName } from './piece-order.ts'
import { SourceQueue, type BlockSource } from './source-queue.ts'
import { WantedPieces } from './wanted-pieces.ts'

export type { BlockSource } from './source-queue.ts'

/** A block to ask for, aligned and no longer than 16 KiB. */
export interface BlockRequest {
  readonly piece: number
  /** Bytes from the piece's first byte. */
  readonly begin: number
  readonly length: number
  /** The first block of that piece asked of this source. */
  readonly isFirstOfPiece: boolean
}

export interface PickerOptions {
  readonly geometry: PieceGeometry
  /** Verified and written pieces. Owned by the picker from now on. */
  readonly have: Bitfield
  readonly order: OrderName
  readonly random: Random
  /** The blocks of an active piece are given up, to make room or to keep blame sole: whoever holds them frees them. */
  readonly onAbandon?: (piece: number) => void
}

/** `duplicate`: it was asked for once, and is of no use now. Drop both others; `unrequested` earns a strike. */
export type BlockVerdict = 'accepted' | 'duplicate' | 'unrequested'

export interface PickerSnapshot {
  readonly pieceCount: number
  readonly have: number
  readonly wanted: number
  readonly active: number
  readonly pending: number
  /** Bytes of the active pieces. */
  readonly activeBytes: number
  /** Requests outstanding, copies counted. */
  readonly inFlight: number
  readonly isEndgame: boolean
}

/** Bytes of pieces that are being fetched at one time: no new piece is begun beyond it while an old one can go on. */
export const MAX_ACTIVE_BYTES = 64 * 2 ** 20
/** However long pieces are, so many may be active. */
const MIN_ACTIVE_PIECES = 2
/** A piece that is not complete by then is no longer left to the one source that began it. */
const RESERVATION: Millis = 10_000
/** A request that is older is released, even when its source sends other blocks. */
const REQUEST_TIMEOUT: Millis = 60_000
/** Pieces that a source on parole may have active and pending. */
const MAX_PAROLE_PIECES = 4

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
 * help. Sources that had a hand in a bad piece together are on parole: each gets whole pieces alone until one verifies.
 *
 * The picker knows no sockets, no clock and no disk. It is told of haves, blocks and verdicts, and is asked. Times are
 * those of the last call that was given one.
 */
export class PiecePicker {
  readonly have: Bitfield
  readonly #geometry: PieceGeometry
  readonly #onAbandon: (piece: number) => void
  /** Undefined once every piece is had: a seeder's picker holds nothing. */
  #wanted: WantedPieces | undefined
  readonly #endgame: Endgame
  readonly #sources = new Map<number, SourceQueue>()
  readonly #parole = new Set<number>()
  readonly #active = new Map<number, ActivePiece>()
  readonly #pending = new Map<number, ActivePiece>()
  readonly #open = new OpenPieces()
  #activeBytes = 0
  #inFlight = 0
  #now: Millis = 0
  #rounds = 0

  constructor({ geometry, have, order, random, onAbandon }: PickerOptions) {
    if (have.length !== geometry.pieceCount) throw new InvariantError('a bitfield of another torrent')
    this.have = have
    this.#geometry = geometry
    this.#onAbandon = onAbandon ?? (() => {})
    let blocks = 0
    for (let piece = 0; piece < have.length; piece++)
      if (!have.has(piece)) blocks += geometry.blockCount(piece)
    this.#endgame = new Endgame(blocks)
    if (!have.isFull) this.#wanted = new WantedPieces(have, order, random)
  }

  get isComplete(): boolean {
    return this.have.isFull
  }

  /** Pieces of which nothing was asked for yet. */
  get wantedCount(): number {
    return this.#wanted?.size ?? 0
  }

  /** Every missing block is asked for: now duplicates may be. */
  get isEndgame(): boolean {
    return this.#active.size > 0 && this.wantedCount === 0 && this.#open.isEmpty
  }

  snapshot(): PickerSnapshot {
    return {
      pieceCount: this.have.length,
      have: this.have.count,
      wanted: this.wantedCount,
      active: this.#active.size,
      pending: this.#pending.size,
      activeBytes: this.#activeBytes,
      inFlight: this.#inFlight,
      isEndgame: this.isEndgame,
    }
  }

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
    queue.missingCount = bitfield.countNotIn(this.have)
    this.#wanted.addSource(queue)
  }

  /** Its requests are released, and nothing of it is remembered but blame for blocks that it sent. */
  removeSource(source: BlockSource): void {
    const queue = this.#queueOf(source)
    this.#release(queue)
    this.#sources.delete(source.id)
    this.#parole.delete(source.id)
    this.#wanted?.removeSource(queue)
  }

  /** `source` has one more piece than before: `source.has(piece)` is already true. */
  onHave(source: BlockSource, piece: number): void {
    const queue = this.#queueOf(source)
    if (!queue.bitfield.has(piece)) throw new InvariantError(`source ${source.id} lacks piece ${piece}`)
    if (this.#wanted === undefined) return
    this.#wanted.onHave(queue, piece)
    if (this.have.has(piece)) return
    queue.missingCount++
  }

  /** Has it a piece that we do not have? */
  isInterestedIn(source: BlockSource): boolean {
    return this.#wanted !== undefined && this.#queueOf(source).missingCount > 0
  }

  /** Requests outstanding at this source. */
  inFlight(source: BlockSource): number {
    return this.#queueOf(source).count
  }

  isOnParole(source: BlockSource): boolean {
    return this.#parole.has(source.id)
  }

  /** All its blocks are in, and the verdict is awaited. */
  isPending(piece: number): boolean {
    return this.#pending.has(piece)
  }

  /** The sources that sent blocks of an active or pending piece. */
  contributors(piece: number): readonly number[] {
    return (this.#active.get(piece) ?? this.#pending.get(piece))?.contributors ?? []
  }

  /** The source that sent most blocks of an active or pending piece; 0 when there is none. */
  mainContributor(piece: number): number {
    return (this.#active.get(piece) ?? this.#pending.get(piece))?.mainContributor ?? 0
  }

  /**
   * Appends up to `count` requests to `out` and takes them as asked.
   *
   * @returns how many
   */
  pick(source: BlockSource, count: number, now: Millis, out: BlockRequest[]): number {
    if (this.#wanted === undefined) return 0
    const queue = this.#queueOf(source)
    if (queue.missingCount === 0) return 0
    this.#now = now
    let taken = 0
    while (taken < count) {
      const active = this.#pieceFor(queue)
      if (active === undefined) break
      taken += this.#take(active, queue, count - taken, out)
    }
    if (taken < count && this.isEndgame && !this.#parole.has(queue.id))
      taken += this.#duplicate(queue, count - taken, out)
    return taken
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
    let request = active?.requestsOf(block)
    while (request !== undefined && request.source !== source.id) request = request.copy
    if (active === undefined || request === undefined) {
      if (!queue.takeLapsed(this.#blockId(piece, block))) return 'unrequested'
      active = this.#acceptLapsed(queue, piece, block)
      if (active === undefined) return 'duplicate'
    } else queue.onBlock(request.askedAt, this.#now)
    active.receive(block, source.id)
    for (let asked = active.requestsOf(block); asked !== undefined; asked = active.requestsOf(block)) {
      const other = this.#sources.get(asked.source)!
      this.#drop(active, block, asked)
      if (other === queue) continue
      other.lapse(this.#blockId(piece, block))
      losers.push(other.source)
    }
    if (active.freeCount === 0) this.#open.remove(active)
    if (active.missingCount === 0) {
      this.#leave(active)
      this.#pending.set(piece, active)
    }
    return 'accepted'
  }

  /** All that is asked of it may be asked of others: it choked us or stalled. What still arrives is accepted. */
  release(source: BlockSource): void {
    this.#release(this.#queueOf(source))
  }

  /** A pending piece is verified and on disk. */
  onPieceWritten(piece: number): void {
    const active = this.#takePending(piece)
    this.have.set(piece)
    if (active.isExclusive) this.#endParole(active.reservedFor)
    for (const queue of this.#sources.values()) if (queue.bitfield.has(piece)) queue.missingCount--
    if (this.have.isFull) this.#wanted = undefined
  }

  /**
   * A pending piece does not have its hash: wanted again, and its senders go on parole.
   *
   * @returns the ids of the sources that sent blocks of it; a sole one is to blame
   */
  onPieceCorrupt(piece: number): readonly number[] {
    const { contributors } = this.#takePending(piece)
    this.#want(piece)
    for (const id of contributors) this.#startParole(id)
    return contributors
  }

  /** A pending piece could not be written: wanted again, and nobody is to blame. */
  onPieceFailed(piece: number): void {
    this.#takePending(piece)
    this.#want(piece)
  }

  /**
   * The 2 s round: re-ranks, releases what hangs, opens pieces that were left to one source for too long, and gives up
   * orphaned blocks when too many pieces are active.
   *
   * @returns sources that sent nothing for too long: what they were asked for is released
   */
  round(now: Millis): readonly BlockSource[] {
    this.#now = now
    this.#rounds++
    const stalled: BlockSource[] = []
    for (const queue of this.#sources.values()) {
      if (now >= queue.stallAt) {
        stalled.push(queue.source)
        this.#release(queue)
      }
      for (let oldest = queue.oldest; oldest !== undefined; oldest = queue.oldest) {
        if (now - oldest.askedAt < REQUEST_TIMEOUT) break
        this.#lapse(queue, oldest)
      }
    }
    for (const active of this.#active.values())
      if (active.reservedFor !== 0 && !active.isExclusive && now - active.reservedAt >= RESERVATION)
        this.#unreserve(active)
    this.#abandonOrphans()
    return stalled
  }

  #queueOf(source: BlockSource): SourceQueue {
    const queue = this.#sources.get(source.id)
    if (queue === undefined) throw new InvariantError(`source ${source.id} was not added`)
    return queue
  }

  #blockId(piece: number, block: number): number {
    return piece * Math.ceil(this.#geometry.pieceLength / BLOCK_LENGTH) + block
  }

  // Choosing

  /** The active piece of which `queue` should be asked for a free block; begun now if need be. */
  #pieceFor(queue: SourceQueue): ActivePiece | undefined {
    const { current } = queue
    if (current !== undefined && current.freeCount > 0 && current.reservedFor === queue.id) return current
    if (this.#parole.has(queue.id)) return this.#exclusiveFor(queue)
    return (
      this.#open.looseFor(queue, this.#rounds) ??
      this.#begin(queue, MAX_ACTIVE_BYTES) ??
      this.#open.reservedFor(queue, this.#rounds) ??
      // It would idle: one piece beyond the limit, for which the next round makes room.
      (queue.count === 0 ? this.#begin(queue, 2 * MAX_ACTIVE_BYTES) : undefined)
    )
  }

  /** A piece that a source on parole sends alone. */
  #exclusiveFor(queue: SourceQueue): ActivePiece | undefined {
    for (const active of this.#active.values())
      if (active.reservedFor === queue.id && active.freeCount > 0) return active
    return queue.parolePieces < MAX_PAROLE_PIECES ? this.#begin(queue, MAX_ACTIVE_BYTES) : undefined
  }

  #begin(queue: SourceQueue, maxBytes: number): ActivePiece | undefined {
    if (this.#activeBytes >= maxBytes && this.#active.size >= MIN_ACTIVE_PIECES) return undefined
    const piece = this.#wanted!.choose(queue, this.#rounds)
    if (piece < 0) return undefined
    const active = this.#activate(piece)
    active.isExclusive = this.#parole.has(queue.id)
    if (active.isExclusive) queue.parolePieces++
    this.#reserve(active, queue)
    return active
  }

  #activate(piece: number): ActivePiece {
    this.#wanted!.take(piece)
    const active = new ActivePiece(piece, this.#geometry.lengthOf(piece), this.#geometry.blockCount(piece))
    this.#active.set(piece, active)
    this.#activeBytes += active.length
    return active
  }

  // Asking and taking back

  #take(active: ActivePiece, queue: SourceQueue, count: number, out: BlockRequest[]): number {
    if (active.reservedFor === 0) this.#reserve(active, queue)
    let isFirstOfPiece = active.noteAsked(queue.id)
    const taken = Math.min(count, active.freeCount)
    for (let i = 0; i < taken; i++) {
      out.push(this.#ask(active, active.nextFree(), queue, isFirstOfPiece))
      isFirstOfPiece = false
    }
    if (active.freeCount === 0) this.#open.remove(active)
    return taken
  }

  #ask(active: ActivePiece, block: number, queue: SourceQueue, isFirstOfPiece: boolean): Request {
    const begin = block * BLOCK_LENGTH
    const request: Request = {
      piece: active.piece,
      begin,
      length: Math.min(BLOCK_LENGTH, active.length - begin),
      isFirstOfPiece,
      source: queue.id,
      askedAt: this.#now,
      copy: undefined,
      older: undefined,
      newer: undefined,
    }
    active.addRequest(block, request)
    queue.add(request)
    this.#inFlight++
    return request
  }

  /** Asks for blocks that hang at other sources, the oldest first. */
  #duplicate(queue: SourceQueue, count: number, out: BlockRequest[]): number {
    const room = Math.min(count, this.#endgame.room(queue.count))
    if (room === 0) return 0
    const late = this.#endgame.late(queue, room, {
      sources: this.#sources.values(),
      active: this.#active,
      now: this.#now,
    })
    const taken = Math.min(room, late.length)
    for (let i = 0; i < taken; i++) {
      const { piece, begin } = late[i]!
      const active = this.#active.get(piece)!
      out.push(this.#ask(active, begin / BLOCK_LENGTH, queue, active.noteAsked(queue.id)))
      this.#endgame.onDuplicate()
    }
    return taken
  }

  /** The block that a request was released for has come: the piece that takes it, or undefined when it is of no use. */
  #acceptLapsed(queue: SourceQueue, piece: number, block: number): ActivePiece | undefined {
    const isOnParole = this.#parole.has(queue.id)
    const active = this.#active.get(piece)
    if (active !== undefined) {
      const isForeign = active.reservedFor !== queue.id && (active.isExclusive || isOnParole)
      return isForeign || active.isIn(block) ? undefined : active
    }
    if (isOnParole || this.#activeBytes >= MAX_ACTIVE_BYTES) return undefined
    if (this.#wanted === undefined || !this.#wanted.has(piece)) return undefined
    // Its sender took its leave: whoever comes next goes on with the piece.
    const begun = this.#activate(piece)
    this.#open.add(begun)
    return begun
  }

  #drop(active: ActivePiece, block: number, request: Request): void {
    active.removeRequest(block, request)
    this.#sources.get(request.source)!.remove(request)
    this.#inFlight--
  }

  /** Takes a request back; its block may still come. */
  #lapse(queue: SourceQueue, request: Request): void {
    const active = this.#active.get(request.piece)!
    const block = request.begin / BLOCK_LENGTH
    this.#drop(active, block, request)
    queue.lapse(this.#blockId(request.piece, block))
    if (active.requestCount === 0 && active.missingCount === active.blockCount) this.#giveUp(active)
    else if (active.freeCount > 0) this.#open.add(active)
  }

  #release(queue: SourceQueue): void {
    for (let oldest = queue.oldest; oldest !== undefined; oldest = queue.oldest) this.#lapse(queue, oldest)
    for (const active of this.#active.values()) if (active.reservedFor === queue.id) this.#unreserve(active)
  }

  // States of a piece

  #leave(active: ActivePiece): void {
    this.#open.remove(active)
    this.#active.delete(active.piece)
    this.#activeBytes -= active.length
  }

  #takePending(piece: number): ActivePiece {
    const active = this.#pending.get(piece)
    if (active === undefined) throw new InvariantError(`piece ${piece} is not pending`)
    this.#pending.delete(piece)
    if (active.isExclusive) this.#countParolePiece(active.reservedFor, -1)
    return active
  }

  #want(piece: number): void {
    this.#wanted!.giveBack(piece)
  }

  /** Lets an active piece without requests go: it is wanted again. */
  #giveUp(active: ActivePiece): void {
    this.#leave(active)
    if (active.isExclusive) this.#countParolePiece(active.reservedFor, -1)
    active.reservedFor = 0
    this.#want(active.piece)
  }

  #abandon(active: ActivePiece): void {
    this.#giveUp(active)
    this.#onAbandon(active.piece)
  }

  /** Too many bytes are active: pieces that nobody is asked for go, those with the fewest blocks first. */
  #abandonOrphans(): void {
    if (this.#activeBytes <= MAX_ACTIVE_BYTES) return
    const orphans = [...this.#active.values()].filter((active) => active.requestCount === 0)
    orphans.sort((a, b) => b.missingCount / b.blockCount - a.missingCount / a.blockCount || a.piece - b.piece)
    for (const active of orphans) {
      if (this.#activeBytes <= MAX_ACTIVE_BYTES || this.#active.size <= MIN_ACTIVE_PIECES) return
      this.#abandon(active)
    }
  }

  // Reservations and parole

  #reserve(active: ActivePiece, queue: SourceQueue): void {
    this.#open.remove(active)
    active.reservedFor = queue.id
    active.reservedAt = this.#now
    queue.current = active
    this.#open.add(active)
  }

  /** The piece is open to others. One that its owner was to send alone is given up: nobody else shall share the blame. */
  #unreserve(active: ActivePiece): void {
    if (active.isExclusive) return this.#abandon(active)
    this.#open.remove(active)
    active.reservedFor = 0
    this.#open.add(active)
  }

  /** From now on it gets whole pieces alone. What it is alone with already, it goes on with; the rest is released. */
  #startParole(id: number): void {
    const queue = this.#sources.get(id)
    if (queue === undefined || this.#parole.has(id)) return
    this.#parole.add(id)
    for (const active of this.#active.values()) {
      if (active.reservedFor !== id || !active.isOnlyAskedOf(id)) continue
      this.#open.remove(active)
      active.isExclusive = true
      queue.parolePieces++
    }
    for (let request = queue.oldest; request !== undefined;) {
      const { newer } = request
      if (!this.#active.get(request.piece)!.isExclusive) this.#lapse(queue, request)
      request = newer
    }
    for (const active of this.#active.values())
      if (active.reservedFor === id && !active.isExclusive) this.#unreserve(active)
  }

  #endParole(id: number): void {
    if (!this.#parole.delete(id)) return
    for (const active of this.#active.values()) {
      if (active.reservedFor !== id || !active.isExclusive) continue
      this.#countParolePiece(id, -1)
      active.isExclusive = false
      this.#open.add(active)
    }
  }

  #countParolePiece(id: number, change: 1 | -1): void {
    const queue = this.#sources.get(id)
    if (queue !== undefined) queue.parolePieces += change
  }
}
