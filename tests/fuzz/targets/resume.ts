import { PieceGeometry } from '../../../src/metainfo/geometry.ts'
import { Bitfield } from '../../../src/protocol/bitfield.ts'
import { toHex, type InfoHash } from '../../../src/protocol/ids.ts'
import { assess, decodeResume, encodeResume } from '../../../src/storage/resume.ts'
import { hashes } from '../../support/hashes.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'

const geometry = new PieceGeometry(40, [
  { path: ['a'], length: 100 },
  { path: ['b'], length: 0 },
  { path: ['c'], length: 333 },
])
const infoHash = new Uint8Array(20).fill(0xab) as InfoHash
const HEADER = /^(bitswarm-resume \d+ )[0-9a-f]{64}$/

export const target: FuzzTarget = {
  sources: ['storage/resume.ts'],
  words: ['bitswarm-resume 1 ', '"isClean":true', '"files":[', 'null', '"modifiedAt":1.5'],

  seeds: () => {
    const some = new Bitfield(geometry.pieceCount)
    some.set(3)
    const files = [{ length: 100, modifiedAt: 1.5 }, undefined, { length: 333, modifiedAt: 2 }]
    return [
      { infoHash, pieces: some, files, isClean: false },
      { infoHash, pieces: Bitfield.full(geometry.pieceCount), files, isClean: true },
      {
        infoHash,
        pieces: new Bitfield(geometry.pieceCount),
        files: [undefined, undefined, undefined],
        isClean: true,
      },
    ].map((state) => encodeResume(state, hashes))
  },

  run(data) {
    for (const bytes of [data, withRightChecksum(data)]) {
      const state = accepted(() => decodeResume(bytes, { infoHash, geometry }, hashes), ['disk.resume'])
      if (state === undefined) continue
      claimSame(
        decodeResume(encodeResume(state, hashes), { infoHash, geometry }, hashes),
        state,
        'written, read',
      )
      claim(state.pieces.count <= geometry.pieceCount, 'pieces that there are')
      const { trusted, doubtful } = assess(state, geometry, state.files)
      claim(
        doubtful.every((piece) => geometry.isPiece(piece) && !trusted.has(piece)),
        'a piece is trusted or in doubt',
      )
    }
  },
}

function withRightChecksum(data: Uint8Array): Uint8Array {
  const end = data.indexOf(0x0a)
  const [, start] = HEADER.exec(Buffer.from(data.subarray(0, Math.max(0, end))).toString('latin1')) ?? []
  if (start === undefined) return data
  const body = data.subarray(end + 1)
  return Buffer.concat([latin1(`${start}${toHex(hashes.sha256(body))}\n`), body])
}
