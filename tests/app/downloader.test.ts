import { describe, expect, test } from 'vitest'
import { Downloader, type StoreCallbacks } from '../../src/app/downloader.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { BlockSupplier } from '../../src/peer/block-supplier.ts'
import { PiecePicker } from '../../src/peer/picker.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import type { BlockRange } from '../../src/protocol/message.ts'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import type { Verdict } from '../../src/storage/disk.ts'
import { PieceStore } from '../../src/storage/piece-store.ts'
import { hashes } from '../support/hashes.ts'

const BLOCKS = 6
const geometry = new PieceGeometry(BLOCKS * BLOCK_LENGTH, [{ path: [], length: BLOCKS * BLOCK_LENGTH - 5 }])
const piece = Uint8Array.from({ length: geometry.length }, (_, at) => at % 251)

/** Has the piece, and is asked for three of its blocks at a time. */
class Supplier implements BlockSupplier {
  readonly id: number
  readonly pieces = Bitfield.full(1)
  isChokingUs = false
  readonly window = { size: 3, onStall: () => void this.said.push('stalled') }
  readonly asked: BlockRange[] = []
  /** What else it was told. */
  readonly said: string[] = []
  isClosed = false
  isWanted = false
  strikes = 0
  onStrike = (): void => {}

  constructor(id: number) {
    this.id = id
  }

  get address(): string {
    return `peer ${this.id}`
  }

  has(): boolean {
    return true
  }

  setWanted(isWanted: boolean): void {
    this.isWanted = isWanted
  }

  request(runs: readonly BlockRange[]): void {
    for (const { begin, length } of runs) this.asked.push({ piece: 0, begin, length })
  }

  cancel(ranges: readonly BlockRange[]): void {
    for (const { begin } of ranges) this.said.push(`cancel ${begin / BLOCK_LENGTH}`)
  }

  hold(why: string): void {
    this.said.push(`hold ${why}`)
  }

  unhold(why: string): void {
    this.said.push(`unhold ${why}`)
  }

  strike(): void {
    this.strikes++
    this.onStrike()
  }
}

interface Download {
  readonly downloader: Downloader
  readonly clock: SimClock
  readonly written: Uint8Array[]
  /** Ids of the sources that were convicted. */
  readonly culprits: number[]
}

function download({
  verdict = 'written',
  createStore,
}: { verdict?: Verdict; createStore?: (callbacks: StoreCallbacks) => PieceStore } = {}): Download {
  const written: Uint8Array[] = []
  const culprits: number[] = []
  const clock = new SimClock()
  const have = new Bitfield(1)
  const downloader = new Downloader({
    geometry,
    createPicker: (onAbandon) =>
      new PiecePicker({ geometry, have, order: 'rarest', random: new SeededRandom(1), onAbandon }),
    createStore: (callbacks) =>
      createStore?.(callbacks) ??
      new PieceStore({
        payload: {
          commit(_piece, bytes, done) {
            written.push(bytes.slice())
            done(verdict)
          },
        },
        geometry,
        pool: new BufferPool(),
        cache: { add: () => {} },
        clock,
        emit: () => {},
        ...callbacks,
      }),
    clock,
    hashes,
    emit: () => {},
    onWritten: () => {},
    onCulprit: ({ id }) => culprits.push(id),
    onDiskFailed: (error) => {
      throw error
    },
  })
  return { downloader, clock, written, culprits }
}

/** Blocks `first` to `last` in one row. */
function send(downloader: Downloader, from: Supplier, [first, last]: readonly [number, number]): void {
  const begin = first * BLOCK_LENGTH
  const bytes = piece.subarray(begin, (last + 1) * BLOCK_LENGTH)
  downloader.onBlocks(from, { piece: 0, begin, length: bytes.length }, bytes)
}

test('blocks in a row are judged one by one: what was asked for counts, the rest is held against the sender', () => {
  const { downloader, written } = download()
  const peer = new Supplier(1)
  downloader.addPeer(peer)
  expect(peer.asked).toEqual([{ piece: 0, begin: 0, length: 3 * BLOCK_LENGTH }])

  send(downloader, peer, [0, 5])
  expect(peer.strikes).toBe(3)
  expect(downloader.acceptedBytes).toBe(3 * BLOCK_LENGTH)
  expect(downloader.wastedBytes).toBe(3 * BLOCK_LENGTH - 5)

  downloader.onSupplyEnd(peer)
  send(downloader, peer, [1, 4]) // one that is there, and two that were asked for now
  expect(downloader.acceptedBytes).toBe(5 * BLOCK_LENGTH)
  send(downloader, peer, [5, 5])
  expect(written).toEqual([piece])
})

test('who is parted with in the middle of a row has delivered what came before, and nothing after it', () => {
  const { downloader, written } = download()
  const [peer, other] = [new Supplier(1), new Supplier(2)]
  peer.onStrike = () => {
    peer.isClosed = true
    downloader.removePeer(peer)
  }
  downloader.addPeer(peer)
  send(downloader, peer, [0, 5])
  expect(downloader.acceptedBytes).toBe(3 * BLOCK_LENGTH)

  downloader.addPeer(other)
  expect(other.asked).toEqual([{ piece: 0, begin: 3 * BLOCK_LENGTH, length: 3 * BLOCK_LENGTH - 5 }])
  send(downloader, other, [3, 5])
  expect(written).toEqual([piece])
})

/** Blocks that a supplier was asked for, in order. */
function blocksOf({ asked }: Supplier): number[] {
  return asked.flatMap(({ begin, length }) =>
    Array.from({ length: Math.ceil(length / BLOCK_LENGTH) }, (_, block) => begin / BLOCK_LENGTH + block),
  )
}

function join(downloader: Downloader, count: number): Supplier[] {
  const peers = Array.from({ length: count }, (_, at) => new Supplier(at + 1))
  for (const peer of peers) downloader.addPeer(peer)
  return peers
}

describe('who is suspected', () => {
  test('when it comes sends its piece alone', () => {
    const { downloader } = download()
    const [suspect, other] = [new Supplier(1), new Supplier(2)]
    downloader.addPeer(suspect, true)
    downloader.addPeer(other)
    expect([blocksOf(suspect), blocksOf(other)]).toEqual([[0, 1, 2], []])
  })

  test('later goes on alone; who has left, or never said what it has, is no trouble', () => {
    const { downloader } = download()
    const [suspect] = join(downloader, 1)
    const [other, stranger] = [new Supplier(2), new Supplier(3)]
    downloader.suspect(suspect!)
    downloader.suspect(stranger)
    downloader.onChoke(stranger)
    downloader.addPeer(other)
    expect(blocksOf(other)).toEqual([])
  })
})

test('what one that leaves was asked for is asked of the others at once', () => {
  const { downloader } = download()
  const [a, b] = join(downloader, 2)
  expect([blocksOf(a!), blocksOf(b!)]).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ])
  send(downloader, b!, [3, 5])
  downloader.removePeer(a!)
  expect(blocksOf(b!)).toEqual([3, 4, 5, 0, 1, 2])
})

test('what one that chokes us was asked for is free for the others', () => {
  const { downloader } = download()
  const [a, b] = join(downloader, 2)
  send(downloader, b!, [3, 5])
  a!.isChokingUs = true
  downloader.onChoke(a!)
  downloader.onSupplyEnd(b!)
  expect(blocksOf(b!)).toEqual([3, 4, 5, 0, 1, 2])
})

test('a late block is asked of a second one: the first to send it has the other cancelled, and is not blamed', () => {
  const { downloader, clock } = download()
  const [a, b] = join(downloader, 2)
  send(downloader, b!, [3, 5])
  clock.runUntil(200)
  downloader.onSupplyEnd(b!)
  expect(blocksOf(b!)).toEqual([3, 4, 5, 0, 1, 2])
  send(downloader, a!, [0, 0])
  expect([a!.said, b!.said]).toEqual([[], ['cancel 0']])
  send(downloader, b!, [0, 1])
  expect([a!.said, b!.said]).toEqual([['cancel 1'], ['cancel 0']])
  expect([a!.strikes, b!.strikes, downloader.wastedBytes]).toEqual([0, 0, BLOCK_LENGTH])
})

test('one that sends nothing for long is told so, and asked again after the others', () => {
  const { downloader, clock } = download()
  const [mute, other] = join(downloader, 2)
  send(downloader, other!, [3, 5])
  clock.runUntil(11_000)
  downloader.round(11_000)
  expect(mute!.said).toEqual(['stalled'])
  expect(other!.said).toEqual([])
  expect(blocksOf(other!)).toEqual([3, 4, 5, 0, 1, 2])
  downloader.removePeer(other!)
  downloader.round(24_000)
  expect(blocksOf(mute!).slice(3, 6)).toEqual([0, 1, 2])
})

test('when a piece is bad its only sender is blamed, and all is asked for anew', () => {
  const { downloader, culprits } = download({ verdict: 'corrupt' })
  const [liar, other] = join(downloader, 1).concat(new Supplier(2))
  send(downloader, liar!, [0, 2])
  downloader.onSupplyEnd(liar!)
  downloader.addPeer(other!)
  expect(blocksOf(other!)).toEqual([])
  send(downloader, liar!, [3, 5])
  expect([culprits, downloader.wastedBytes]).toEqual([[1], piece.length])
  expect([blocksOf(liar!).length, blocksOf(other!).length]).toEqual([9, 3])
})

test('nothing is wanted any more of those whose pieces are all had', () => {
  const { downloader } = download()
  const [a, b] = join(downloader, 2)
  send(downloader, a!, [0, 2])
  expect([a!.isWanted, b!.isWanted]).toEqual([true, true])
  send(downloader, b!, [3, 5])
  expect([a!.isWanted, b!.isWanted]).toEqual([false, false])
})

test('while the disk is behind all are held and nothing is asked for; then all goes on', () => {
  let callbacks!: StoreCallbacks
  const store = { isCongested: true, isStalled: false, put: () => {}, close: () => (store.isStalled = true) }
  const { downloader } = download({
    createStore: (given) => {
      callbacks = given
      return store as unknown as PieceStore
    },
  })
  const [a, b] = join(downloader, 2)
  expect([a!, b!].map(({ said, asked }) => [said, asked])).toEqual([
    [['hold disk'], []],
    [['hold disk'], []],
  ])
  store.isCongested = false
  callbacks.onDrain()
  expect([a!, b!].map((peer) => [peer.said, blocksOf(peer)])).toEqual([
    [
      ['hold disk', 'unhold disk'],
      [0, 1, 2],
    ],
    [
      ['hold disk', 'unhold disk'],
      [3, 4, 5],
    ],
  ])
  store.isCongested = true
  send(downloader, a!, [0, 2])
  expect([a!, b!].map(({ said }) => said.at(-1))).toEqual(['hold disk', 'hold disk'])
  downloader.close()
  expect(store.isStalled).toBe(true)
})
