/**
 * The notes of a running download: which pieces have been written since the resume file was. Each piece has a place of
 * its own in a sparse file, so that a note is one small write, in any order, by whoever wrote the piece, and never waits
 * for another:
 *
 *     byte 0        8        16
 *     ├ note of 0 ──┼ note of 1 ─┼ …        the key, with the piece's number mixed in
 *
 * A note is one value of 64 bits, and anything else that may be in its place is no note: holes, half a write, flipped bits,
 * notes of an earlier key or of another piece. The key is in the resume file, so replacing that file voids all notes at once. Nothing here is ever synced unless each piece is: after a power cut, notes may be missing, and
 * those that are there say what was written, not what is on the disk.
 */
import { Bitfield } from '../protocol/bitfield.ts'

export const NOTE_BYTES = 8

/** Says under `key`, of as many bytes, that `piece` was written. */
export function noteOf(key: Uint8Array, piece: number): Uint8Array {
  const note = new Uint8Array(key)
  const view = new DataView(note.buffer)
  view.setUint32(0, view.getUint32(0) ^ piece)
  return note
}

/** The pieces that `notes` name; none beyond their end if they are short. */
export function readNotes(notes: Uint8Array, key: Uint8Array, pieceCount: number): Bitfield {
  const pieces = new Bitfield(pieceCount)
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength)
  const keyView = new DataView(key.buffer, key.byteOffset, NOTE_BYTES)
  const [high, low] = [keyView.getUint32(0), keyView.getUint32(4)]
  const end = Math.min(pieceCount, Math.floor(notes.length / NOTE_BYTES))
  for (let piece = 0; piece < end; piece++) {
    const at = piece * NOTE_BYTES
    if (view.getUint32(at + 4) === low && view.getUint32(at) === (high ^ piece) >>> 0) pieces.set(piece)
  }
  return pieces
}
