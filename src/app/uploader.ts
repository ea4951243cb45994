/** The upload side of a swarm: who may download from us, and which blocks they are sent when. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import { Choker, slotCount, type ChokerPeer } from '../peer/choker.ts'
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerEvent } from '../peer/events.ts'
import { GRAIN } from '../peer/token-bucket.ts'
import type { UploadRequest } from '../peer/upload-queue.ts'
import { UploadTurns } from '../peer/upload-turns.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { StorageError } from '../protocol/errors.ts'
import { PIECE_HEADER_LENGTH } from '../protocol/message.ts'
import type { Clock, Emit, Random } from '../protocol/ports.ts'
import type { CachedBlock, PieceCache } from '../storage/piece-cache.ts'
import { PieceOffers } from './piece-offers.ts'
import type { UploadBudget } from './rate-limits.ts'

/** Bytes that are being read or wait for the network, for all peers together. Each interested peer has a share of it … */
export const MAX_SEND_AHEAD_BYTES = 24 * 2 ** 20
/** … which is never less than this, a long `writev` … */
export const MIN_SEND_AHEAD_BYTES = 512 * 1024
/** … and not more: one part is being read while the other is being sent. */
export const MAX_SEND_AHEAD_BYTES_PER_PEER = 4 * 2 ** 20
/** The share while all of it is in use: what waits for peers that do not read cannot be taken back, so the others go on with this. */
export const MIN_CROWDED_SEND_AHEAD_BYTES = 128 * 1024
/** Bytes held in memory per byte that waits, since what was read together is freed together. Beyond this, what waits is copied. */
export const MAX_PINNED_TIMES = 8
/** A peer's next blocks are read once no more than this part of its share is left: few long reads cost less than many short ones. */
const REFILL_SHARE = 1 / 2

export interface UploaderOptions {
  readonly cache: PieceCache
  /** The budget for what is sent to an address; other addresses may share it. */
  readonly budget: (host: string) => UploadBudget
  readonly clock: Clock
  readonly emit: Emit<PeerEvent>
  /** Our own pieces, kept up to date by their owner. */
  readonly have: Bitfield
  readonly pieceLength: number
  /** Neighbouring pieces that are best read at once. */
  readonly groupSize: number
  readonly random: Random
  /** Whether the peer has not sent all that we have requested from it. */
  readonly owes: (peer: PeerConnection) => boolean
}

/** Peers that share an upload budget. */
interface Lane {
  readonly budget: UploadBudget
  readonly turns: UploadTurns<Upload>
  /** Bytes that the budget has granted in advance, for the next run of blocks, whoever is sent it. */
  grantedBytes: number
  /** The budget grants nothing more now, and will call back. */
  isWaiting: boolean
  /** Bytes that are being read, or were handed to a stream. */
  aheadBytes: number
}

interface Upload {
  readonly peer: PeerConnection
  readonly lane: Lane
  /** Bytes that are being read, or were handed to its stream. */
  aheadBytes: number
  /** Its share is on its way, and not enough of it has left to read more. */
  isSated: boolean
  /** It requested what we no longer have, or cannot read: it is choked until the next round. */
  isTurnedAway: boolean
}

export class Uploader {
  readonly #options: UploaderOptions
  readonly #choker = new Choker()
  readonly #offers: PieceOffers
  readonly #uploads = new Map<number, Upload>()
  readonly #lanes = new Map<UploadBudget, Lane>()
  #maxAheadBytes = MAX_SEND_AHEAD_BYTES_PER_PEER
  /** {@link Upload.aheadBytes} of all peers together. */
  #aheadBytes = 0

  constructor(options: UploaderOptions) {
    this.#options = options
    options.cache.readers = 0
    this.#offers = new PieceOffers({
      ...options,
      isLimited: ({ remote }) => options.budget(remote.endpoint.host).rate !== Infinity,
    })
  }

  /** @returns the pieces that it is to be told of */
  addPeer(peer: PeerConnection): Bitfield {
    const { clock, budget } = this.#options
    const lane = this.#laneOf(budget(peer.remote.endpoint.host))
    this.#uploads.set(peer.id, { peer, lane, aheadBytes: 0, isSated: false, isTurnedAway: false })
    if (peer.uplink.isInterested) this.#decide()
    return this.#offers.add(peer, clock.now())
  }

  removePeer(peer: PeerConnection): void {
    const upload = this.#uploads.get(peer.id)
    if (upload === undefined) return
    this.#uploads.delete(peer.id)
    upload.lane.turns.remove(upload)
    this.#offers.remove(peer)
    this.#decide()
  }

  onPieces(peer: PeerConnection): void {
    this.#offers.onPieces(peer)
  }

  onHave(peer: PeerConnection, piece: number): void {
    this.#offers.onHave(peer, piece)
  }

  onInterest(): void {
    this.#decide()
  }

  /** Whether the peer was told of fewer pieces than we have. */
  isHiding(peer: PeerConnection): boolean {
    return this.#offers.isHiding(peer)
  }

  /** The files of these pieces were changed: whether the pieces are still good is being checked. */
  onDoubt(pieces: readonly number[]): void {
    for (const piece of pieces) this.#options.cache.forget(piece)
    this.#offers.onDoubt()
  }

  onRequest(peer: PeerConnection, piece: number): void {
    this.#offers.onRequest(peer, piece, this.#options.clock.now())
  }

  /** All requests that came together are in the peer's queue: serves them. */
  onRequestsEnd(peer: PeerConnection): void {
    this.#offers.onRequestsEnd(peer)
    const upload = this.#uploads.get(peer.id)
    if (upload !== undefined && !upload.isSated) this.#serve(upload)
  }

  /** Every two seconds: reviews the slots, and gives peers another chance that were turned away. */
  round(): void {
    for (const upload of this.#uploads.values()) upload.isTurnedAway = false
    this.#decide()
    this.#offers.round(this.#options.clock.now())
    for (const lane of this.#lanes.values()) this.#run(lane)
  }

  #laneOf(budget: UploadBudget): Lane {
    let lane = this.#lanes.get(budget)
    if (lane === undefined) {
      lane = {
        budget,
        turns: new UploadTurns((upload) => this.#rankOf(upload)),
        grantedBytes: 0,
        isWaiting: false,
        aheadBytes: 0,
      }
      this.#lanes.set(budget, lane)
    }
    return lane
  }

  #decide(): void {
    const { cache, clock, have, emit, owes } = this.#options
    const now = clock.now()
    let rate = 0
    let limit = 0
    const peers: ChokerPeer[] = []
    for (const { peer, lane, aheadBytes, isTurnedAway } of this.#uploads.values()) {
      if (isTurnedAway || have.isEmpty) continue
      const peerRate = peer.uplink.sent.rate(now)
      rate += peerRate
      limit = Math.max(limit, lane.budget.rate)
      peers.push({
        id: peer.id,
        isInterested: peer.uplink.isInterested,
        // Requests that we have not answered yet are our doing; what it does not read is its own.
        isTaking: peerRate > 0 || (aheadBytes === 0 && (peer.uplink.queue?.size ?? 0) > 0),
        host: peer.remote.endpoint.host,
        isAsked: !peer.downlink.isChokingUs && owes(peer),
        downloadRate: peer.downlink.received.rate(now),
        unspreadCount: this.#offers.unspreadCount(peer),
      })
    }
    const readers = peers.filter(({ isInterested }) => isInterested).length
    cache.readers = readers
    this.#maxAheadBytes = Math.max(
      MIN_SEND_AHEAD_BYTES,
      Math.min(MAX_SEND_AHEAD_BYTES / readers, MAX_SEND_AHEAD_BYTES_PER_PEER),
    )
    const decisions = this.#choker.decide(peers, {
      now,
      isSeeding: have.isFull,
      slots: slotCount(limit, rate),
    })
    for (const { id, action, reason } of decisions) {
      const { peer } = this.#uploads.get(id)!
      if (action === 'choke') peer.uplink.choke()
      else peer.uplink.unchoke()
      emit({ event: action, peer: peer.address, reason })
    }
  }

  #serve(upload: Upload): void {
    upload.lane.turns.add(upload)
    this.#run(upload.lane)
  }

  /** Sends what the budget, the network and the disk take now, turn by turn. */
  #run(lane: Lane): void {
    const { turns } = lane
    const now = this.#options.clock.now()
    let isTaken = true
    for (let upload = turns.current; upload !== undefined && !lane.isWaiting; upload = turns.current) {
      const request = this.#nextRequest(upload)
      if (request === undefined) this.#rest(upload)
      else if (turns.mayServe(request.piece, now)) isTaken = this.#isSent(upload, request)
      if (!isTaken) break
    }
    this.#options.cache.startReads()
    if (isTaken && !lane.isWaiting && lane.aheadBytes === 0) this.#offers.onIdle()
  }

  /** It has no request that could be served now, or has enough on its way. */
  #rest(upload: Upload): void {
    upload.lane.turns.remove(upload)
    if (!upload.isSated && !upload.peer.uplink.isChoked) this.#offers.onAllServed(upload.peer)
  }

  /** The lowest goes first: what nobody else is being sent. */
  #rankOf({ peer }: Upload): number {
    const request = peer.uplink.queue?.peek()
    return request === undefined ? 0 : this.#offers.rankOf(peer, request.piece)
  }

  /** The request to be served next; undefined when there is none, or when it has enough on its way. */
  #nextRequest(upload: Upload): UploadRequest | undefined {
    const { peer, isSated } = upload
    if (isSated) return undefined
    const request = peer.uplink.queue?.peek()
    if (request === undefined || this.#options.have.has(request.piece)) return request
    this.#turnAway(upload)
    return undefined
  }

  /**
   * A request that cannot be served must not be left open, because the peer would wait for it. BEP 3 has no message for "no" but choke,
   * which voids all its requests: it may then request the block from others, and something else from us.
   */
  #turnAway(upload: Upload): void {
    const { peer } = upload
    if (peer.isClosed || peer.uplink.isChoked) return
    upload.isTurnedAway = true
    peer.uplink.choke()
    this.#options.emit({
      event: 'choke',
      peer: peer.address,
      reason: 'it asked for a piece that we do not have, or cannot read',
    })
    this.#decide()
  }

  /**
   * Serves the request, together with those that continue it.
   *
   * @returns false when the budget or the disk takes nothing now, whoever's turn it is
   */
  #isSent(upload: Upload, { piece, begin }: UploadRequest): boolean {
    const { lane, peer } = upload
    const { cache } = this.#options
    const grain = (lane.budget.rate * GRAIN) / 1_000
    const room = this.#maxAheadOfEach - upload.aheadBytes
    const run = peer.uplink.queue!.peekRun(Math.min(cache.windowFrom(begin), room, grain))
    const bytes = lengthOf(run)
    const cost = bytes + run.length * PIECE_HEADER_LENGTH
    if (!this.#isGranted(lane, cost)) return false
    this.#countAhead(upload, weightOf(run))
    const isTaken = cache.read(piece, begin, bytes, (blocks) => this.#onRead(upload, run, blocks))
    if (!isTaken) {
      this.#countAhead(upload, -weightOf(run))
      return false
    }
    lane.grantedBytes -= cost
    lane.turns.onServed(piece, bytes, this.#options.clock.now())
    peer.uplink.queue?.take(run)
    this.#offers.onServed(peer, piece)
    return true
  }

  /** A run goes out whole: asks the budget for what is missing for it. @returns whether all of it is granted */
  #isGranted(lane: Lane, bytes: number): boolean {
    const missing = bytes - lane.grantedBytes
    if (missing <= 0) return true
    lane.grantedBytes += lane.budget.ask(missing, () => {
      lane.isWaiting = false
      this.#run(lane)
    })
    lane.isWaiting = lane.grantedBytes < bytes
    return !lane.isWaiting
  }

  #countAhead(upload: Upload, bytes: number): void {
    upload.aheadBytes += bytes
    upload.lane.aheadBytes += bytes
    this.#aheadBytes += bytes
    const max = this.#maxAheadOfEach
    if (upload.aheadBytes >= max) upload.isSated = true
    else if (upload.aheadBytes <= max * REFILL_SHARE) upload.isSated = false
  }

  get #maxAheadOfEach(): number {
    return this.#aheadBytes > MAX_SEND_AHEAD_BYTES ? MIN_CROWDED_SEND_AHEAD_BYTES : this.#maxAheadBytes
  }

  #onRead(upload: Upload, run: readonly UploadRequest[], blocks: CachedBlock | StorageError): void {
    const { peer } = upload
    const weight = weightOf(run)
    if (blocks instanceof StorageError) {
      this.#countAhead(upload, -weight)
      this.#turnAway(upload)
      return
    }
    if (peer.isClosed || peer.uplink.isChoked) {
      this.#countAhead(upload, -weight)
      blocks.release()
      return
    }
    const { bytes, release } = peer.queuedBytes > 0 ? unpinned(blocks) : blocks
    peer.uplink.sendBlocks(run, bytes, () => {
      release()
      this.#countAhead(upload, -weight)
      if (peer.isClosed) this.#run(upload.lane)
      else if (!upload.isSated) this.#serve(upload)
    })
  }
}

/** Bytes. */
function lengthOf(run: readonly UploadRequest[]): number {
  let bytes = 0
  for (const { length } of run) bytes += length
  return bytes
}

/** Bytes that count against its peer's share: a short block counts like a whole one, because it holds as much memory. */
function weightOf(run: readonly UploadRequest[]): number {
  let weight = 0
  for (const { length } of run) weight += Math.max(length, BLOCK_LENGTH)
  return weight
}

/** The same blocks, copied if they would hold far more memory than they are long. */
function unpinned(blocks: CachedBlock): CachedBlock {
  if (blocks.pinnedBytes <= MAX_PINNED_TIMES * blocks.bytes.length) return blocks
  const bytes = blocks.bytes.slice()
  blocks.release()
  return { bytes, pinnedBytes: bytes.length, release() {} }
}
