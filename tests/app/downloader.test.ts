import { expect, test } from 'vitest'
import { Downloader } from '../../src/app/downloader.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { BlockSupplier } from '../../src/peer/block-supplier.ts'
import { PiecePicker } from '../../src/peer/picker.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import type { BlockRange } from '../../src/protocol/message.ts'
import { BufferPool } from '../../src/storage/buffer-pool.ts'
import { PieceStore } from '../../src/storage/piece-store.ts'
import { hashes } from '../support/hashes.ts'

const BLOCKS = 6
const geometry = new PieceGeometry(BLOCKS * BLOCK_LENGTH, [{ path: [], length: BLOCKS * BLOCK_LENGTH - 5 }])
const piece = Uint8Array.from({ length: geometry.length }, (_, at) => at % 251)

/** Has the piece, and is asked for three of its blocks at a time. */
class Supplier implements BlockSupplier {
  readonly id: number
  readonly pieces = Bitfield.full(1)
  readonly isChokingUs = false
  readonly window = { size: 3, onStall: () => {} }
  readonly asked: BlockRange[] = []
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

  cancel(): void {}
  hold(): void {}
  unhold(): void {}

  strike(): void {
    this.strikes++
    this.onStrike()
  }
}

function download(): { downloader: Downloader; written: Uint8Array[] } {
  const written: Uint8Array[] = []
  const clock = new SimClock()
  const have = new Bitfield(1)
  const downloader = new Downloader({
    geometry,
    createPicker: (onAbandon) =>
      new PiecePicker({ geometry, have, order: 'rarest', random: new SeededRandom(1), onAbandon }),
    createStore: (callbacks) =>
      new PieceStore({
        payload: {
          commit(_piece, bytes, done) {
            written.push(bytes.slice())
            done('written')
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
    onCulprit: () => {},
    onDiskFailed: (error) => {
      throw error
    },
  })
  return { downloader, written }
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
