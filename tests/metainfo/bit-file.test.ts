import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeBit, parseBit } from '../../src/metainfo/bit-file.ts'
import { buildMetainfo, choosePieceLength, type MetainfoParts } from '../../src/metainfo/build.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { encodeTorrent, parseTorrent } from '../../src/metainfo/torrent-file.ts'
import { MAX_LOCATIONS } from '../../src/metainfo/torrent-keys.ts'
import { encodeBencode, type Encodable } from '../../src/protocol/bencode-writer.ts'
import { MetainfoError } from '../../src/protocol/errors.ts'
import { toHex } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'
import { folderDict, infoDict, latin1, torrent } from '../support/torrent.ts'

const MIB = 1024 * 1024
const readJson = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>

const parts: MetainfoParts = {
  name: 'data',
  isSingleFile: false,
  files: [
    { path: ['a', 'b.bin'], length: 40_000 },
    { path: ['c'], length: 1 },
  ],
  pieceLength: 32_768,
  digests: Uint8Array.from({ length: 40 }, (_, i) => i),
  isPrivate: true,
  trackers: [['http://t/a', 'udp://t:1'], ['wss://u']],
  webSeeds: ['https://w/data/'],
  bootstrap: ['10.0.0.1:10000'],
  comment: 'für alle',
  createdBy: 'bitswarm 0.1.0',
  creationDate: 1_767_225_600,
}

test('a .bit is one readable object with the members of the contract, in their order', () => {
  const meta = buildMetainfo(parts, hashes)
  expect(Object.entries(readJson(encodeBit(meta)))).toEqual([
    ['bitswarm', 1],
    ['name', 'data'],
    [
      'files',
      [
        { path: 'a/b.bin', length: 40_000 },
        { path: 'c', length: 1 },
      ],
    ],
    ['pieceLength', 32_768],
    ['pieces', 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJw=='],
    ['infoHash', toHex(meta.infoHash)],
    ['private', true],
    ['trackers', [['http://t/a', 'udp://t:1'], ['wss://u']]],
    ['webSeeds', ['https://w/data/']],
    ['bootstrap', ['10.0.0.1:10000']],
    ['comment', 'für alle'],
    ['createdBy', 'bitswarm 0.1.0'],
    ['creationDate', 1_767_225_600],
  ])
  const single = buildMetainfo({ ...infoParts, name: 'one.bin' }, hashes)
  expect(readJson(encodeBit(single))).toMatchObject({ name: 'one.bin', length: 425 })
})

const infoParts: MetainfoParts = {
  name: 'x',
  isSingleFile: true,
  files: [{ path: [], length: 425 }],
  pieceLength: 16_384,
  digests: new Uint8Array(20),
  isPrivate: false,
}

/** All that must survive any way through both forms. */
function essence({ infoBytes, infoHash, digests, unknownKeys, ...rest }: Metainfo): object {
  return {
    ...rest,
    info: toHex(infoBytes),
    infoHash: toHex(infoHash),
    digests: toHex(digests),
    unknown: unknownKeys && toHex(unknownKeys),
  }
}

test('both forms say the same and have the same info hash', () => {
  const meta = buildMetainfo(parts, hashes)
  expect(essence(parseBit(encodeBit(meta), hashes))).toEqual(essence(meta))
  expect(essence(parseTorrent(encodeTorrent(meta), hashes))).toEqual(essence(meta))
})

test('a torrent goes through .bit and back without losing a byte', () => {
  const torrents: [string, Uint8Array][] = [
    ['plain', torrent()],
    ['of a folder', torrent(folderDict([['a'], ['b', 'c']]))],
    ['with info members of others', torrent(infoDict({ source: 'tag', md5sum: 'x', private: 0 }))],
    ['with padding', torrent(folderDict([['a'], { attr: 'p', path: ['.pad', '9'], length: 9 }, ['b']]))],
    [
      'with equal paddings, which share a path',
      torrent(
        folderDict([
          ['a'],
          { attr: 'p', path: ['.pad', '9'], length: 9 },
          { attr: 'p', path: ['.pad', '9'], length: 9 },
        ]),
      ),
    ],
    [
      'in a charset of its own',
      torrent(infoDict({ name: latin1('\x93\xfa\x96\x7b') }), { encoding: 'Shift_JIS' }),
    ],
    ['in an unknown charset', torrent(infoDict({ name: latin1('caf\xe9') }))],
    ['with a UTF-8 twin', torrent(infoDict({ name: latin1('\xe4'), 'name.utf-8': 'ä' }))],
    [
      'with unknown keys',
      torrent(infoDict(), { nodes: [['h', 1]], 'piece layers': new Map([['\xff', 'x']]), httpseeds: [] }),
    ],
    [
      'with trackers in its own words',
      torrent(infoDict(), {
        announce: 'http://z/',
        'announce-list': [['http://a/'], ['']],
        'url-list': 'http://w/',
      }),
    ],
    ['hybrid', torrent(infoDict({ 'meta version': 2, 'file tree': { temp: { '': { length: 425 } } } }))],
  ]
  for (const [name, bytes] of torrents) {
    const meta = parseTorrent(bytes, hashes)
    const bit = encodeBit(meta)
    const again = parseBit(bit, hashes)
    expect(essence(again), name).toEqual(essence(meta))
    expect(encodeTorrent(again), name).toEqual(encodeTorrent(meta))
    expect(encodeBit(parseTorrent(encodeTorrent(again), hashes)), name).toEqual(bit)
  }
})

test('an info that is not canonical keeps its bytes and stays noted', () => {
  const info = `d4:name1:x6:lengthi1e12:piece lengthi1e6:pieces20:${'A'.repeat(20)}e`
  const meta = parseTorrent(latin1(`d4:info${info}e`), hashes)
  const again = parseBit(encodeBit(meta), hashes)
  expect(again.isNoncanonical).toBe(true)
  expect(String.fromCharCode(...again.infoBytes)).toBe(info)
})

test('info stands in a .bit only when it is needed', () => {
  const has = (bytes: Uint8Array): boolean => 'info' in readJson(encodeBit(parseTorrent(bytes, hashes)))
  expect(has(torrent())).toBe(false)
  expect(has(torrent(infoDict({ private: 1 }), { announce: 'http://a/' }))).toBe(false)
  expect(has(torrent(infoDict({ private: 0 })))).toBe(true)
})

test('whatever can be built can be read back in both forms', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((name) => !/^\.{1,2}$|[/\\\p{Cc}]|^[A-Za-z]:/u.test(name))
  const built = fc
    .record({
      name,
      lengths: fc
        .array(fc.nat(50_000), { minLength: 1, maxLength: 5 })
        .filter((all) => all.some((n) => n > 0)),
      pieceLength: fc.integer({ min: 500, max: 40_000 }),
      isPrivate: fc.boolean(),
      comment: fc.string({ unit: 'grapheme' }),
      creationDate: fc.maxSafeNat(),
    })
    .map(({ name, lengths, ...rest }) => {
      const length = lengths.reduce((sum, length) => sum + length, 0)
      return buildMetainfo(
        {
          ...rest,
          name,
          isSingleFile: false,
          files: lengths.map((length, index) => ({ path: [`${index}`, name], length })),
          digests: new Uint8Array(20 * Math.ceil(length / rest.pieceLength)).fill(length),
        },
        hashes,
      )
    })
  fc.assert(
    fc.property(built, (meta) => {
      expect(essence(parseBit(encodeBit(meta), hashes))).toEqual(essence(meta))
      expect(essence(parseTorrent(encodeTorrent(meta), hashes))).toEqual(essence(meta))
    }),
  )
})

test('any further key and any further info member survives', () => {
  const value = fc.oneof(
    fc.maxSafeInteger(),
    fc.uint8Array({ maxLength: 9 }),
    fc.array(fc.nat(), { maxLength: 3 }),
  )
  const key = fc
    .uint8Array({ minLength: 1, maxLength: 6 })
    .map((bytes) => `${String.fromCharCode(...bytes)}*`)
  const members = fc
    .array(fc.tuple(key, value), { maxLength: 4 })
    .map((list) => new Map<string, Encodable>(list))
  fc.assert(
    fc.property(members, members, (inside, outside) => {
      const base = Object.entries(infoDict()).filter(
        (member): member is [string, Encodable] => member[1] !== undefined,
      )
      const bytes = encodeBencode(
        new Map<string, Encodable>([...outside, ['info', new Map([...base, ...inside])]]),
      )
      expect(encodeTorrent(parseBit(encodeBit(parseTorrent(bytes, hashes)), hashes))).toEqual(bytes)
    }),
  )
})

test('the piece length is 256 KiB, doubled while there would be more than 32,768 pieces, up to 16 MiB', () => {
  expect(choosePieceLength(1)).toBe(256 * 1024)
  expect(choosePieceLength(8192 * MIB)).toBe(256 * 1024)
  expect(choosePieceLength(8192 * MIB + 1)).toBe(512 * 1024)
  expect(choosePieceLength(100e9)).toBe(4 * MIB)
  expect(choosePieceLength(1e12)).toBe(16 * MIB)
  expect(choosePieceLength(2 ** 53 - 1)).toBe(16 * MIB)
})

test('a payload that nobody could download is not described', () => {
  const refused =
    (changes: Partial<MetainfoParts>): (() => unknown) =>
    () =>
      buildMetainfo({ ...parts, ...changes }, hashes)
  expect(refused({ name: '..' })).toThrow(MetainfoError)
  expect(refused({ files: [{ path: ['a\nb'], length: 40_001 }] })).toThrow(MetainfoError)
  expect(refused({ files: [{ path: ['a'], length: 0 }], digests: new Uint8Array(0) })).toThrow(MetainfoError)
})

test('a terabyte makes a .bit below 10 MB', () => {
  const length = 1e12
  const pieceLength = choosePieceLength(length)
  const digests = new Uint8Array(20 * Math.ceil(length / pieceLength)).map((_, i) => i * 7)
  const bit = encodeBit(
    buildMetainfo({ ...infoParts, files: [{ path: [], length }], pieceLength, digests }, hashes),
  )
  expect(bit.length).toBeLessThan(10e6)
  expect(parseBit(bit, hashes).geometry.pieceCount).toBe(59_605)
})

test('a place that is named twice is one place', () => {
  const bit = readJson(encodeBit(buildMetainfo(parts, hashes)))
  const twice = {
    ...bit,
    trackers: [['http://a/', 'http://b/', 'http://a/'], ['http://b/'], ['http://c/']],
    webSeeds: ['http://w/', 'http://w/'],
    bootstrap: ['10.0.0.1:1', '10.0.0.1:1'],
  }
  expect(parseBit(new TextEncoder().encode(JSON.stringify(twice)), hashes)).toMatchObject({
    trackers: [['http://a/', 'http://b/'], ['http://c/']],
    webSeeds: ['http://w/'],
    bootstrap: ['10.0.0.1:1'],
  })
})

test('a .bit names no more trackers than a .torrent may', () => {
  const bit = readJson(encodeBit(buildMetainfo(parts, hashes)))
  const trackers = Array.from({ length: 30 }, (_, tier) =>
    Array.from({ length: 100 }, (_, n) => `http://t/${tier}/${n}`),
  )
  const bytes = new TextEncoder().encode(JSON.stringify({ ...bit, trackers }))
  expect(parseBit(bytes, hashes).trackers).toEqual(trackers.slice(0, MAX_LOCATIONS / 100))
})
