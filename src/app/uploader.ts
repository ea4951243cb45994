/** The other side of a swarm: who may download from us, and the blocks that they are sent. */
import { Choker } from '../peer/choker.ts'
import type { PeerConnection } from '../peer/connection.ts'
import type { PeerEvent } from '../peer/events.ts'
import { StorageError } from '../protocol/errors.ts'
import { PIECE_HEADER_LENGTH } from '../protocol/message.ts'
import type { Bandwidth, Clock, Emit } from '../protocol/ports.ts'
import type { CachedBlock, PieceCache } from '../storage/piece-cache.ts'

/** Bytes towards one peer that are being read or wait for the network. Enough for a long `writev`, few enough for many peers. */
export const MAX_SEND_AHEAD_BYTES = 1024 * 1024

export interface UploaderOptions {
  readonly cache: PieceCache
  /** What may be sent to an address, together with others. */
  readonly bandwidth: (host: string) => Bandwidth
  readonly clock: Clock
  readonly emit: Emit<PeerEvent>
  readonly hasPiece: (piece: number) => boolean
  readonly onReadFailed: (error: StorageError) => void
}

interface Upload {
  readonly peer: PeerConnection
  readonly bandwidth: Bandwidth
  /** Being read, or handed to the stream. */
  aheadBytes: number
  /** Granted by the budget for the block that is next. */
  grantedBytes: number
  isWaitingForBudget: boolean
}

export class Uploader {
  readonly #options: UploaderOptions
  readonly #choker = new Choker()
  readonly #uploads = new Map<number, Upload>()

  constructor(options: UploaderOptions) {
    this.#options = options
    options.cache.readers = 0
  }

  addPeer(peer: PeerConnection): void {
    const bandwidth = this.#options.bandwidth(peer.remote.host)
    this.#uploads.set(peer.id, {
      peer,
      bandwidth,
      aheadBytes: 0,
      grantedBytes: 0,
      isWaitingForBudget: false,
    })
    if (peer.isInterestedInUs) this.#decide()
  }

  removePeer(peer: PeerConnection): void {
    if (this.#uploads.delete(peer.id)) this.#decide()
  }

  onInterest(): void {
    this.#decide()
  }

  onRequest(peer: PeerConnection): void {
    const upload = this.#uploads.get(peer.id)
    if (upload) this.#serve(upload)
  }

  /** Rotates the slots, and gives those another chance whom an overloaded disk turned away. */
  round(): void {
    this.#decide()
    for (const upload of this.#uploads.values()) this.#serve(upload)
  }

  #decide(): void {
    const now = this.#options.clock.now()
    const peers = Array.from(this.#uploads.values(), ({ peer }) => ({
      id: peer.id,
      isInterested: peer.isInterestedInUs,
      downloadRate: peer.downRate.rate(now),
      uploadRate: peer.upRate.rate(now),
    }))
    this.#options.cache.readers = peers.filter(({ isInterested }) => isInterested).length
    for (const { id, action, reason } of this.#choker.decide(peers, now)) {
      const { peer } = this.#uploads.get(id)!
      if (action === 'choke') peer.choke()
      else peer.unchoke()
      this.#options.emit({ event: action, peer: peer.address, reason })
    }
  }

  #serve(upload: Upload): void {
    const { peer } = upload
    while (!upload.isWaitingForBudget && upload.aheadBytes < MAX_SEND_AHEAD_BYTES) {
      const request = peer.uploads?.peek()
      if (request === undefined) return
      if (!this.#options.hasPiece(request.piece)) {
        peer.uploads!.next()
        continue
      }
      if (!this.#isGranted(upload, PIECE_HEADER_LENGTH + request.length)) return
      upload.aheadBytes += request.length
      const isTaken = this.#options.cache.read(request.piece, request.begin, request.length, (block) =>
        this.#onBlock(upload, request, block),
      )
      if (!isTaken) {
        upload.aheadBytes -= request.length
        return
      }
      upload.grantedBytes -= PIECE_HEADER_LENGTH + request.length
      peer.uploads?.next()
    }
  }

  /** Saves up the budget for a block, which goes out whole. */
  #isGranted(upload: Upload, bytes: number): boolean {
    const missing = bytes - upload.grantedBytes
    if (missing <= 0) return true
    upload.grantedBytes += upload.bandwidth.ask(missing, () => {
      upload.isWaitingForBudget = false
      if (!upload.peer.isClosed) this.#serve(upload)
    })
    upload.isWaitingForBudget = upload.grantedBytes < bytes
    return !upload.isWaitingForBudget
  }

  #onBlock(
    upload: Upload,
    request: { readonly piece: number; readonly begin: number; readonly length: number },
    block: CachedBlock | StorageError,
  ): void {
    const { peer } = upload
    if (block instanceof StorageError) {
      upload.aheadBytes -= request.length
      this.#options.onReadFailed(block)
      return
    }
    if (peer.isClosed || peer.isChoked) {
      upload.aheadBytes -= request.length
      block.release()
      return
    }
    peer.sendBlock(request, block.bytes, () => {
      block.release()
      upload.aheadBytes -= request.length
      if (!peer.isClosed) this.#serve(upload)
    })
  }
}
