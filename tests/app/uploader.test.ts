/** How much a peer is given at once, and what of it is read together. */
import { expect, test } from 'vitest'
import {
  MAX_SEND_AHEAD_BYTES,
  MAX_SEND_AHEAD_BYTES_PER_PEER,
  MIN_CROWDED_SEND_AHEAD_BYTES,
  Uploader,
} from '../../src/app/uploader.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'
import { RateMeter } from '../../src/peer/rate-meter.ts'
import { GRAIN } from '../../src/peer/token-bucket.ts'
import { UploadQueue } from '../../src/peer/upload-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import type { BlockRange } from '../../src/protocol/message.ts'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import {
  CACHE_BYTES_PER_READER,
  MAX_READ_BYTES,
  MAX_WINDOW_BYTES,
  PieceCache,
} from '../../src/storage/piece-cache.ts'

const PIECE_LENGTH = 2 ** 18
const PIECES = 256

/** A seeder, a peer that has not been sent anything, and a disk that reads when it is told to. */
function makeScene({ pieceLength = PIECE_LENGTH, rate = Infinity } = {}) {
  const clock = new SimClock()
  const reads: { bytes: number; finish: () => void }[] = []
  const pool = new BufferPool()
  const cache = new PieceCache({
    geometry: new PieceGeometry(pieceLength, [{ path: [], length: PIECES * pieceLength }]),
    pool,
    payload: {
      read: (_piece, _begin, into, done) =>
        reads.push({ bytes: into.reduce((sum, { length }) => sum + length, 0), finish: done }),
    },
  })
  const budget = { rate, ask: (bytes: number) => bytes }
  const uploader = new Uploader({
    cache,
    budget: () => budget,
    clock,
    emit: () => {},
    have: Bitfield.full(PIECES),
    pieceLength,
    groupSize: 1,
    random: new SeededRandom(1),
    owes: () => false,
  })
  /** Runs of blocks on their way to the peer, oldest first. */
  const leaving: { id: number; run: readonly BlockRange[]; bytes: number; release: () => void }[] = []
  let lastId = 0
  /** One more peer that wants everything. */
  const join = () => {
    const queue = new UploadQueue(pieceLength)
    const id = ++lastId
    const uplink = {
      isInterested: true,
      isChoked: false,
      sent: new RateMeter(),
      queue,
      choke: () => {},
      unchoke: () => {},
      sendHaves: (pieces: readonly number[]) => told.push(...pieces),
      sendBlocks: (run: readonly BlockRange[], { length }: Uint8Array, release: () => void) =>
        leaving.push({ id, run, bytes: length, release }),
    }
    const peer = {
      id,
      address: `10.0.0.${id}:1`,
      remote: { endpoint: { host: `10.0.0.${id}`, port: 1 } },
      isClosed: false,
      get queuedBytes() {
        return leaving.reduce((sum, { id: to, bytes }) => sum + (to === id ? bytes : 0), 0)
      },
      downlink: { isChokingUs: true, received: new RateMeter() },
      uplink,
    } as unknown as PeerConnection
    const told = uploader.addPeer(peer).indices()
    return {
      told,
      /** As many bytes of the beginning of each piece. */
      askOfEach: (bytes: number) => {
        for (let piece = 0; piece < PIECES; piece++) {
          queue.push({ piece, begin: 0, length: bytes })
          uploader.onRequest(peer, piece)
        }
        uploader.onRequestsEnd(peer)
      },
      ask: (firstPiece: number, pieces: number) => {
        for (let piece = firstPiece; piece < firstPiece + pieces; piece++)
          for (let begin = 0; begin < pieceLength; begin += BLOCK_LENGTH) {
            queue.push({ piece, begin, length: BLOCK_LENGTH })
            uploader.onRequest(peer, piece)
          }
        uploader.onRequestsEnd(peer)
      },
      loseInterest: () => {
        uplink.isInterested = false
        uploader.onInterest()
      },
    }
  }
  return {
    ...join(),
    join,
    reads,
    leaving,
    pool,
    cache,
    finishReads: () => {
      const all: number[] = []
      for (let read = reads.shift(); read !== undefined; read = reads.shift()) {
        all.push(read.bytes)
        read.finish()
      }
      return all
    },
    leavingBytes: () => leaving.reduce((sum, { bytes }) => sum + bytes, 0),
    leave: (runs: number) => {
      let left = 0
      for (const { bytes, release } of leaving.splice(0, runs)) {
        left += bytes
        release()
      }
      return left
    },
  }
}

test('what was asked for together is read at once, and a peer gets no more than its share at a time', () => {
  const { ask, reads, leavingBytes, finishReads } = makeScene()
  ask(0, 1)
  expect(reads).toHaveLength(1)
  ask(1, 99)
  finishReads()
  expect(leavingBytes()).toBe(MAX_SEND_AHEAD_BYTES_PER_PEER)
})

test('when half of it has left, the next part is read, in few long reads', () => {
  const { ask, reads, leave, leavingBytes, finishReads } = makeScene()
  ask(0, 100)
  finishReads()
  const half = MAX_SEND_AHEAD_BYTES_PER_PEER / 2
  leave(half / PIECE_LENGTH - 1)
  expect(reads).toHaveLength(0)
  leave(1)
  expect(finishReads()).toEqual(new Array(half / MAX_READ_BYTES).fill(MAX_READ_BYTES))
  expect(leavingBytes()).toBe(MAX_SEND_AHEAD_BYTES_PER_PEER)
})

test('what waits for those who do not read is bounded, even when each of them was alone, and the next one is served', () => {
  const { join, leavingBytes, finishReads, loseInterest } = makeScene()
  loseInterest()
  for (let stuck = 0; stuck < 20; stuck++) {
    const peer = join()
    peer.ask(4 * stuck, 20)
    finishReads()
    peer.loseInterest()
  }
  expect(leavingBytes()).toBeGreaterThan(MAX_SEND_AHEAD_BYTES)
  expect(leavingBytes()).toBeLessThan(
    MAX_SEND_AHEAD_BYTES + MAX_SEND_AHEAD_BYTES_PER_PEER + 20 * PIECE_LENGTH,
  )
  const before = leavingBytes()
  join().ask(200, 20)
  finishReads()
  expect(leavingBytes() - before).toBe(MIN_CROWDED_SEND_AHEAD_BYTES)
})

test('who asks for a block here and there and does not read keeps no more in memory than that, nor than its share', () => {
  const { askOfEach, finishReads, leaving, cache, pool } = makeScene({ pieceLength: MAX_WINDOW_BYTES })
  cache.readers = 1
  askOfEach(BLOCK_LENGTH)
  while (finishReads().length > 0);
  expect(leaving).toHaveLength(MAX_SEND_AHEAD_BYTES_PER_PEER / BLOCK_LENGTH)
  // What is cached, and the first block, which could have left at once.
  expect(pool.outstandingBytes).toBeLessThanOrEqual(CACHE_BYTES_PER_READER + MAX_WINDOW_BYTES)
})

test('short blocks count as long ones: each takes memory of its own', () => {
  const { askOfEach, join, finishReads, leaving } = makeScene()
  const peers = [{ askOfEach }, join(), join(), join(), join(), join(), join(), join(), join()]
  for (const peer of peers) peer.askOfEach(1)
  while (finishReads().length > 0);
  expect(leaving.length).toBeLessThan((MAX_SEND_AHEAD_BYTES + MAX_SEND_AHEAD_BYTES_PER_PEER) / BLOCK_LENGTH)
})

test('blocks that lie side by side leave as one run, which ends where the piece or its window ends', () => {
  const small = makeScene()
  small.ask(0, 2)
  small.finishReads()
  expect(small.leaving.map(({ bytes }) => bytes)).toEqual([PIECE_LENGTH, PIECE_LENGTH])
  const blocks = small.leaving[1]!.run.map(({ piece, begin }) => [piece, begin / BLOCK_LENGTH])
  expect(blocks).toEqual(Array.from({ length: PIECE_LENGTH / BLOCK_LENGTH }, (_, block) => [1, block]))

  const large = makeScene({ pieceLength: 4 * MAX_WINDOW_BYTES })
  large.ask(0, 1)
  large.finishReads()
  expect(large.leaving.map(({ bytes }) => bytes)).toEqual(new Array(4).fill(MAX_WINDOW_BYTES))
})

test('under a limit no run is longer than what the limit gives in one grain, and a block goes out whole', () => {
  const runsAt = (rate: number): number[] => {
    const scene = makeScene({ rate })
    scene.ask(0, 1)
    scene.finishReads()
    return scene.leaving.map(({ bytes }) => bytes / BLOCK_LENGTH)
  }
  const blocksPerGrain = (blocks: number): number => (blocks * BLOCK_LENGTH * 1_000) / GRAIN
  expect(runsAt(blocksPerGrain(4.5))).toEqual([4, 4, 4, 4])
  expect(runsAt(blocksPerGrain(0.1))).toEqual(new Array(16).fill(1))
})

test('requests that come while a peer has enough are served later, to the last one, and no buffer is lost', () => {
  const { ask, reads, leaving, leave, finishReads, cache, pool } = makeScene()
  let left = 0
  for (let piece = 0; piece < 200 || leaving.length > 0 || reads.length > 0; piece += 10) {
    if (piece < 200) ask(piece, 10)
    finishReads()
    left += leave(12)
  }
  expect(left).toBe(200 * PIECE_LENGTH)
  cache.close()
  expect(pool.outstandingBytes).toBe(0)
})

test('who was sent all that it asked for while others are served is told of another piece: it may lose interest', () => {
  const { join, told, ask, leaving, finishReads } = makeScene({ pieceLength: 4 * BLOCK_LENGTH })
  const guests = [
    { told, ask, asked: 0 },
    { ...join(), asked: 0 },
  ]
  while (guests.some((guest) => guest.asked < guest.told.length))
    for (const guest of guests) if (guest.asked < guest.told.length) guest.ask(guest.told[guest.asked++]!, 1)
  expect(new Set(guests.flatMap((guest) => guest.told)).size).toBe(PIECES)
  const own = told.length

  // The other one does not read: what it is being sent never leaves.
  const leaves = () => leaving.findIndex(({ run }) => told.includes(run[0]!.piece))
  do {
    finishReads()
    for (let at = leaves(); at >= 0; at = leaves()) leaving.splice(at, 1)[0]!.release()
  } while (finishReads().length > 0)

  expect(leaving.length).toBeGreaterThan(0)
  expect(told.length).toBe(own + 1)
  expect(guests[1]!.told).toContain(told[own])
})
