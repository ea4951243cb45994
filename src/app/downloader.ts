/** The download side of a swarm: what is requested from whom, and what becomes of the blocks that come. */
import { BLOCK_LENGTH, type PieceGeometry } from '../metainfo/geometry.ts'
import { BlockEvidence, type Conviction } from '../peer/block-evidence.ts'
import type { BlockSupplier } from '../peer/block-supplier.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { BlockRun } from '../peer/claim.ts'
import type { BlockVerdict } from '../peer/block-verdict.ts'
import type { PiecePicker } from '../peer/picker.ts'
import type { BlockSource } from '../peer/source-queue.ts'
import type { StorageError } from '../protocol/errors.ts'
import type { BlockRange } from '../protocol/message.ts'
import type { Clock, Emit, Hashes, Millis } from '../protocol/ports.ts'
import type { Verdict } from '../storage/disk.ts'
import type { PieceStore } from '../storage/piece-store.ts'

/** Peers that left, whose addresses are remembered: events about a piece name those who sent it, even if they are gone. */
const MAX_DEPARTED = 1_000

/** More is requested once this share of the window has arrived: few long writes cost both sides less than many short ones. */
const REFILL_SHARE = 1 / 4

export interface DownloaderOptions {
  readonly geometry: PieceGeometry
  readonly createPicker: (onAbandon: (piece: number) => void) => PiecePicker
  /** The store is made by the Downloader, which its verdicts on pieces come back to. */
  readonly createStore: (callbacks: StoreCallbacks) => PieceStore
  readonly clock: Clock
  readonly hashes: Hashes
  readonly emit: Emit<PeerEvent>
  /** A piece is on disk and may be offered. */
  readonly onWritten: (piece: number) => void
  /** A source sent what is not the payload. It may be gone. */
  readonly onCulprit: (conviction: Conviction) => void
  /** The disk cannot take a piece, for good. */
  readonly onDiskFailed: (error: StorageError) => void
}

export interface StoreCallbacks {
  onPiece(piece: number, result: Verdict | StorageError, bytes: Uint8Array): void
  onDrain(): void
}

export class Downloader {
  readonly picker: PiecePicker
  readonly store: PieceStore
  readonly #options: DownloaderOptions
  readonly #evidence: BlockEvidence
  readonly #peers = new Map<number, BlockSupplier>()
  readonly #departed = new Map<number, string>()
  /** Payload bytes that came and were put into pieces. */
  #acceptedBytes = 0
  /** Payload bytes that came and were of no use: duplicates, unrequested ones, corrupt pieces. */
  #wastedBytes = 0
  // Scratch, filled anew at each use: nothing is allocated for a block or a request.
  readonly #runs: BlockRun[] = []
  readonly #losers: BlockSource[] = []

  constructor(options: DownloaderOptions) {
    this.#options = options
    this.#evidence = new BlockEvidence(options.hashes)
    this.picker = options.createPicker((piece) => this.store.discard(piece))
    this.store = options.createStore({
      onPiece: (piece, result, bytes) => this.#onFate(piece, result, bytes),
      onDrain: () => this.#onDrain(),
    })
  }

  get acceptedBytes(): number {
    return this.#acceptedBytes
  }

  get wastedBytes(): number {
    return this.#wastedBytes
  }

  /** Blocks asked of this peer that have not come. */
  inFlight(peer: BlockSupplier): number {
    return this.#peers.has(peer.id) ? this.picker.inFlight(peer) : 0
  }

  /**
   * The peer said which pieces it has.
   *
   * @param isSuspect it comes from where a liar came from
   */
  addPeer(peer: BlockSupplier, isSuspect = false): void {
    this.#peers.set(peer.id, peer)
    this.picker.addSource(peer, peer.pieces!)
    if (isSuspect) this.picker.suspect(peer)
    this.#updateWanted(peer)
    if (this.store.isCongested) peer.hold('disk')
    this.#refill(peer)
  }

  removePeer(peer: BlockSupplier): void {
    if (!this.#peers.delete(peer.id)) return
    this.picker.removeSource(peer)
    this.#departed.set(peer.id, peer.address)
    if (this.#departed.size > MAX_DEPARTED) this.#departed.delete(this.#departed.keys().next().value!)
    // What was requested from it may be requested from others now.
    for (const other of this.#peers.values()) this.#refill(other)
  }

  /** Somebody who came from where this peer is has lied. */
  suspect(peer: BlockSupplier): void {
    if (this.#peers.has(peer.id)) this.picker.suspect(peer)
  }

  onHave(peer: BlockSupplier, piece: number): void {
    this.picker.onHave(peer, piece)
    this.#updateWanted(peer)
  }

  onChoke(peer: BlockSupplier): void {
    if (this.#peers.has(peer.id)) this.picker.release(peer)
  }

  onUnchoke(peer: BlockSupplier): void {
    this.#refill(peer)
  }

  /** One block, or several side by side: each is judged by itself, and those that are accepted in a row are put at once. */
  onBlocks(peer: BlockSupplier, { piece, begin, length }: BlockRange, bytes: Uint8Array): void {
    let firstAccepted = 0
    for (let at = 0; at < length; at += BLOCK_LENGTH) {
      const block = { piece, begin: begin + at, length: Math.min(BLOCK_LENGTH, length - at) }
      const verdict = this.#verdictOn(peer, block)
      if (verdict === 'accepted') continue
      // What the picker has taken must be in the store before the peer is blamed: it may leave, and the piece with it.
      this.#put(piece, begin + firstAccepted, bytes.subarray(firstAccepted, at))
      firstAccepted = at + block.length
      this.#wastedBytes += block.length
      if (verdict === 'unrequested') peer.strike()
    }
    this.#put(piece, begin + firstAccepted, bytes.subarray(firstAccepted))
  }

  /** All blocks that came together are in, and all that the peer said with them that it has. */
  onSupplyEnd(peer: BlockSupplier): void {
    if (this.inFlight(peer) <= peer.window.size * (1 - REFILL_SHARE)) this.#refill(peer)
  }

  /** Every 2 s: withdraws requests that hang, and fills up everybody's window with what has become free. */
  round(now: Millis): void {
    const stalled = this.picker.round(now).map(({ id }) => this.#peers.get(id)!)
    for (const peer of stalled) peer.window.onStall()
    // Peers that send come first: they get what the silent ones were asked for.
    for (const peer of this.#peers.values()) if (!stalled.includes(peer)) this.#refill(peer)
    for (const peer of stalled) this.#refill(peer)
  }

  /** What is on disk of these pieces is in doubt. */
  onDoubt(pieces: readonly number[]): void {
    for (const piece of pieces) this.picker.onPieceDoubted(piece)
  }

  /** Pieces that were in doubt are good. */
  onKept(pieces: readonly number[]): void {
    for (const piece of pieces)
      for (const { id } of this.picker.onPieceKept(piece)) this.#peers.get(id)?.setWanted(false)
  }

  /** Pieces that were in doubt are bad: they are fetched again, unless the download was complete. */
  onLost(pieces: readonly number[]): void {
    for (const piece of pieces) this.picker.onPieceLost(piece)
    for (const peer of this.#peers.values()) {
      this.#updateWanted(peer)
      this.#refill(peer)
    }
  }

  close(): void {
    this.store.close()
  }

  #verdictOn(peer: BlockSupplier, block: BlockRange): BlockVerdict {
    if (!this.#peers.has(peer.id)) return 'unrequested'
    const losers = this.#losers
    losers.length = 0
    const verdict = this.picker.onBlock(peer, block.piece, block.begin, block.length, losers)
    for (const loser of losers) this.#peers.get(loser.id)?.cancel([block])
    return verdict
  }

  #put(piece: number, begin: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#acceptedBytes += bytes.length
    this.store.put(piece, begin, bytes)
    if (this.store.isCongested) for (const each of this.#peers.values()) each.hold('disk')
  }

  #refill(peer: BlockSupplier): void {
    if (peer.isClosed || peer.isChokingUs || !peer.isWanted) return
    if (this.store.isCongested || this.store.isStalled) return
    const now = this.#options.clock.now()
    const room = peer.window.size - this.picker.inFlight(peer)
    if (room <= 0) return
    const runs = this.#runs
    runs.length = 0
    this.picker.pick(peer, room, now, runs)
    for (const { piece, isFirstOfPiece } of runs)
      if (isFirstOfPiece) this.#options.emit({ event: 'request', piece, peer: peer.address })
    if (runs.length > 0) peer.request(runs)
  }

  #onFate(piece: number, result: Verdict | StorageError, bytes: Uint8Array): void {
    if (result === 'written') this.#onWritten(piece, bytes)
    else if (result === 'corrupt') this.#onCorrupt(piece, bytes)
    else {
      this.picker.onPieceFailed(piece)
      this.#options.onDiskFailed(result)
    }
  }

  #onWritten(piece: number, bytes: Uint8Array): void {
    const { geometry, emit } = this.#options
    const sender = this.picker.mainContributor(piece)
    const used = this.picker.onPieceWritten(piece)
    emit({
      event: 'have',
      piece,
      peer: this.#addressOf(sender),
      bytes: geometry.lengthOf(piece),
      done: this.picker.have.count,
      pieces: geometry.pieceCount,
    })
    for (const { id } of used) this.#peers.get(id)?.setWanted(false)
    if (this.#evidence.has(piece)) this.#judge(piece, bytes)
    this.#options.onWritten(piece)
  }

  /** A piece that was bad is good: those who made it bad are known, and the others are free. */
  #judge(piece: number, bytes: Uint8Array): void {
    for (const conviction of this.#evidence.convict(piece, bytes)) this.#convict(conviction)
    for (const peer of this.#peers.values()) this.#refill(peer)
  }

  #onCorrupt(piece: number, bytes: Uint8Array): void {
    const senders = this.picker.sendersOf(piece)
    const contributors = this.picker.onPieceCorrupt(piece)
    this.#wastedBytes += bytes.length
    this.#options.emit({
      event: 'hash_fail',
      piece,
      peers: [...new Set(contributors.map((id) => this.#addressOf(id)))],
    })
    if (contributors.length > 1) this.#evidence.add(piece, senders, bytes)
    else this.#convict({ id: contributors[0]!, piece, blocks: undefined })
    for (const peer of this.#peers.values()) {
      this.#updateWanted(peer)
      this.#refill(peer)
    }
  }

  /** Takes back what it sent of pieces that are not complete yet, and reports it. */
  #convict(conviction: Conviction): void {
    this.picker.forget(conviction.id, (piece, bytes) => {
      this.#wastedBytes += bytes
      this.store.unput(piece, bytes)
    })
    this.#options.onCulprit(conviction)
  }

  #onDrain(): void {
    for (const peer of this.#peers.values()) {
      peer.unhold('disk')
      this.#refill(peer)
    }
  }

  #updateWanted(peer: BlockSupplier): void {
    peer.setWanted(this.picker.isInterestedIn(peer))
  }

  #addressOf(id: number): string {
    return this.#peers.get(id)?.address ?? this.#departed.get(id) ?? 'unknown'
  }
}
