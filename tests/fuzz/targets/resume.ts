import { PieceGeometry } from '../../../src/metainfo/geometry.ts'
import { Bitfield } from '../../../src/protocol/bitfield.ts'
import { bytesEqual, toHex, type InfoHash } from '../../../src/protocol/ids.ts'
import type { FileStat } from '../../../src/storage/disk.ts'
import { assess, judgeFiles } from '../../../src/storage/resume-assessment.ts'
import { NOTE_BYTES, noteOf, readNotes } from '../../../src/storage/resume-notes.ts'
import { decodeResume, encodeResume, type ResumeState } from '../../../src/storage/resume.ts'
import { hashes } from '../../support/hashes.ts'
import { accepted, claim } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'

const geometry = new PieceGeometry(40, [
  { path: ['a'], length: 100 },
  { path: ['b'], length: 0 },
  { path: ['.pad', '20'], length: 20, isPadding: true },
  { path: ['c'], length: 333 },
])
const PIECES = geometry.pieceCount
const infoHash = new Uint8Array(20).fill(0xab) as InfoHash
const KEY = latin1('\u0001key\0\u00ff%!')
const HEADER = /^(bitswarm-resume \d+ )[0-9a-f]{64}$/
/** What is found in place. */
const FOUND: readonly (FileStat | undefined)[] = [
  { length: 100, modifiedAt: 1_000.5, changedAt: 1_000.5, attributes: '', inode: '7' },
  undefined,
  undefined,
  { length: 333, modifiedAt: 2_000, changedAt: 2_001, attributes: '', inode: '8' },
]

export const target: FuzzTarget = {
  sources: ['storage/resume.ts', 'storage/resume-notes.ts', 'storage/resume-assessment.ts'],
  words: [
    '"isClean":true',
    '"files":[',
    'null',
    '"modifiedAt":1.5',
    '"changedAt":1.5',
    '"inode":"7"',
    '"boot":""',
  ],

  seeds: () => {
    const some = new Bitfield(PIECES)
    some.set(3)
    const full = Bitfield.full(PIECES)
    const base = { infoHash, boot: 'b1', key: KEY, files: FOUND }
    const states: readonly ResumeState[] = [
      { ...base, synced: some, written: full, isClean: false },
      { ...base, synced: full, written: full, isClean: true },
      {
        ...base,
        synced: new Bitfield(PIECES),
        written: some,
        isClean: true,
        files: FOUND.map(() => undefined),
      },
    ]
    const notes = Array.from({ length: PIECES }, (_, piece) => noteOf(KEY, piece))
    return [
      ...states.map((state) => encodeResume(state, hashes)),
      Buffer.concat(notes),
      Buffer.concat([notes[1]!, new Uint8Array(NOTE_BYTES), notes[2]!, notes[3]!.subarray(3)]),
    ]
  },

  run(data) {
    const noted = claimNotes(data)
    for (const bytes of [data, withRightChecksum(data)]) {
      const state = accepted(() => decodeResume(bytes, { infoHash, geometry }, hashes), ['disk.resume'])
      if (state === undefined) continue
      const written = encodeResume(state, hashes)
      const again = decodeResume(written, { infoHash, geometry }, hashes)
      claim(bytesEqual(encodeResume(again, hashes), written), 'written, read, written')
      for (const boot of [state.boot, `not ${state.boot}`, '']) claimAssessment(state, noted, boot)
    }
  },
}

/** A note is nothing else than what would be written. */
function claimNotes(data: Uint8Array): Bitfield {
  const noted = readNotes(data, KEY, PIECES)
  for (let piece = 0; piece < PIECES; piece++) {
    const there = data.subarray(piece * NOTE_BYTES, (piece + 1) * NOTE_BYTES)
    claim(noted.has(piece) === bytesEqual(there, noteOf(KEY, piece)), `the note of ${piece}`)
  }
  return noted
}

/** Nothing is trusted that nobody has named, nor taken for durable that may have been lost. */
function claimAssessment(state: ResumeState, noted: Bitfield, boot: string): void {
  const isSameBoot = boot !== '' && boot === state.boot
  const files = judgeFiles(state, geometry, { found: FOUND, writtenAt: 3_000 })
  const { trusted, synced, doubtful, survivors } = assess(state, geometry, { files, noted, boot })
  for (let piece = 0; piece < PIECES; piece++) {
    const isWritten = state.written.has(piece) || noted.has(piece)
    claim(
      !trusted.has(piece) || state.synced.has(piece) || (isSameBoot && isWritten),
      'what is trusted was named',
    )
    claim(!synced.has(piece) || (trusted.has(piece) && state.synced.has(piece)), 'what is durable was synced')
    claim(!trusted.has(piece) || !doubtful.includes(piece), 'a piece is trusted or in doubt')
    claim(!survivors.has(piece) || (doubtful.includes(piece) && isWritten), 'what survived is looked at')
  }
  for (const [file, judgement] of files.entries()) {
    const [first, end] = geometry.piecesOf(file)
    for (let piece = first; piece < end; piece++)
      claim(
        judgement === 'known' || !trusted.has(piece),
        'no piece of a file that is not the one that it was',
      )
  }
}

function withRightChecksum(data: Uint8Array): Uint8Array {
  const end = data.indexOf(0x0a)
  const header = Buffer.from(data.subarray(0, Math.max(0, end))).toString('latin1')
  const [, start] = HEADER.exec(header) ?? []
  if (start === undefined) return data
  const body = data.subarray(end + 1)
  return Buffer.concat([latin1(`${start}${toHex(hashes.sha256(body))}\n`), body])
}
