import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ActivePiece } from '../../src/peer/active-piece.ts'
import { BegunPieces } from '../../src/peer/begun-pieces.ts'

/** Few numbers and many: some fall on the same place, and the table grows. */
const piece = fc.oneof(fc.nat(40), fc.nat(2 ** 22))

test('whatever is put in and taken out, it holds what a Map would', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 400 }), (pieces) => {
      const begun = new BegunPieces()
      const model = new Map<number, ActivePiece>()
      for (const each of pieces) {
        const held = model.get(each)
        if (held === undefined) {
          const active = new ActivePiece(1)
          active.begin(each, 16_384, 1)
          begun.add(active)
          model.set(each, active)
        } else {
          begun.delete(held)
          model.delete(each)
        }
        expect(begun.get(each)).toBe(model.get(each))
        expect(begun.size).toBe(model.size)
      }
      for (const each of pieces) expect(begun.get(each)).toBe(model.get(each))
      expect(new Set(begun.all)).toEqual(new Set(model.values()))
    }),
  )
})
