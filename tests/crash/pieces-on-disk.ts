/** Which pieces of a payload are right on disk, read by the test itself. */
import { hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Metainfo } from '../../src/app/library.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { ID_LENGTH } from '../../src/protocol/ids.ts'

/** @param path of a single file; one that is not there holds no piece */
export function piecesOnDisk(path: string, { geometry, digests }: Metainfo): Bitfield {
  const { pieceCount, pieceLength } = geometry
  const right = new Bitfield(pieceCount)
  const fd = open(path)
  if (fd === undefined) return right
  const bytes = Buffer.allocUnsafe(pieceLength)
  const hole = Buffer.alloc(pieceLength)
  try {
    for (let piece = 0; piece < pieceCount; piece++) {
      const data = bytes.subarray(0, geometry.lengthOf(piece))
      const length = readSync(fd, data, 0, data.length, piece * pieceLength)
      // The payload is random: zeros are no piece of it, and need no hash.
      if (length < data.length || data.equals(hole.subarray(0, data.length))) continue
      const digest = digests.subarray(piece * ID_LENGTH, (piece + 1) * ID_LENGTH)
      if (hash('sha1', data, 'buffer').equals(digest)) right.set(piece)
    }
  } finally {
    closeSync(fd)
  }
  return right
}

function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
