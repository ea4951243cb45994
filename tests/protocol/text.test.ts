import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeUtf8, hasControlCharacter, printable } from '../../src/protocol/text.ts'

test('UTF-8 is read strictly, a byte order mark is kept', () => {
  expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
  // Overlong, a lone surrogate, cut, beyond U+10FFFF.
  for (const bad of [
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xe2, 0x82],
    [0xf4, 0x90, 0x80, 0x80],
  ])
    expect(decodeUtf8(Uint8Array.from(bad))).toBeUndefined()
})

test('printable text is one line without terminal escapes or reversed writing', () => {
  expect(printable('a\u001b]0;x\u0007b\nc', 40)).toBe('a?]0;x?b?c')
  expect(printable('\u009b31m red', 40)).toBe('?31m red')
  expect(printable('exe.\u202egnp', 40)).toBe('exe.?gnp')
  expect(printable('日本語 🦊', 40)).toBe('日本語 🦊')
})

test('a cut never splits a character, and the result is well-formed whatever comes in', () => {
  expect(printable('🦊🦊🦊', 2)).toBe('🦊🦊')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(10), (text, maxLength) => {
      const shown = printable(text, maxLength)
      expect([...shown].length).toBeLessThanOrEqual(maxLength)
      expect(shown.isWellFormed()).toBe(true)
      expect(hasControlCharacter(shown)).toBe(false)
    }),
  )
})
