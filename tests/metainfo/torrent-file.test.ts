import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { describeMetainfo } from '../../src/metainfo/inspect.ts'
import { parseMetainfo } from '../../src/metainfo/read-metainfo.ts'
import { encodeTorrent, parseTorrent } from '../../src/metainfo/torrent-file.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { MAX_LOCATIONS } from '../../src/metainfo/torrent-keys.ts'
import { decodeBencode, decodeBencodeDict } from '../../src/protocol/bencode.ts'
import { toHex } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'
import { folderDict, infoDict, latin1, torrent } from '../support/torrent.ts'

const parse = (bytes: Uint8Array): Metainfo => parseTorrent(bytes, hashes)
const sha1 = (latin1Text: string): string => createHash('sha1').update(latin1(latin1Text)).digest('hex')
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
const paths = (meta: Metainfo): string[] => meta.geometry.files.map((file) => file.path.join('/'))

test('a single file, byte by byte', () => {
  const info = `d6:lengthi425e4:name8:temp.bin12:piece lengthi256e6:pieces40:${'A'.repeat(20)}${'B'.repeat(20)}e`
  const meta = parse(latin1(`d8:announce18:http://t.example/a4:info${info}e`))
  expect(toHex(meta.infoHash)).toBe(sha1(info))
  expect(text(meta.infoBytes)).toBe(info)
  expect(meta).toMatchObject({
    name: 'temp.bin',
    isSingleFile: true,
    isPrivate: false,
    isNoncanonical: false,
  })
  expect(meta.geometry).toMatchObject({ length: 425, pieceLength: 256, pieceCount: 2 })
  expect(meta.geometry.files).toEqual([{ path: [], length: 425, offset: 0 }])
  expect(text(meta.digests.subarray(20))).toBe('B'.repeat(20))
  expect(meta.trackers).toEqual([['http://t.example/a']])
})

test('a folder, its files in the order of their bytes', () => {
  const meta = parse(torrent(folderDict([['b', 'c'], { path: ['a'], length: 0 }, ['.d']])))
  expect(meta.isSingleFile).toBe(false)
  expect(paths(meta)).toEqual(['b/c', 'a', '.d'])
  expect(meta.geometry.files.map((file) => file.offset)).toEqual([0, 425, 425])
})

test('the info hash is taken over the bytes as they stand, unsorted or strange', () => {
  const info = `d4:name1:x6:lengthi1e12:piece lengthi1e6:pieces20:${'A'.repeat(20)}9:__proto__i1e2:\xff\xfei2ee`
  const meta = parse(latin1(`d4:info${info}e`))
  expect(toHex(meta.infoHash)).toBe(sha1(info))
  expect(meta.isNoncanonical).toBe(true)
  // Written again, `info` keeps its bytes and with them its identity.
  expect(text(encodeTorrent(meta))).toBe(`d4:info${info}e`)
})

test('unsorted keys outside of info are noted, too, and sorted when written', () => {
  const canonical = torrent(infoDict(), { announce: 'http://a/', comment: 'c' })
  const { infoBytes } = parse(canonical)
  const unsorted = latin1(`d7:comment1:c4:info${text(infoBytes)}8:announce9:http://a/e`)
  expect(parse(unsorted).isNoncanonical).toBe(true)
  expect(encodeTorrent(parse(unsorted))).toEqual(canonical)
})

test('private is 1 and nothing else', () => {
  expect(parse(torrent(infoDict({ private: 1 }))).isPrivate).toBe(true)
  for (const value of [0, 2, '1', []])
    expect(parse(torrent(infoDict({ private: value }))).isPrivate).toBe(false)
})

test('the announce list wins; an announce that it lacks is asked last', () => {
  const trackers = (others: Parameters<typeof torrent>[1]) => parse(torrent(infoDict(), others)).trackers
  const list = [['http://a/', 'udp://b:1'], ['wss://c']]
  expect(trackers({ 'announce-list': list })).toEqual(list)
  expect(trackers({ 'announce-list': list, announce: 'udp://b:1' })).toEqual(list)
  expect(trackers({ 'announce-list': list, announce: 'http://d/' })).toEqual([...list, ['http://d/']])
  expect(trackers({ 'announce-list': [[]], announce: 'http://d/' })).toEqual([['http://d/']])
  expect(trackers({ announce: 5 })).toEqual([])
})

test('junk among trackers and web seeds is passed over', () => {
  const meta = parse(
    torrent(infoDict(), {
      'announce-list': [
        ['', 'no url', 'http://', 7, ' http://a/ ', 'http://a/', 'http://x\n/y', Uint8Array.of(0xff)],
        'http://b/',
        9,
        ['http://a/'],
        [`http://${'l'.repeat(3_000)}/`],
      ],
      'url-list': ['http://w/', '', ['http://nested/'], 'http://w/', 'ftp://f/file name'],
      'bitswarm-bootstrap': ['10.0.0.1:10000', 'seed.lan:1', '[::1]:5', ':5', 'x', 'y:0', 'z:99999', 3],
    }),
  )
  expect(meta.trackers).toEqual([['http://a/'], ['http://b/']])
  expect(meta.webSeeds).toEqual(['http://w/', 'ftp://f/file%20name'])
  expect(meta.bootstrap).toEqual(['10.0.0.1:10000', 'seed.lan:1', '[::1]:5'])
})

test('a web seed may be a string or a list', () => {
  expect(parse(torrent(infoDict(), { 'url-list': 'http://w/f' })).webSeeds).toEqual(['http://w/f'])
  expect(parse(torrent(infoDict(), { 'url-list': ['http://w/f'] })).webSeeds).toEqual(['http://w/f'])
  expect(parse(torrent(infoDict(), { 'url-list': '' })).webSeeds).toEqual([])
})

test('of ten thousand trackers a thousand are read', () => {
  const list = Array.from({ length: 10_000 }, (_, i) => [`http://t${i}/`])
  expect(parse(torrent(infoDict(), { 'announce-list': list })).trackers).toHaveLength(1_000)
})

test('old clients: UTF-8 twins, named charsets, and bytes that nobody explains', () => {
  const euro = Uint8Array.of(0xa4, 0xe4)
  const name = (info: Parameters<typeof infoDict>[0], others?: Parameters<typeof torrent>[1]): string =>
    parse(torrent(infoDict(info), others)).name
  expect(name({ name: euro, 'name.utf-8': '€ä' })).toBe('€ä')
  expect(name({ name: 'plain', 'name.utf-8': euro })).toBe('plain')
  expect(name({ name: euro }, { encoding: 'ISO-8859-15' })).toBe('€ä')
  expect(name({ name: latin1('\x93\xfa\x96\x7b') }, { encoding: 'Shift_JIS' })).toBe('日本')
  expect(name({ name: latin1('caf\xe9') })).toBe('caf%E9')
  expect(name({ name: latin1('caf\xe9') }, { encoding: 'UTF-8' })).toBe('caf%E9')
  expect(name({ name: latin1('caf\xe9') }, { encoding: 'no such charset' })).toBe('caf%E9')
})

test('names in unknown charsets do not become one', () => {
  const meta = parse(
    torrent(
      folderDict([
        { path: [latin1('\xe9')], length: 1 },
        { path: [latin1('\xe8')], length: 1 },
      ]),
    ),
  )
  expect(paths(meta)).toEqual(['%E9', '%E8'])
})

test('padding files keep their place in the payload and are marked', () => {
  const meta = parse(
    torrent(folderDict([['a'], { attr: 'p', path: ['.pad', '7'], length: 7 }, { attr: 'xp', length: 9 }])),
  )
  expect(meta.geometry.files.map((file) => [file.path.join('/'), file.isPadding === true])).toEqual([
    ['a', false],
    ['.pad/7', true],
    ['.pad/9', true],
  ])
  expect(meta.geometry.length).toBe(425 + 7 + 9)
})

test('writing gives back what was read, unknown keys and their own way of saying things included', () => {
  const others = [
    {},
    { announce: 'http://a/' },
    { announce: 'http://a/', 'announce-list': [['http://a/']] },
    { announce: 'http://z/', 'announce-list': [['http://a/'], ['http://b/']] },
    { announce: '', 'announce-list': [['', 'http://a/'], []], 'url-list': '' },
    { 'url-list': 'http://w/a b', httpseeds: ['http://h/'], nodes: [['127.0.0.1', 5]], publisher: 'p' },
    { comment: latin1('\xff'), 'comment.utf-8': 'ÿ', encoding: 'x', 'creation date': -5, 'created by': [] },
    { 'creation date': 2n ** 70n, 'piece layers': new Map([['\xff'.repeat(32), new Uint8Array(64)]]) },
  ]
  for (const keys of others) {
    const bytes = torrent(folderDict([['a'], ['b']], { source: 'tag', 'meta version': 2 }), keys)
    const written = encodeTorrent(parse(bytes))
    const expected = decodeBencodeDict(bytes)
    const actual = decodeBencodeDict(written)
    for (const key of expected.keys()) expect(actual.raw(key), key).toEqual(expected.raw(key))
    expect(decodeBencode(written).isCanonical).toBe(true)
    expect(encodeTorrent(parse(written))).toEqual(written)
  }
})

test('a field that was changed since is what is written, not the words of the old file', () => {
  // BEP 19 allows a single string, which we would write as a list: it is kept in its own words.
  const meta = parse(torrent(infoDict(), { announce: 'http://a/', 'url-list': 'http://w/', publisher: 'p' }))
  const changed = parse(
    encodeTorrent({ ...meta, trackers: [['http://b/']], webSeeds: ['http://x/', 'http://y/'] }),
  )
  expect(changed).toMatchObject({ trackers: [['http://b/']], webSeeds: ['http://x/', 'http://y/'] })
  expect(decodeBencodeDict(changed.unknownKeys!).text('publisher')).toBe('p')
  expect(changed.infoHash).toEqual(meta.infoHash)
})

test('inspect prints what is set, in the order of the contract', () => {
  const bare = describeMetainfo(parseMetainfo(torrent(), hashes), 'torrent')
  expect(Object.keys(bare)).toEqual([
    'format',
    'infoHash',
    'name',
    'length',
    'pieceLength',
    'pieceCount',
    'files',
  ])
  expect(bare.files).toEqual([{ path: 'temp', length: 425 }])

  const full = parse(
    torrent(folderDict([['a', 'b'], ['c']], { private: 1 }), {
      announce: 'http://a/',
      'url-list': ['http://w/'],
      'bitswarm-bootstrap': ['h:1'],
      comment: 'c',
      'created by': 'me',
      'creation date': 1_359_599_503,
    }),
  )
  const { infoHash, ...description } = describeMetainfo({ ...full, isNoncanonical: true }, 'bit')
  expect(infoHash).toBe(toHex(full.infoHash))
  expect(Object.entries(description)).toEqual([
    ['format', 'bit'],
    ['name', 'temp'],
    ['length', 850],
    ['pieceLength', 16_384],
    ['pieceCount', 1],
    [
      'files',
      [
        { path: 'a/b', length: 425 },
        { path: 'c', length: 425 },
      ],
    ],
    ['trackers', [['http://a/']]],
    ['webSeeds', ['http://w/']],
    ['bootstrap', ['h:1']],
    ['private', true],
    ['comment', 'c'],
    ['createdBy', 'me'],
    ['creationDate', 1_359_599_503],
    ['noncanonical', true],
  ])
})

test('what stands behind a thousand places is not looked at, even if none of them makes sense', () => {
  const places = (count: number): string[] => [
    ...Array.from({ length: count }, () => 'nonsense'),
    'h.example:1',
  ]
  const read = (count: number): readonly string[] =>
    parseTorrent(torrent(infoDict(), { 'bitswarm-bootstrap': places(count) }), hashes).bootstrap
  expect([read(MAX_LOCATIONS - 1), read(MAX_LOCATIONS)]).toEqual([['h.example:1'], []])
})
