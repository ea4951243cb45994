/** Magnet links: what they say, and what of a stranger's link is passed over. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  describeMagnet,
  encodeMagnet,
  MAX_MAGNET_LENGTH,
  MAX_MAGNET_LOCATIONS,
  MAX_SELECTED_FILES,
  parseMagnet,
  type Magnet,
} from '../../src/metainfo/magnet.ts'
import { MetainfoError } from '../../src/protocol/errors.ts'
import { idFrom, toHex, type InfoHash } from '../../src/protocol/ids.ts'

const HEX = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'
/** The same 20 bytes in base32. */
const BASE32 = 'YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK'

describe('the info hash', () => {
  test.each([HEX, HEX.toUpperCase(), BASE32, BASE32.toLowerCase()])('may be written as %s', (hash) => {
    expect(toHex(parseMagnet(`magnet:?xt=urn:btih:${hash}`).infoHash)).toBe(HEX)
  })

  test('stands beside others: of a hybrid torrent the one that we know counts', () => {
    const link = `MAGNET:?xt=urn:btmh:1220${'ab'.repeat(32)}&xt.2=urn:btih:${HEX}`
    expect(toHex(parseMagnet(link).infoHash)).toBe(HEX)
  })

  test.each([
    ['', 'meta.malformed'],
    ['http://x/?xt=urn:btih:00', 'meta.malformed'],
    ['magnet:?dn=x', 'meta.missing-field'],
    ['magnet:?xt=urn:sha1:AAAA', 'meta.bad-field'],
    ['magnet:?xt=urn:btih:', 'meta.bad-field'],
    [`magnet:?xt=urn:btih:${HEX}0`, 'meta.bad-field'],
    [`magnet:?xt=urn:btih:${HEX.replace('c', 'g')}`, 'meta.bad-field'],
    [`magnet:?xt=urn:btih:${BASE32.replace('Y', '1')}`, 'meta.bad-field'],
    [`magnet:?xt=urn:btmh:1220${'ab'.repeat(32)}`, 'meta.unsupported'],
    [`magnet:?xt=urn:btih:${HEX}&dn=${'x'.repeat(MAX_MAGNET_LENGTH)}`, 'meta.malformed'],
  ])('must be there and right: %.60s', (link, code) => {
    expect(() => parseMagnet(link)).toThrow(expect.objectContaining({ code }) as Error)
    expect(() => parseMagnet(link)).toThrow(MetainfoError)
  })
})

test('everything that a link may say', () => {
  const link =
    `magnet:?xt=urn:btih:${HEX}&dn=disk+image%20%E2%82%AC&tr=udp%3A%2F%2Ft.example%3A69&tr.1=http://t.example/announce` +
    '&ws=https%3A%2F%2Fw.example%2Ff%2F&x.pe=10.0.0.1:6881&x.pe=[fd00::1]:7&x.pe=seed.example:8&x.bitswarm=10.0.0.1:10000&so=0,5-7,2&foo=bar'
  expect(describeMagnet(parseMagnet(link))).toEqual({
    format: 'magnet',
    infoHash: HEX,
    name: 'disk image €',
    trackers: ['udp://t.example:69', 'http://t.example/announce'],
    webSeeds: ['https://w.example/f/'],
    peers: ['10.0.0.1:6881', '[fd00::1]:7', 'seed.example:8'],
    bootstrap: ['10.0.0.1:10000'],
    files: [0, 2, 5, 6, 7],
  })
})

test('a description has its lists even when they are empty, so that scripts need not ask', () => {
  expect(describeMagnet(parseMagnet(`magnet:?xt=urn:btih:${HEX}`))).toEqual({
    format: 'magnet',
    infoHash: HEX,
    trackers: [],
    webSeeds: [],
    peers: [],
  })
})

test('what makes no sense is passed over, and no list grows beyond its limit', () => {
  const many = Array.from({ length: 500 }, (_, i) => `&tr=http://t${i}.example/&x.pe=10.0.0.1:${i}`).join('')
  const bad =
    '&tr=nonsense&ws=%00&x.pe=:5&x.pe=10.0.0.1:0&x.pe=10.0.0.1:99999&x.pe=a%20b:1&so=1-99999999,x,3-1,0-9999999'
  const { trackers, webSeeds, peers, files } = parseMagnet(`magnet:?xt=urn:btih:${HEX}${bad}${many}`)
  expect([trackers.length, webSeeds.length, peers.length]).toEqual([
    MAX_MAGNET_LOCATIONS,
    0,
    MAX_MAGNET_LOCATIONS,
  ])
  expect(files).toHaveLength(MAX_SELECTED_FILES)
})

test('a name with control characters is harmless', () => {
  expect(parseMagnet(`magnet:?xt=urn:btih:${HEX}&dn=%1b[31mred%0a`).name).toBe('\ufffd[31mred\ufffd')
})

test('nothing in a link ends the quotes that it stands in, or means something to a shell', () => {
  const magnet = { ...parseMagnet(`magnet:?xt=urn:btih:${HEX}`), name: "it's (not) $HOME!*; `rm`" }
  expect(encodeMagnet(magnet)).toMatch(/^magnet:\?[\w=:&%/.~-]+$/)
  expect(parseMagnet(encodeMagnet(magnet))).toEqual(magnet)
})

test('what is written is read again', () => {
  const location = fc.webUrl({ withQueryParameters: true })
  const address = fc
    .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }))
    .map(([ip, port]) => `${ip}:${port}`)
  fc.assert(
    fc.property(
      fc.record({
        hash: fc.uint8Array({ minLength: 20, maxLength: 20 }),
        name: fc.string({
          unit: fc.constantFrom('a', 'ü', '&', '=', '%', '+', '#', '/', '💾', '-'),
          minLength: 1,
        }),
        trackers: fc.uniqueArray(location, { maxLength: 2 }),
        webSeeds: fc.uniqueArray(location, { maxLength: 2 }),
        peers: fc.uniqueArray(address, { maxLength: 5 }),
        bootstrap: fc.uniqueArray(address, { maxLength: 5 }),
        files: fc
          .uniqueArray(fc.integer({ min: 0, max: 9_999_999 }), { minLength: 1, maxLength: 20 })
          .map((files) => files.toSorted((a, b) => a - b)),
      }),
      ({ hash, ...rest }) => {
        const magnet: Magnet = { infoHash: idFrom<InfoHash>(hash), ...rest }
        expect(parseMagnet(encodeMagnet(magnet))).toEqual(magnet)
      },
    ),
  )
})

test('many files are written as few ranges, so that the link can be read again', () => {
  const magnet = parseMagnet(`magnet:?xt=urn:btih:${HEX}&so=9-65536,3,5,4`)
  expect(magnet.files).toHaveLength(MAX_SELECTED_FILES)
  expect(encodeMagnet(magnet)).toBe(`magnet:?xt=urn:btih:${HEX}&so=9-10008`)
  expect(encodeMagnet({ ...magnet, files: [0, 2, 3, 4, 9] })).toMatch(/&so=0%2C2-4%2C9$/)
})

test('a link stays as short as links may be: what does not fit is left out', () => {
  const trackers = Array.from({ length: 100 }, (_, n) => `http://t${n}.example/${'a'.repeat(2_000)}`)
  const magnet = { ...parseMagnet(`magnet:?xt=urn:btih:${HEX}`), trackers, files: [1] }
  const link = encodeMagnet(magnet)
  expect(link.length).toBeLessThanOrEqual(MAX_MAGNET_LENGTH)
  expect(parseMagnet(link)).toEqual({ ...magnet, trackers: trackers.slice(0, 32) })
})

test('any text is a link or an error that says so, and what is read of it is read again', () => {
  const key = fc.constantFrom('xt', 'xt.1', 'tr', 'dn', 'ws', 'x.pe', 'x.bitswarm', 'so', '')
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(`urn:btih:${HEX}`, '%', '%ff', '1-2,9', '[::1]:5', 'a:1', 'http://[', 'udp://t:1'),
  )
  const query = fc.array(fc.tuple(key, value).map((field) => field.join('='))).map((all) => all.join('&'))
  fc.assert(
    fc.property(fc.oneof(fc.string(), query), (text) => {
      for (const link of [`magnet:?${text}`, `magnet:?xt=urn:btih:${HEX}&${text}`]) {
        let magnet: Magnet
        try {
          magnet = parseMagnet(link)
        } catch (error) {
          expect(error).toBeInstanceOf(MetainfoError)
          expect((error as Error).message).toMatch(/^[^\p{Cc}]+$/u)
          continue
        }
        expect(parseMagnet(encodeMagnet(magnet))).toEqual(magnet)
      }
    }),
  )
})
