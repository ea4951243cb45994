import { expect, test } from 'vitest'
import { Opening } from '../../src/app/opening.ts'
import type { Opened } from '../../src/app/opening.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { buildMetainfo } from '../../src/metainfo/build.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import type { PayloadError, StorageError } from '../../src/protocol/errors.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { hashes } from '../support/hashes.ts'

const PIECE = 16_384

/** Opens a download of 5,000 bytes, 3 pieces of padding and 700 bytes, where so many bytes are free. */
function openPadded(freeBytes: number): Opened | StorageError | PayloadError | undefined {
  const clock = new SimClock()
  const random = new SeededRandom(1)
  const disk = new MemoryDisk({ clock, random, hashes })
  disk.freeBytes = freeBytes
  const files = [
    { path: ['a'], length: 5_000 },
    { path: ['.pad', '0'], length: 3 * PIECE, isPadding: true as const },
    { path: ['b'], length: 700 },
  ]
  const digests = new Uint8Array(20 * new PieceGeometry(PIECE, files).pieceCount)
  const metainfo = buildMetainfo(
    { name: 'set', isSingleFile: false, files, pieceLength: PIECE, digests, isPrivate: false },
    hashes,
  )
  let result: Opened | StorageError | PayloadError | undefined
  new Opening({
    ...{ disk, hashes, random, metainfo, path: '/data/set', mode: 'download', check: 'full' },
    ...{ sync: 'interval', mayOverwrite: false, clock, emit: () => {} },
    onProgress: () => {},
    onDone: (opened) => (result = opened),
  }).start()
  clock.runUntil(1_000)
  return result
}

test('a download needs room for its files, and none for padding', () => {
  expect(openPadded(5_700)).toMatchObject({ source: 'empty' })
  expect(openPadded(5_699)).toMatchObject({ code: 'disk.full' })
})
