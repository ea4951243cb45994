/** How much a peer is given at once, and what of it is read together. */
import { expect, test } from 'vitest'
import { MAX_SEND_AHEAD_BYTES_PER_PEER, Uploader } from '../../src/app/uploader.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'
import { RateMeter } from '../../src/peer/rate-meter.ts'
import { UploadQueue } from '../../src/peer/upload-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import { MAX_READ_BYTES, PieceCache } from '../../src/storage/piece-cache.ts'

const PIECE_LENGTH = 2 ** 18
const BLOCKS = PIECE_LENGTH / BLOCK_LENGTH
const PIECES = 256

/** A seeder, a peer that has not been sent anything, and a disk that reads when it is told to. */
function makeScene() {
  const clock = new SimClock()
  const reads: { bytes: number; finish: () => void }[] = []
  const pool = new BufferPool()
  const cache = new PieceCache({
    geometry: new PieceGeometry(PIECE_LENGTH, [{ path: [], length: PIECES * PIECE_LENGTH }]),
    pool,
    payload: {
      read: (_piece, _begin, into, done) =>
        reads.push({ bytes: into.reduce((sum, { length }) => sum + length, 0), finish: done }),
    },
  })
  const uploader = new Uploader({
    cache,
    budget: () => ({ rate: Infinity, ask: (bytes) => bytes }),
    clock,
    emit: () => {},
    have: Bitfield.full(PIECES),
    random: new SeededRandom(1),
    owes: () => false,
    onReadFailed: () => {},
  })
  /** Blocks on their way to the peer: each call says that one has left. */
  const leaving: (() => void)[] = []
  const uploads = new UploadQueue(PIECE_LENGTH)
  const meter = new RateMeter()
  const peer = {
    id: 1,
    address: '10.0.0.1:1',
    remote: { host: '10.0.0.1', port: 1 },
    isInterestedInUs: true,
    isChoked: false,
    isClosed: false,
    upRate: meter,
    downRate: meter,
    uploads,
    unchoke: () => {},
    sendHaves: () => {},
    sendBlock: (_range: unknown, _block: unknown, release: () => void) => leaving.push(release),
  } as unknown as PeerConnection
  uploader.addPeer(peer)
  return {
    reads,
    leaving,
    pool,
    cache,
    ask: (firstPiece: number, pieces: number) => {
      for (let block = firstPiece * BLOCKS; block < (firstPiece + pieces) * BLOCKS; block++) {
        const piece = Math.floor(block / BLOCKS)
        uploads.push({ piece, begin: (block % BLOCKS) * BLOCK_LENGTH, length: BLOCK_LENGTH })
        uploader.onRequest(peer, piece)
      }
    },
    finishReads: () => {
      const all: number[] = []
      for (let read = reads.shift(); read !== undefined; read = reads.shift()) {
        all.push(read.bytes)
        read.finish()
      }
      return all
    },
    leave: (bytes: number) => {
      for (const release of leaving.splice(0, bytes / BLOCK_LENGTH)) release()
    },
  }
}

test('the first block is read at once, and a peer gets no more than its share at a time', () => {
  const { ask, reads, leaving, finishReads } = makeScene()
  ask(0, 1)
  expect(reads).toHaveLength(1)
  ask(1, 99)
  finishReads()
  expect(leaving).toHaveLength(MAX_SEND_AHEAD_BYTES_PER_PEER / BLOCK_LENGTH)
})

test('when half of it has left, the next part is read, in few long reads', () => {
  const { ask, reads, leaving, leave, finishReads } = makeScene()
  ask(0, 100)
  finishReads()
  const half = MAX_SEND_AHEAD_BYTES_PER_PEER / 2
  leave(half - BLOCK_LENGTH)
  expect(reads).toHaveLength(0)
  leave(BLOCK_LENGTH)
  expect(finishReads()).toEqual(new Array(half / MAX_READ_BYTES).fill(MAX_READ_BYTES))
  expect(leaving).toHaveLength(MAX_SEND_AHEAD_BYTES_PER_PEER / BLOCK_LENGTH)
})

test('requests that come while a peer has enough are served later, to the last one, and no buffer is lost', () => {
  const { ask, reads, leaving, leave, finishReads, cache, pool } = makeScene()
  let left = 0
  for (let piece = 0; piece < 200 || leaving.length > 0 || reads.length > 0; piece += 10) {
    if (piece < 200) ask(piece, 10)
    finishReads()
    const bytes = Math.min(leaving.length * BLOCK_LENGTH, 3 * 2 ** 20)
    leave(bytes)
    left += bytes
  }
  expect(left).toBe(200 * PIECE_LENGTH)
  cache.close()
  expect(pool.outstandingBytes).toBe(0)
})
