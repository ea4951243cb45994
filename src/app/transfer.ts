/** What moves the blocks of one open payload: store and cache on the side of the disk, the two directions on that of the peers. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Conviction } from '../peer/block-evidence.ts'
import type { PeerEvent } from '../peer/events.ts'
import { PiecePicker } from '../peer/picker.ts'
import { groupSize } from '../peer/wanted-pieces.ts'
import type { OrderName } from '../peer/piece-order.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import type { PayloadError, StorageError } from '../protocol/errors.ts'
import type { Clock, Emit, Hashes, Random } from '../protocol/ports.ts'
import type { BufferPool } from '../storage/buffer-pool.ts'
import type { StorageEvent } from '../storage/events.ts'
import type { Payload } from '../storage/disk.ts'
import { PieceCache } from '../storage/piece-cache.ts'
import { PayloadGuard } from '../storage/payload-guard.ts'
import { PieceStore } from '../storage/piece-store.ts'
import { Downloader } from './downloader.ts'
import type { RateLimits } from './rate-limits.ts'
import { Uploader } from './uploader.ts'

export interface TransferOptions {
  readonly payload: Payload
  readonly geometry: PieceGeometry
  /** Verified and written pieces: updated from now on. */
  readonly have: Bitfield
  readonly order: OrderName
  readonly pool: BufferPool
  readonly cacheBytes: number | undefined
  readonly limits: RateLimits
  readonly clock: Clock
  readonly hashes: Hashes
  readonly random: Random
  readonly emit: Emit<PeerEvent | StorageEvent>
  /** A piece is on disk and may be offered. */
  readonly onWritten: (piece: number) => void
  readonly onCulprit: (conviction: Conviction) => void
  /** Pieces that were in doubt are good. */
  readonly onKept: (pieces: readonly number[]) => void
  /** Pieces that may have been offered are not on disk any more. */
  readonly onLost: (pieces: readonly number[]) => void
  /** The disk cannot take a piece, or has nothing any more, for good. */
  readonly onDiskFailed: (error: StorageError | PayloadError) => void
}

export interface Transfer {
  readonly geometry: PieceGeometry
  readonly downloader: Downloader
  readonly uploader: Uploader
  readonly cache: PieceCache
  readonly guard: PayloadGuard
  /** Nobody here asks anything of the payload afterwards; what was asked is answered to nobody. */
  close(): void
}

export function createTransfer(options: TransferOptions): Transfer {
  const { payload, geometry, have, order, pool, cacheBytes, limits, clock, random, emit } = options
  const guard = new PayloadGuard({
    payload,
    geometry,
    clock,
    emit,
    have,
    found: payload.found,
    onDoubt: (pieces) => {
      downloader.onDoubt(pieces)
      uploader.onDoubt(pieces)
    },
    onKept: (pieces) => {
      downloader.onKept(pieces)
      options.onKept(pieces)
    },
    onLost: (pieces) => {
      options.onLost(pieces)
      downloader.onLost(pieces)
    },
    onGone: options.onDiskFailed,
  })
  const cache = new PieceCache({
    payload: guard,
    geometry,
    pool,
    ...(cacheBytes !== undefined && { maxBytes: cacheBytes }),
  })
  const downloader = new Downloader({
    ...options,
    createPicker: (onAbandon) => new PiecePicker({ geometry, have, order, random, onAbandon }),
    createStore: (callbacks) => new PieceStore({ payload, geometry, pool, cache, clock, emit, ...callbacks }),
  })
  const uploader = new Uploader({
    cache,
    budget: (host) => limits.up(host),
    clock,
    emit,
    have,
    pieceLength: geometry.pieceLength,
    groupSize: groupSize(geometry.pieceCount, geometry.pieceLength),
    random: random.fork('uploader'),
    owes: (peer) => downloader.inFlight(peer.downlink) > 0,
  })
  const close = (): void => {
    for (const each of [downloader, guard, cache]) each.close()
  }
  return { geometry, downloader, uploader, cache, guard, close }
}
