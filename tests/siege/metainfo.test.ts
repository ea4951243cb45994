/** Metainfo that means harm, through every command that reads one. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeBit } from '../../src/app/library.ts'
import { parseTorrent } from '../../src/metainfo/torrent-file.ts'
import { MAX_METAINFO_LENGTH } from '../../src/metainfo/read-metainfo.ts'
import { hashes } from '../support/hashes.ts'
import { folderDict, infoDict, latin1, torrent } from '../support/torrent.ts'
import { run, type Ending } from './command.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-siege-'))
  mkdirSync(join(folder, 'work'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const work = (...parts: string[]): string => join(folder, 'work', ...parts)
const bitswarm = (...args: string[]): Promise<Ending> => run(work(), args)
const GET_FLAGS = ['-dest', 'out', '-dht-listen', '', '-no-lan', '-timeout', '1', '-quiet']

const GET = ['-get', 'x', ...GET_FLAGS]
/** Every command that reads metainfo. */
const READERS: readonly (readonly string[])[] = [
  ['inspect', 'x'],
  ['inspect', 'x', '--json'],
  ['convert', 'x', 'y.torrent'],
  ['convert', 'x', 'y.bit'],
  ['magnet', 'x'],
  ['verify', 'x', '-dest', '.'],
  GET,
]

/** Codes that every command was seen to end with. */
const everywhere = new Set<string>()

const single = (changes: Parameters<typeof infoDict>[0]): Uint8Array => torrent(infoDict(changes))
const files = (...list: Parameters<typeof folderDict>[0]): Uint8Array => torrent(folderDict(list))

/** A .bit of the torrent's fields, unchecked. */
function bit(changes: object): Uint8Array {
  const good = JSON.parse(new TextDecoder().decode(encodeBit(parseTorrent(single({}), hashes)))) as object
  return Buffer.from(JSON.stringify({ ...good, ...changes }))
}

const bitFiles = (...paths: string[]): object => ({
  length: undefined,
  files: paths.map((path) => ({ path, length: 425 })),
})

describe.each<[string, Uint8Array, string]>([
  ['an empty file', new Uint8Array(0), 'meta.malformed'],
  ['a web page', latin1('<!doctype html>'), 'meta.malformed'],
  ['a string that claims 4 GB', latin1('d4:info4000000000:'), 'meta.malformed'],
  ['a million lists in each other', latin1(`d1:a${'l'.repeat(1_000_000)}`), 'meta.malformed'],
  ['a duplicate key', latin1('d4:infod4:name1:a4:name1:bee'), 'meta.malformed'],
  ['a torrent with a tail', Buffer.concat([single({}), latin1('x')]), 'meta.malformed'],
  ['no piece length', single({ 'piece length': undefined }), 'meta.missing-field'],
  ['a piece length of zero', single({ 'piece length': 0 }), 'meta.bad-field'],
  ['a negative piece length', single({ 'piece length': -1 }), 'meta.bad-field'],
  ['a piece length of 2^63', single({ 'piece length': 2n ** 63n }), 'meta.bad-field'],
  ['a length of 2^63 - 1', single({ length: 2n ** 63n - 1n }), 'meta.bad-field'],
  ['a petabyte with one hash', single({ length: 2 ** 50 }), 'meta.bad-field'],
  ['a negative length', single({ length: -1 }), 'meta.bad-field'],
  ['lengths whose sum overflows', files({ path: ['a'], length: 2 ** 53 - 1 }, ['b']), 'meta.bad-field'],
  ['a path that is a string', files({ path: 'a', length: 425 }), 'meta.bad-field'],
  ['an empty path', files({ path: [], length: 425 }), 'meta.bad-field'],
  ['no root hash', single({ pieces: undefined, 'meta version': 2, 'file tree': {} }), 'meta.unsupported'],
  [
    'a symlink',
    files(['a'], { path: ['b'], length: 0, attr: 'l', 'symlink path': ['..'] }),
    'meta.unsupported',
  ],
  ['a name that climbs', single({ name: '../evil' }), 'meta.unsafe-path'],
  ['an absolute name', single({ name: '/tmp/evil' }), 'meta.unsafe-path'],
  ['a file that climbs', files(['ok', '..', '..', 'evil']), 'meta.unsafe-path'],
  ['a file whose part is a slash', files(['/']), 'meta.unsafe-path'],
  ['a file with NUL', files(['a\0b']), 'meta.unsafe-path'],
  ['a name with an escape', single({ name: '\u001b]0;evil\u0007\u001b[2J' }), 'meta.unsafe-path'],
  ['a name with a newline', single({ name: 'a\n{"event":"complete"}' }), 'meta.unsafe-path'],
  ['a path of 5,000 bytes', files(Array<string>(500).fill('ääää')), 'meta.unsafe-path'],
  ['a file that is a folder', files(['a'], ['a', 'b']), 'meta.unsafe-path'],
  ['two files that are one', files(['README'], ['readme']), 'meta.unsafe-path'],
  ['a .bit that climbs', bit(bitFiles('../evil')), 'meta.unsafe-path'],
  ['a .bit with an absolute path', bit(bitFiles('/tmp/evil')), 'meta.unsafe-path'],
  ['a .bit with an escape', bit({ name: '\u009b2J' }), 'meta.unsafe-path'],
  ['a .bit whose files collide', bit(bitFiles('a', 'A')), 'meta.unsafe-path'],
  ['a .bit of another content', bit({ name: 'evil' }), 'meta.info-hash'],
  ['a .bit of 200,000 levels', latin1(`{"a":${'['.repeat(200_000)}`), 'meta.malformed'],
  ['a .bit with pieces of zero bytes', bit({ pieceLength: 0 }), 'meta.bad-field'],
])('%s', (_what, bytes, fault) => {
  test('is refused with one line, and nothing is written', async () => {
    writeFileSync(work('x'), bytes)
    // Each fault once by every command: they have one reader.
    const commands = everywhere.has(fault) ? [GET] : READERS
    everywhere.add(fault)
    const endings = await Promise.all(commands.map((words) => bitswarm(...words)))
    for (const [at, { code, stderr, stdout, harmful }] of endings.entries()) {
      const command = commands[at]!
      expect({ command, code, harmful }).toEqual({ command, code: 3, harmful: [] })
      expect(stderr, command.join(' ')).toMatch(/^bitswarm: [^\n]{5,400}\n$/)
      if (command !== GET) expect(stdout, command.join(' ')).toBe('')
    }
    const events = endings
      .at(-1)!
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(events).toContainEqual(expect.objectContaining({ event: 'error', code: fault }))
    expect(readdirSync(work()).filter((name) => name !== 'out')).toEqual(['x'])
    expect(readdirSync(folder)).toEqual(['work'])
  })
})

describe('what is no file', () => {
  test.each([
    ['a pipe that nobody writes into', () => execFileSync('mkfifo', [work('x')]), 'it is not a regular file'],
    ['an endless device', () => symlinkSync('/dev/zero', work('x')), 'it is not a regular file'],
    ['a folder', () => mkdirSync(work('x')), 'it is a folder'],
    ['a link to itself', () => symlinkSync('x', work('x')), 'too many symbolic links'],
    ['nothing', () => {}, 'there is no such file or folder'],
    ['a terabyte', () => sparse(work('x'), 2 ** 40), 'too large'],
  ])('%s is one clear line', async (_what, make, words) => {
    make()
    for (const { code, stderr } of await Promise.all(
      [['inspect', 'x'], GET].map((words) => bitswarm(...words)),
    )) {
      expect(stderr).toMatch(/^bitswarm: [^\n]+\n$/)
      expect(stderr).toContain(words)
      expect(code).toBe(3)
    }
  })

  test('the largest file that is read, of zeros, is refused at once', async () => {
    sparse(work('x'), MAX_METAINFO_LENGTH)
    expect(await bitswarm('inspect', 'x')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('neither') as string,
    })
  })

  function sparse(path: string, bytes: number): void {
    const fd = openSync(path, 'w')
    ftruncateSync(fd, bytes)
    closeSync(fd)
  }
})

describe('texts that are allowed, and not fit for a terminal', () => {
  const ODD = 'a\u202egpj.exe\u2028\u2066b\u200f'
  const hostile = {
    comment: 'c\u001b[2J\u009b31m\u202e',
    'created by': '\u001b]0;evil\u0007',
    announce: 'http://127.0.0.1:1/\u202e',
  }

  test('are shown in another way, and keep their value in JSON', async () => {
    writeFileSync(work('x'), torrent(folderDict([[ODD]], { name: ODD }), hostile))
    for (const words of READERS) {
      const { harmful, stderr } = await bitswarm(...words, ...(words[0] === '-get' ? ['-progress'] : []))
      expect(harmful, words.join(' ')).toEqual([])
      expect(stderr).not.toContain('internal error')
    }
    const { stdout } = await bitswarm('inspect', 'x', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ name: ODD, comment: hostile.comment, files: [{ path: ODD }] })
    const { stdout: link } = await bitswarm('magnet', 'x')
    const seen = await bitswarm('inspect', link.trim())
    expect([seen.code, seen.harmful]).toEqual([0, []])
  })

  test('do not break out of a download that shows its progress', async () => {
    writeFileSync(work('x'), torrent(infoDict({ name: ODD }), hostile))
    const { code, harmful } = await bitswarm(
      '-get',
      'x',
      ...GET_FLAGS.filter((flag) => flag !== '-quiet'),
      '-progress',
    )
    expect([code, harmful]).toEqual([4, []])
  })

  test.each([
    ['a flag', ['-\u001b[2J']],
    ['a file name', ['-get', '\u001b[2J\u202e.torrent']],
    ['a sub-command of a file', ['inspect', '\u009b2J']],
    ['a magnet link', ['inspect', 'magnet:?xt=urn:btih:\u001b[2J']],
    ['an address', ['-get', 'x', '-peer', '\u001b[2J']],
    ['a tracker', ['-get', 'x', '-tracker', 'http://\u001b[2J']],
  ])('in %s are not echoed', async (_what, words) => {
    writeFileSync(work('x'), single({}))
    const { harmful, code } = await bitswarm(...words)
    expect([[2, 3].includes(code!), harmful]).toEqual([true, []])
  })
})

describe('symlinks below -dest', () => {
  const inFolder = (): Uint8Array => torrent(folderDict([['sub', 'a'], ['b']], { name: 'pack' }))

  test.each<[string, () => void]>([
    [
      'a file that leads to another outside',
      () => symlinkSync(join(folder, 'victim'), work('out', 'pack', 'b')),
    ],
    ['a folder that leads outside', () => symlinkSync(folder, work('out', 'pack', 'sub'))],
    ['a file that leads nowhere yet', () => symlinkSync(join(folder, 'new'), work('out', 'pack', 'b'))],
    ['a file that leads to another inside', () => symlinkSync('c', work('out', 'pack', 'b'))],
    ['a pipe', () => execFileSync('mkfifo', [work('out', 'pack', 'b')])],
    ['a file where a folder should be', () => writeFileSync(work('out', 'pack', 'sub'), 'x')],
  ])('%s is refused, and what it leads to is not touched', async (_what, make) => {
    writeFileSync(join(folder, 'victim'), 'precious')
    mkdirSync(work('out', 'pack'), { recursive: true })
    make()
    writeFileSync(work('x'), inFolder())
    const { code, stdout, stderr } = await bitswarm('-get', 'x', ...GET_FLAGS)
    expect(code).toBe(5)
    expect(stdout).toContain('"disk.unsafe-path"')
    expect(stderr).toMatch(/^bitswarm: [^\n]+\n$/)
    expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('precious')
    expect(existsSync(join(folder, 'new'))).toBe(false)
    expect(readdirSync(folder).toSorted()).toEqual(['victim', 'work'])
  })
})
