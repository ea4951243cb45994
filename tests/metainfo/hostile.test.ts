/** Metainfo that means harm, is broken or merely odd: the kinds that other clients keep test files of. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBit } from '../../src/metainfo/bit-file.ts'
import { checkInfo, MAX_FILES } from '../../src/metainfo/info.ts'
import { formatOf, MAX_METAINFO_LENGTH, parseMetainfo } from '../../src/metainfo/read-metainfo.ts'
import type { Encodable } from '../../src/protocol/bencode-writer.ts'
import { MetainfoError } from '../../src/protocol/errors.ts'
import { hashes } from '../support/hashes.ts'
import { folderDict, infoDict, latin1, torrent } from '../support/torrent.ts'

function verdict(bytes: Uint8Array): string {
  try {
    parseMetainfo(bytes, hashes)
    return 'read'
  } catch (error) {
    if (!(error instanceof MetainfoError)) throw error
    expect(error.message).toMatch(/^[^\p{Cc}]{5,300}$/u)
    return error.code
  }
}

const single = (changes: Parameters<typeof infoDict>[0]): Uint8Array => torrent(infoDict(changes))
const folder = (...files: Parameters<typeof folderDict>[0]): Uint8Array => torrent(folderDict(files))

describe('bytes', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'meta.malformed'],
    ['a text file', latin1('hello'), 'meta.malformed'],
    ['a web page', latin1('<!doctype html>'), 'meta.malformed'],
    ['only the letter d', latin1('d'), 'meta.malformed'],
    ['a cut torrent', single({}).subarray(0, 60), 'meta.malformed'],
    ['a byte behind the torrent', latin1(String.fromCharCode(...single({}), 0x0a)), 'meta.malformed'],
    ['a string', latin1('5:d4:ab'), 'meta.malformed'],
    ['a list', latin1('ld4:infodeee'), 'meta.malformed'],
    ['a key that is an integer', latin1('di1ei2ee'), 'meta.malformed'],
    ['a duplicate info', latin1('d4:infode4:infodee'), 'meta.malformed'],
    ['a duplicate key inside info', latin1('d4:infod4:name1:a4:name1:bee'), 'meta.malformed'],
    ['a leading zero', latin1('d4:infod6:lengthi0425eee'), 'meta.malformed'],
    ['a negative zero', latin1('d4:infod6:lengthi-0eee'), 'meta.malformed'],
    ['a string that claims 4 GB', latin1('d4:info4000000000:'), 'meta.malformed'],
    ['lists 30,000 deep', latin1(`d1:a${'l'.repeat(30_000)}`), 'meta.malformed'],
    ['nine million values', latin1(`d1:al${'le'.repeat(9_000_000)}ee`), 'meta.malformed'],
  ])('%s', (_, bytes, code) => expect(verdict(bytes)).toBe(code))
})

describe('fields', () => {
  const digests = new Uint8Array(20)
  test.each<[string, Uint8Array, string]>([
    ['no info', latin1('d8:announce8:http://ae'), 'meta.missing-field'],
    ['an info that is a string', torrent('x'), 'meta.bad-field'],
    ['an info that is a list', torrent([]), 'meta.bad-field'],
    ['an empty info', torrent({}), 'meta.missing-field'],
    ['no name', single({ name: undefined }), 'meta.missing-field'],
    ['a name that is a number', single({ name: 5 }), 'meta.bad-field'],
    ['no piece length', single({ 'piece length': undefined }), 'meta.missing-field'],
    ['a piece length of zero', single({ 'piece length': 0 }), 'meta.bad-field'],
    ['a negative piece length', single({ 'piece length': -16_384 }), 'meta.bad-field'],
    ['a piece length that is text', single({ 'piece length': '16384' }), 'meta.bad-field'],
    ['a piece length beyond 512 MiB', single({ 'piece length': 2 ** 29 + 1 }), 'meta.bad-field'],
    ['a piece length of 2^63', single({ 'piece length': 2n ** 63n }), 'meta.bad-field'],
    ['a piece length of 512 MiB', single({ 'piece length': 2 ** 29 }), 'read'],
    [
      'a piece length of 1 byte',
      single({ 'piece length': 1, length: 2, pieces: new Uint8Array(40) }),
      'read',
    ],
    ['no pieces', single({ pieces: undefined }), 'meta.missing-field'],
    ['pieces that are a list', single({ pieces: [] }), 'meta.bad-field'],
    ['unaligned pieces', single({ pieces: new Uint8Array(24) }), 'meta.bad-field'],
    ['a hash too few', single({ length: 20_000, pieces: digests }), 'meta.bad-field'],
    ['a hash too many', single({ pieces: new Uint8Array(40) }), 'meta.bad-field'],
    ['no hash', single({ pieces: '' }), 'meta.bad-field'],
    ['no length and no files', single({ length: undefined }), 'meta.missing-field'],
    ['a negative length', single({ length: -425 }), 'meta.bad-field'],
    ['a length of zero', single({ length: 0, pieces: '' }), 'meta.bad-field'],
    ['a length of 2^63 - 1', single({ length: 2n ** 63n - 1n }), 'meta.bad-field'],
    ['a length of 2^53', single({ length: 2n ** 53n }), 'meta.bad-field'],
    ['a length of 2^53 - 1 with one hash', single({ length: 2 ** 53 - 1 }), 'meta.bad-field'],
    ['a length that is a list', single({ length: [425] }), 'meta.bad-field'],
    ['both length and files', torrent(folderDict([['a']], { length: 425 })), 'meta.bad-field'],
    ['files that are a dictionary', single({ length: undefined, files: {} }), 'meta.bad-field'],
    ['no files in the list', single({ length: undefined, files: [] }), 'meta.bad-field'],
    ['a file that is a string', single({ length: undefined, files: ['a'] }), 'meta.bad-field'],
    ['a file without path', folder({ length: 425 }), 'meta.missing-field'],
    ['a file without length', folder({ path: ['a'] }), 'meta.missing-field'],
    ['a file with a negative length', folder(['a'], { path: ['b'], length: -1 }), 'meta.bad-field'],
    ['lengths that wrap around', folder({ path: ['a'], length: 2 ** 53 - 1 }, ['b']), 'meta.bad-field'],
    ['a path that is a string', folder({ path: 'a', length: 425 }), 'meta.bad-field'],
    ['a path without parts', folder({ path: [], length: 425 }), 'meta.bad-field'],
    ['a path with a number', folder({ path: ['a', 5], length: 425 }), 'meta.bad-field'],
    ['only empty files', folder({ path: ['a'], length: 0 }, { path: ['b'], length: 0 }), 'meta.bad-field'],
    ['an empty file among others', folder(['a'], { path: ['b'], length: 0 }), 'read'],
    [
      'a symbolic link',
      folder(['a'], { path: ['b'], length: 0, attr: 'l', 'symlink path': ['..', 'x'] }),
      'meta.unsupported',
    ],
    [
      'a v2 torrent',
      single({ pieces: undefined, length: undefined, 'meta version': 2, 'file tree': {} }),
      'meta.unsupported',
    ],
    ['a hybrid torrent', single({ 'meta version': 2, 'file tree': {} }), 'read'],
  ])('%s', (_, bytes, code) => expect(verdict(bytes)).toBe(code))
})

describe('names that could leave the folder, or harm a terminal', () => {
  const names: [string, Encodable][] = [
    ['empty', ''],
    ['dot', '.'],
    ['parent', '..'],
    ['absolute', '/etc/passwd'],
    ['a slash', '/'],
    ['a path', 'a/b'],
    ['climbing', '../../../../etc/cron.d/x'],
    ['backslashes', '..\\..\\windows'],
    ['a UNC path', '\\\\server\\share'],
    ['a drive', 'C:'],
    ['a drive and a file', 'c:boot.ini'],
    ['NUL', 'a\0b'],
    ['a newline', 'a\nb'],
    ['a terminal escape', '\u001b[2J'],
    ['a C1 escape', '\u009b31m'],
    ['DEL', 'a\u007f'],
    ['5,000 characters', 'n'.repeat(5_000)],
  ]
  test.each(names)('%s', (_, name) => {
    expect(verdict(single({ name }))).toBe('meta.unsafe-path')
    expect(verdict(folder({ path: [name], length: 425 }))).toBe('meta.unsafe-path')
    expect(verdict(folder({ path: ['ok', name, 'file'], length: 425 }))).toBe('meta.unsafe-path')
    expect(verdict(folder({ path: ['ok'], 'path.utf-8': [name], length: 425 }))).toBe('meta.unsafe-path')
    expect(verdict(torrent(folderDict([['a']], { name })))).toBe('meta.unsafe-path')
  })

  test('are told with the folder in which they stand', () => {
    expect(() => parseMetainfo(folder(['ok', 'deep', 'a\\b', 'c']), hashes)).toThrow(
      /^the file name 'a\\b' in the folder '\w+\/ok\/deep' contains a separator$/,
    )
  })

  test('a deep path of more than 4,096 bytes', () => {
    expect(verdict(folder({ path: Array<string>(500).fill('ääää'), length: 425 }))).toBe('meta.unsafe-path')
  })
})

describe('files that would be one on some file system', () => {
  test.each<[string, string[], string[]]>([
    ['the same', ['a'], ['a']],
    ['case', ['README'], ['readme']],
    ['case of a folder', ['Docs', 'a'], ['docs', 'A']],
    ['case beyond ASCII', ['ÄÖÜ'], ['äöü']],
    ['sharp s', ['straße'], ['STRASSE']],
    ['final sigma', ['ΑΣ'], ['ας']],
    ['composed and decomposed', ['caf\u00e9'], ['cafe\u0301']],
    ['a file that is a folder', ['a'], ['a', 'b']],
    ['a folder that is a file', ['a', 'b'], ['a']],
    ['a folder that is a file, further down', ['x', 'a', 'b', 'c'], ['X', 'A']],
  ])('%s', (_, a, b) => expect(verdict(folder(a, b))).toBe('meta.unsafe-path'))

  test('padding may share a path with equal padding, and with nothing else', () => {
    const pad = (length: number) => ({ attr: 'p', path: ['.pad', '9'], length })
    expect(verdict(folder(['a'], pad(9), ['b'], pad(9)))).toBe('read')
    expect(verdict(folder(['a'], pad(9), ['b'], pad(8)))).toBe('meta.unsafe-path')
    expect(verdict(folder(pad(9), { path: ['.pad', '9'], length: 9 }))).toBe('meta.unsafe-path')
  })
})

describe('names that are merely odd', () => {
  test.each([
    ['.hidden'],
    ['..hidden'],
    ['...'],
    ['a..b'],
    [' leading and trailing '],
    ['🦊 fox.bin'],
    ['日本語'],
    ['con'],
    ['aux.txt'],
    ['ab:cd'],
    ['-rf'],
    ['$HOME'],
    ['*?"<>|'],
    ['__proto__'],
    ['constructor'],
    ['n'.repeat(250)],
  ])('%s', (name) => {
    expect(verdict(single({ name }))).toBe('read')
    expect(verdict(folder({ path: [name, name], length: 425 }))).toBe('read')
  })

  test('files apart only by what no file system folds', () => {
    expect(verdict(folder(['a'], ['b'], ['a b'], ['ab'], ['x', 'a'], ['x', 'b'], ['y', 'a']))).toBe('read')
  })
})

describe('.bit files', () => {
  const good = JSON.parse(new TextDecoder().decode(encodeBit(parseMetainfo(single({}), hashes)))) as object
  const bit = (changes: object): Uint8Array =>
    new TextEncoder().encode(JSON.stringify({ ...good, ...changes }))
  const files = (...paths: string[]): object => ({
    length: undefined,
    files: paths.map((path) => ({ path, length: 425 })),
  })

  test.each<[string, Uint8Array, string]>([
    ['as it is written', bit({}), 'read'],
    ['with a byte order mark and blanks', latin1(`\xef\xbb\xbf \n${JSON.stringify(good)}`), 'read'],
    ['with members of a later version', bit({ later: { a: 1 } }), 'read'],
    ['cut', latin1('{"bitswarm":1,'), 'meta.malformed'],
    ['not UTF-8', latin1('{"name":"\xff"}'), 'meta.malformed'],
    ['100,000 levels deep', latin1(`{"a":${'['.repeat(100_000)}`), 'meta.malformed'],
    ['any other JSON', latin1('{}'), 'meta.missing-field'],
    ['without version', bit({ bitswarm: undefined }), 'meta.missing-field'],
    ['of a later version', bit({ bitswarm: 2 }), 'meta.unsupported'],
    ['with a version that is text', bit({ bitswarm: '1' }), 'meta.bad-field'],
    ['without name', bit({ name: undefined }), 'meta.missing-field'],
    ['without pieces', bit({ pieces: undefined }), 'meta.missing-field'],
    ['without length', bit({ length: undefined }), 'meta.missing-field'],
    ['with length and files', bit({ ...files('a'), length: 425 }), 'meta.bad-field'],
    ['with a fraction of a byte', bit({ length: 0.5 }), 'meta.bad-field'],
    ['with a length of 2^53', bit({ length: 2 ** 53 }), 'meta.bad-field'],
    ['with a piece length of zero', bit({ pieceLength: 0 }), 'meta.bad-field'],
    ['with pieces that are no base64', bit({ pieces: '!!!!' }), 'meta.bad-field'],
    [
      'with pieces that are not canonical base64',
      bit({ pieces: 'np6enp6enp6enp6enp6enp6enp5=' }),
      'meta.bad-field',
    ],
    ['with another info hash', bit({ infoHash: '0'.repeat(40) }), 'meta.info-hash'],
    ['with an info hash that is none', bit({ infoHash: 'xyz' }), 'meta.bad-field'],
    ['with another name', bit({ name: 'other' }), 'meta.info-hash'],
    ['with private added', bit({ private: true }), 'meta.info-hash'],
    ['with an info of other content', bit({ info: 'ZGU=' }), 'meta.info-hash'],
    ['with an info that is no base64', bit({ info: '?' }), 'meta.bad-field'],
    ['with an info inside torrent', bit({ torrent: btoa('d4:infodee') }), 'meta.bad-field'],
    ['with a torrent that is a list', bit({ torrent: btoa('le') }), 'meta.bad-field'],
    ['with a torrent that is not bencode', bit({ torrent: btoa('x') }), 'meta.malformed'],
    ['with a tracker that is no URL', bit({ trackers: [['x']] }), 'meta.bad-field'],
    ['with a bootstrap that is no address', bit({ bootstrap: ['x'] }), 'meta.bad-field'],
    ['with a name that climbs', bit({ name: '..' }), 'meta.unsafe-path'],
    ['with a path that climbs', bit(files('a/../b')), 'meta.unsafe-path'],
    ['with an absolute path', bit(files('/etc/passwd')), 'meta.unsafe-path'],
    ['with an empty part in a path', bit(files('a//b')), 'meta.unsafe-path'],
    ['with half a surrogate pair in a comment', bit({ comment: '\ud83e' }), 'meta.bad-field'],
    ['with half a surrogate pair in a URL', bit({ webSeeds: ['http://w/\ud83e'] }), 'meta.bad-field'],
    ['with half a surrogate pair', bit({ name: '\ud83e' }), 'meta.unsafe-path'],
    ['with files that collide', bit(files('a', 'A')), 'meta.unsafe-path'],
  ])('%s', (_, bytes, code) => expect(verdict(bytes)).toBe(code))

  test('whose info says otherwise than the members beside it', () => {
    const other = parseMetainfo(single({ name: 'evil', source: 'x' }), hashes)
    const { info, infoHash } = JSON.parse(new TextDecoder().decode(encodeBit(other))) as Record<
      string,
      string
    >
    expect(verdict(bit({ name: 'evil', info, infoHash }))).toBe('read')
    expect(verdict(bit({ info, infoHash }))).toBe('meta.bad-field')
  })
})

test('a million and one files are too many', () => {
  const file = latin1('d6:lengthi1e4:pathl1:aee')
  const list = new Uint8Array(file.length * (MAX_FILES + 1))
  for (let at = 0; at < list.length; at += file.length) list.set(file, at)
  const bytes = Buffer.concat([
    latin1('d4:infod5:filesl'),
    list,
    latin1('e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee'),
  ])
  expect(verdict(bytes)).toBe('meta.bad-field')
})

test('a file of more than 128 MiB is refused unread', () => {
  const bytes = new Uint8Array(MAX_METAINFO_LENGTH + 1)
  bytes[0] = 0x64
  expect(verdict(bytes)).toBe('meta.unsupported')
})

test('more pieces than four million are refused before their hashes are counted', () => {
  const parts = {
    name: 'a',
    isSingleFile: true,
    pieceLength: 1,
    digests: new Uint8Array(0),
    isPrivate: false,
  }
  expect(() => checkInfo({ ...parts, files: [{ path: [], length: 2 ** 22 + 1 }] })).toThrow(/at most 4194304/)
})

test('the form is told by the content', () => {
  expect(formatOf(latin1(' \r\n\t{'))).toBe('bit')
  expect(formatOf(latin1('d4:info'))).toBe('torrent')
})

test('bytes changed at random are read or refused, with one line, and nothing else happens', () => {
  const seeds = [
    single({ private: 1 }),
    folder(['a', 'b'], { path: ['c'], length: 9, attr: 'p' }),
    encodeBit(parseMetainfo(folder(['a'], ['b']), hashes)),
  ]
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), isInsert: fc.boolean() })
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (seed, changes) => {
        const bytes = [...seed]
        for (const { at, byte, isInsert } of changes) bytes.splice(at % bytes.length, isInsert ? 0 : 1, byte)
        expect(verdict(Uint8Array.from(bytes))).toMatch(/^(read|meta\.)/)
      },
    ),
    { numRuns: 1_500 },
  )
})

test('of many wrong files the first is told of', () => {
  const files = [
    { path: 'a', length: 1 },
    ...Array.from({ length: 100_000 }, () => ({ path: '', length: -1 })),
  ]
  const bytes = new TextEncoder().encode(
    JSON.stringify({ bitswarm: 1, name: 'x', files, pieceLength: 1, pieces: '', infoHash: '0'.repeat(40) }),
  )
  expect(() => parseMetainfo(bytes, hashes)).toThrow('`files.1.path` is wrong')
})
