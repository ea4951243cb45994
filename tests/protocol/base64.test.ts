import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from '../../src/protocol/base64.ts'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

test('the vectors of RFC 4648, section 10', () => {
  const vectors: [string, string][] = [
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ]
  for (const [plain, base64] of vectors) {
    expect(encodeBase64(ascii(plain))).toBe(base64)
    expect(decodeBase64(base64)).toEqual(ascii(plain))
    const url = base64.replaceAll('=', '')
    expect(encodeBase64Url(ascii(plain))).toBe(url)
    expect(decodeBase64Url(url)).toEqual(ascii(plain))
  }
})

test('both agree with the platform on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const buffer = Buffer.from(bytes)
      expect(encodeBase64(bytes)).toBe(buffer.toString('base64'))
      expect(encodeBase64Url(bytes)).toBe(buffer.toString('base64url'))
      expect(decodeBase64(buffer.toString('base64'))).toEqual(bytes)
      expect(decodeBase64Url(buffer.toString('base64url'))).toEqual(bytes)
    }),
  )
})

test('what does not re-encode to itself is refused', () => {
  for (const text of [
    'Zg',
    'Zg=',
    'Zh==',
    'Zm9=',
    'Zm9v\n',
    ' Zm9v',
    'Zm-_',
    'Zg==Zg==',
    '====',
    '=',
    'Zg€=',
    'A',
  ]) {
    expect(decodeBase64(text), text).toBeUndefined()
  }
  for (const text of ['Zg==', 'Zh', 'Zm9', 'Zm+/', 'Zm9v ', 'A', 'Zé', 'ǎǎǎǎ']) {
    expect(decodeBase64Url(text), text).toBeUndefined()
  }
})

test('any text is either refused or canonical', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ABgw019+/-_= \n€'), maxLength: 12 })
  fc.assert(
    fc.property(text, (text) => {
      const standard = decodeBase64(text)
      if (standard !== undefined) expect(encodeBase64(standard)).toBe(text)
      const url = decodeBase64Url(text)
      if (url !== undefined) expect(encodeBase64Url(url)).toBe(text)
    }),
    { numRuns: 2_000 },
  )
})
