import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fileUrl } from '../../src/peer/web-seed-url.ts'

const file = (...path: string[]): { path: string[]; length: number; offset: number } => ({
  path,
  length: 1,
  offset: 0,
})

describe('where a web seed keeps a file (BEP 19)', () => {
  const single = { name: 'cake.iso', isSingleFile: true }
  const folder = { name: 'cakes', isSingleFile: false }

  test.each([
    ['http://w.example/x/y.bin', single, file(), 'http://w.example/x/y.bin'],
    ['http://w.example/x/', single, file(), 'http://w.example/x/cake.iso'],
    ['http://w.example/', single, file(), 'http://w.example/cake.iso'],
    ['http://w.example', single, file(), 'http://w.example/'],
    ['http://w.example/f?token=a/b', single, file(), 'http://w.example/f?token=a/b'],
    ['http://w.example/x/', folder, file('a', 'b.txt'), 'http://w.example/x/cakes/a/b.txt'],
    ['http://w.example/x', folder, file('a', 'b.txt'), 'http://w.example/x/cakes/a/b.txt'],
    ['http://[::1]:8080', folder, file('b'), 'http://[::1]:8080/cakes/b'],
  ])('%s', (base, payload, placed, url) => {
    expect(fileUrl(base, payload, placed)?.href).toBe(url)
  })

  test.each([
    ['50% off?.txt', '50%25%20off%3F.txt'],
    ['#1 & co', '%231%20%26%20co'],
    ['a/b', 'a%2Fb'],
    ['a\\b', 'a%5Cb'],
    ['%2e%2e', '%252e%252e'],
    ['Kräuter', 'Kr%C3%A4uter'],
    ['\u{1F370}', '%F0%9F%8D%B0'],
    ['\uD800', '%EF%BF%BD'],
  ])('the name %j is one part of the path, escaped', (name, escaped) => {
    expect(fileUrl('http://w/', folder, file(name))?.href).toBe(`http://w/cakes/${escaped}`)
    expect(fileUrl('http://w/', { name, isSingleFile: true }, file())?.href).toBe(`http://w/${escaped}`)
  })

  test('whatever the names are, the server can read them back, and the host stays the same', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => text !== '.' && text !== '..')
    fc.assert(
      fc.property(name, fc.array(name, { minLength: 1, maxLength: 5 }), (payload, path) => {
        const url = fileUrl('https://w.example/x/', { name: payload, isSingleFile: false }, file(...path))!
        expect(url.host).toBe('w.example')
        const parts = url.pathname.split('/').slice(2)
        expect(parts.map(decodeURIComponent)).toEqual([payload, ...path].map((part) => part.toWellFormed()))
      }),
    )
  })
})
