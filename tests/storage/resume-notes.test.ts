import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NOTE_BYTES, noteOf, readNotes } from '../../src/storage/resume-notes.ts'

const keys = fc.uint8Array({ minLength: NOTE_BYTES, maxLength: NOTE_BYTES })
const COUNT = 50
const written = fc.uniqueArray(fc.nat(COUNT - 1))

/** The file after these pieces were noted, each at its place, in this order. */
function notesOf(key: Uint8Array, pieces: readonly number[]): Uint8Array {
  const notes = new Uint8Array(COUNT * NOTE_BYTES)
  for (const piece of pieces) notes.set(noteOf(key, piece), piece * NOTE_BYTES)
  return notes
}

const read = (notes: Uint8Array, key: Uint8Array): number[] => readNotes(notes, key, COUNT).indices()
const inOrder = (pieces: readonly number[]): number[] => pieces.toSorted((a, b) => a - b)
const isSubset = (some: readonly number[], all: readonly number[]): boolean =>
  some.every((piece) => all.includes(piece))

test('what was noted is read, in whatever order it was written', () => {
  fc.assert(
    fc.property(keys, written, (key, pieces) => {
      expect(read(notesOf(key, pieces), key)).toEqual(inOrder(pieces))
    }),
  )
})

test('piece numbers use all of their 22 bits', () => {
  const key = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0)
  const last = 2 ** 22 - 1
  const notes = new Uint8Array((last + 1) * NOTE_BYTES)
  for (const piece of [0, 1, 65_536, last]) notes.set(noteOf(key, piece), piece * NOTE_BYTES)
  expect(readNotes(notes, key, last + 1).indices()).toEqual([0, 1, 65_536, last])
})

describe('a piece that was not written is never read from notes', () => {
  // A key of which a hole could be a note is not drawn in 2^64 tries; fast-check likes to try it.
  const drawn = keys.filter((key) => key.some((byte, at) => at >= 4 && byte !== 0))

  test('that were cut off anywhere', () => {
    fc.assert(
      fc.property(drawn, written, fc.nat(COUNT * NOTE_BYTES), (key, pieces, length) => {
        const found = read(notesOf(key, pieces).subarray(0, length), key)
        expect(found).toEqual(inOrder(pieces.filter((piece) => (piece + 1) * NOTE_BYTES <= length)))
      }),
    )
  })

  test('of which some bytes, pages or halves of notes never reached the disk', () => {
    const gap = fc.tuple(fc.nat(COUNT * NOTE_BYTES), fc.nat(COUNT * NOTE_BYTES))
    fc.assert(
      fc.property(drawn, written, fc.array(gap), (key, pieces, gaps) => {
        const notes = notesOf(key, pieces)
        for (const [at, length] of gaps) notes.fill(0, at, at + length)
        expect(isSubset(read(notes, key), pieces)).toBe(true)
      }),
    )
  })

  test('in which any bits are flipped', () => {
    const flips = fc.array(fc.nat(COUNT * NOTE_BYTES * 8 - 1), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(drawn, written, flips, (key, pieces, bits) => {
        const notes = notesOf(key, pieces)
        for (const bit of bits) notes[bit >>> 3]! ^= 1 << (bit & 7)
        const touched = new Set(bits.map((bit) => Math.floor(bit / (8 * NOTE_BYTES))))
        const found = read(notes, key)
        // An even number of flips of one bit is none.
        expect(
          isSubset(
            found.filter((piece) => !touched.has(piece)),
            pieces,
          ),
        ).toBe(true)
        if (touched.size === bits.length)
          expect(found).toEqual(inOrder(pieces.filter((piece) => !touched.has(piece))))
      }),
    )
  })

  test('of another download, or none at all: any bytes', () => {
    fc.assert(
      fc.property(drawn, drawn, written, fc.uint8Array(), (key, other, pieces, bytes) => {
        fc.pre(key.some((byte, at) => at >= 4 && byte !== other[at]))
        expect(read(notesOf(other, pieces), key)).toEqual([])
        expect(read(bytes, crypto.getRandomValues(new Uint8Array(NOTE_BYTES)))).toEqual([])
      }),
    )
  })

  test('where the note of another piece stands', () => {
    fc.assert(
      fc.property(drawn, fc.nat(COUNT - 1), fc.nat(COUNT - 1), (key, piece, place) => {
        fc.pre(piece !== place)
        const notes = new Uint8Array(COUNT * NOTE_BYTES)
        notes.set(noteOf(key, piece), place * NOTE_BYTES)
        expect(read(notes, key)).toEqual([])
      }),
    )
  })
})
