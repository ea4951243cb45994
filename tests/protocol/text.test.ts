import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeUtf8, excerpt, hasControlCharacter } from '../../src/protocol/text.ts'

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

test('an excerpt is one line without terminal escapes or reversed writing', () => {
  expect(excerpt('a\u001b]0;x\u0007b\nc', 40)).toBe('a\ufffd]0;x\ufffdb\ufffdc')
  expect(excerpt('\u009b31m red', 40)).toBe('\ufffd31m red')
  expect(excerpt('exe.\u202egnp', 40)).toBe('exe.\ufffdgnp')
  expect(excerpt('日本語 🦊', 40)).toBe('日本語 🦊')
})

test('a cut never splits a character, and the result is well-formed whatever comes in', () => {
  expect(excerpt('🦊🦊🦊', 2)).toBe('🦊🦊')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(10), (text, maxLength) => {
      const shown = excerpt(text, maxLength)
      expect([...shown].length).toBeLessThanOrEqual(maxLength)
      expect(shown.isWellFormed()).toBe(true)
      expect(hasControlCharacter(shown)).toBe(false)
    }),
  )
})
