import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { InvariantError, ProtocolError } from '../../src/protocol/errors.ts'

/** `#.#` has pieces 0 and 2 of 3. */
function has(picture: string): Bitfield {
  const field = new Bitfield(picture.length)
  for (const [index, mark] of [...picture].entries()) if (mark === '#') field.set(index)
  return field
}

function picture(field: Bitfield): string {
  return Array.from({ length: field.length }, (_, index) => (field.has(index) ? '#' : '.')).join('')
}

test('the first piece is the highest bit of the first byte', () => {
  expect(has('#.......').bytes).toEqual(Uint8Array.of(0x80))
  expect(has('.......#.').bytes).toEqual(Uint8Array.of(0x01, 0x00))
  expect(has('#.#.....##').bytes).toEqual(Uint8Array.of(0xa0, 0xc0))
})

test('setting and clearing say whether they changed anything, and are counted', () => {
  const field = has('.....')
  expect(field.isEmpty).toBe(true)
  expect(field.set(3)).toBe(true)
  expect(field.set(3)).toBe(false)
  expect(field.count).toBe(1)
  expect(field.clear(3)).toBe(true)
  expect(field.clear(3)).toBe(false)
  expect(field.count).toBe(0)
})

test('a full field has no spare bits set', () => {
  expect(Bitfield.full(11).bytes).toEqual(Uint8Array.of(0xff, 0xe0))
  expect(Bitfield.full(16).bytes).toEqual(Uint8Array.of(0xff, 0xff))
  for (let length = 1; length < 40; length++) {
    const full = Bitfield.full(length)
    expect(full.isFull).toBe(true)
    expect(picture(full)).toBe('#'.repeat(length))
    expect(Bitfield.fromBytes(full.bytes, length).count).toBe(length)
  }
})

test('a bitfield of the wrong size or with spare bits is refused', () => {
  const bad: [number[], number][] = [
    [[0xff], 9],
    [[0xff, 0x80, 0], 9],
    [[], 1],
    [[0xff, 0xc0], 9],
    [[0x01], 7],
  ]
  for (const [bytes, length] of bad) {
    expect(() => Bitfield.fromBytes(Uint8Array.from(bytes), length)).toThrow(ProtocolError)
  }
  expect(picture(Bitfield.fromBytes(Uint8Array.of(0xff, 0x80), 9))).toBe('#########')
})

test('an index outside is our own bug', () => {
  const field = new Bitfield(9)
  for (const index of [-1, 9, 15]) {
    expect(() => field.set(index)).toThrow(InvariantError)
    expect(() => field.clear(index)).toThrow(InvariantError)
  }
})

test('a clone goes its own way; the bytes it was read from too', () => {
  const wire = Uint8Array.of(0x80)
  const field = Bitfield.fromBytes(wire, 8)
  const copy = field.clone()
  wire[0] = 0
  field.set(7)
  expect(picture(field)).toBe('#......#')
  expect(picture(copy)).toBe('#.......')
  expect(copy.count).toBe(1)
})

test('after any sets and clears it is what a plain set of numbers is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 100 }),
      (length, steps) => {
        const field = new Bitfield(length)
        const model = new Set<number>()
        for (const [isSet, at] of steps) {
          const index = at % length
          if (isSet) expect(field.set(index)).toBe(!model.has(index) && Boolean(model.add(index)))
          else expect(field.clear(index)).toBe(model.delete(index))
        }
        const indices: number[] = []
        field.forEachSet((index) => indices.push(index))
        expect(indices).toEqual([...model].sort((a, b) => a - b))
        expect(field.count).toBe(model.size)
        expect(field.isFull).toBe(model.size === length)
        expect(picture(Bitfield.fromBytes(field.bytes, length))).toBe(picture(field))
      },
    ),
  )
})

test('the next bit that another field lacks, or has too, is found from any place on, going round', () => {
  const bit = fc.boolean()
  const length = fc.integer({ min: 1, max: 80 })
  const three = length.chain((n) =>
    fc.tuple(
      fc.array(bit, { minLength: n, maxLength: n }),
      fc.array(bit, { minLength: n, maxLength: n }),
      fc.nat(n - 1),
    ),
  )
  fc.assert(
    fc.property(three, ([here, there, start]) => {
      const field = (bits: readonly boolean[]): Bitfield => has(bits.map((is) => (is ? '#' : '.')).join(''))
      const order = here.map((_, step) => (start + step) % here.length)
      const only = order.find((index) => here[index]! && !there[index]!) ?? -1
      const both = order.find((index) => here[index]! && there[index]!) ?? -1
      expect(field(here).seekNotIn(field(there), start)).toBe(only)
      expect(field(here).seekIn(field(there), start)).toBe(both)
    }),
  )
})
