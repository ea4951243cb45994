/** The whole program in this process: what it says, what it prints, and how it ends. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LOG_LINE } from '../../src/app/events.ts'
import { runProgram, type Outcome } from './fake-env.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'bitswarm-program-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const run = (line: string, variables: Record<string, string> = {}): Promise<Outcome> =>
  runProgram(line === '' ? [] : line.split(' '), { cwd, variables })

/** Of a torrent that nobody has. */
const LINK = 'magnet:?xt=urn:btih:0123456789012345678901234567890123456789'

/** What a terminal is told to empty its line. */
const ERASED_LINE = '\u001B[2K'

/** 600,000 bytes that no two blocks share. */
function makePayload(name = 'model.bin'): string {
  const path = join(cwd, name)
  writeFileSync(
    path,
    Uint8Array.from({ length: 600_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff),
  )
  return path
}

describe('magnet links', () => {
  test('magnet prints what inspect reads: hash, name, trackers, web seeds, bootstrap nodes', async () => {
    makePayload()
    await run('create model.bin -tracker http://t.example/announce?key=a&b -web-seed http://w.example/m.bin')
    const { infoHash } = JSON.parse((await run('inspect model.bin.bit --json')).stdout) as {
      infoHash: string
    }
    const { code, stdout, stderr } = await run('magnet model.bin.bit')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^magnet:\\?xt=urn:btih:${infoHash}&dn=model\\.bin&tr=.*\n$`))
    const link = stdout.trim()
    expect(JSON.parse((await run(`inspect ${link} --json`)).stdout)).toEqual({
      format: 'magnet',
      infoHash,
      name: 'model.bin',
      trackers: ['http://t.example/announce?key=a&b'],
      webSeeds: ['http://w.example/m.bin'],
      peers: [],
    })
    expect((await run(`inspect ${link}`)).stdout).toContain(`info hash      ${infoHash}`)
  })
})

describe('create, inspect, convert, verify', () => {
  test('the info hash stays the same from payload to .bit to .torrent and back', async () => {
    makePayload()
    const created = await run(
      'create model.bin -o a.bit -piece-length 64KiB -tracker http://t.example/a -web-seed http://w.example/ -comment hello -private',
    )
    expect(created).toMatchObject({ code: 0, stderr: '' })
    const [infoHash] = created.stdout.split(' ')
    expect(created.stdout).toBe(`${infoHash}  ${join(cwd, 'a.bit')}\n`)
    expect((await run('convert a.bit b.torrent')).stdout).toMatch(infoHash!)
    expect((await run('convert b.torrent c.bit')).stdout).toMatch(infoHash!)
    expect(readFileSync(join(cwd, 'c.bit'), 'utf8')).toBe(readFileSync(join(cwd, 'a.bit'), 'utf8'))
    const inspected = JSON.parse((await run('inspect b.torrent --json')).stdout) as object
    expect(inspected).toMatchObject({
      format: 'torrent',
      infoHash,
      name: 'model.bin',
      length: 600_000,
      pieceLength: 65_536,
      pieceCount: 10,
      files: [{ path: 'model.bin', length: 600_000 }],
      trackers: [['http://t.example/a']],
      webSeeds: ['http://w.example/'],
      private: true,
      comment: 'hello',
    })
    expect((await run('verify b.torrent')).code).toBe(0)
  })

  test('create clears its progress before it says what went wrong', async () => {
    const path = makePayload()
    const said: string[] = []
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    stderr.on('data', (text: Buffer) => said.push(String(text)))
    // The first sign of progress is when somebody writes to the file.
    stderr.once('data', () => appendFileSync(path, 'more'))
    expect((await runProgram(['create', 'model.bin'], { cwd, stderr })).code).toBe(5)

    const [before, complaint] = said.join('').split('bitswarm: ')
    expect(before).toContain('hashing')
    expect(before!.endsWith(ERASED_LINE)).toBe(true)
    expect(complaint).toMatch(/changed while it was being hashed\n$/)
  })

  test('create writes beside the payload unless told otherwise, and leaves no draft behind', async () => {
    makePayload()
    await run('create model.bin')
    expect(readdirSync(cwd).toSorted()).toEqual(['model.bin', 'model.bin.bit'])
  })

  test('the piece length may come from the environment', async () => {
    makePayload()
    await run('create model.bin', { BITSWARM_PIECE_LENGTH: '16KiB' })
    expect((await run('inspect model.bin.bit')).stdout).toContain('37 of 16.0 KiB')
  })

  test('inspect never lets a comment reach the terminal raw', async () => {
    makePayload()
    await runProgram(['create', 'model.bin', '-comment', '\u001B]0;owned\u0007'], { cwd })
    const { stdout } = await run('inspect model.bin.bit')
    expect(stdout).toContain('\u{fffd}]0;owned\u{fffd}')
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  const createModel = async (): Promise<string> => {
    const path = makePayload()
    await run('create model.bin -piece-length 64KiB')
    return path
  }

  test('verify names the pieces that are bad', async () => {
    const path = await createModel()
    const bytes = readFileSync(path)
    for (const piece of [2, 3, 7]) bytes[piece * 65_536]! ^= 1
    writeFileSync(path, bytes)
    const { code, stdout } = await run('verify model.bin.bit')
    expect([code, stdout]).toEqual([6, `${path}: 7 of 10 pieces are good; bad: 2-3, 7\n`])
  })

  test('verify fails when the payload is not there', async () => {
    rmSync(await createModel())
    expect(await run('verify model.bin.bit -dest .')).toMatchObject({ code: 6, stdout: '' })
  })

  test.each([
    ['model.bin', 'is a folder', (path: string) => mkdirSync(path)],
    ['model.bin', 'is not a regular file', (path: string) => symlinkSync('/dev/null', path)],
  ])('verify fails when %s %s', async (name, reason, put) => {
    const path = await createModel()
    rmSync(path)
    put(path)
    const { code, stdout, stderr } = await run('verify model.bin.bit -dest .')
    expect([code, stdout]).toEqual([6, ''])
    expect(stderr).toMatch(new RegExp(`^bitswarm: .*${name}.*\n$`))
    expect(reason).not.toBe('')
  })

  test.each([
    ['short', (bytes: Buffer) => bytes.subarray(0, 70_000), '1 of 10 pieces are good; bad: 1-9'],
    ['long', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(1)]), '10 of 10 pieces are good'],
  ])('verify fails when the payload is too %s, and says how much of it is good', async (_, spoil, good) => {
    const path = await createModel()
    const bytes = spoil(readFileSync(path))
    writeFileSync(path, bytes)
    expect(await run('verify model.bin.bit -dest .')).toMatchObject({
      code: 6,
      stdout: `${path}: ${good}\n`,
      stderr: `bitswarm: ${path} has ${bytes.length} bytes, the metainfo says 600000\n`,
    })
  })

  test.each([
    ['inspect nothing.bit', 3],
    ['verify nothing.bit', 3],
    ['create nothing', 5],
    ['create model.bin -o nowhere/a.bit', 5],
  ])('%s: exit code %d and one line', async (line, expected) => {
    makePayload()
    const { code, stdout, stderr } = await run(line)
    expect([code, stdout]).toEqual([expected, ''])
    expect(stderr).toMatch(/^bitswarm: [^\n]+\n$/)
  })
})

describe('a run that cannot begin', () => {
  test('still has a first and a last line, and says why in between', async () => {
    const { code, stderr, log } = await run('-get nothing.bit')
    expect(code).toBe(3)
    expect(stderr).toBe(
      `bitswarm: cannot read ${join(cwd, 'nothing.bit')}: there is no such file or folder\n`,
    )
    expect(log.map(({ event }) => event)).toEqual(['start', 'error', 'stopping', 'exit'])
    expect(log[1]).toMatchObject({ code: 'meta.unreadable', family: 'MetainfoError' })
    expect(log.at(-1)).toMatchObject({ code: 3 })
    for (const line of log) expect(LOG_LINE.safeParse(line).error?.issues).toBeUndefined()
  })

  test.each([
    [
      'magnet:?xt=urn:btih:00',
      /^bitswarm: the info hash '00' is neither 40 hex digits nor 32 characters of base32\n$/,
    ],
    ['MAGNET:?dn=x', /^bitswarm: the magnet link names no torrent: it lacks xt=urn:btih:\n$/],
  ])('a bad link ends like a bad file: %s', async (link, message) => {
    const { code, stderr, log } = await run(`-get ${link}`)
    expect([code, stderr]).toEqual([3, expect.stringMatching(message)])
    expect(log.map(({ event }) => event)).toEqual(['start', 'error', 'stopping', 'exit'])
  })

  test('a blocklist that cannot be read is a usage error, and nothing is started', async () => {
    makePayload()
    writeFileSync(join(cwd, 'list.txt'), '# mine\n10.0.0.0/8\nten dot one\n')
    const { code, stderr, log } = await run('-seed model.bin -no-lan -blocklist list.txt')
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/list\.txt, line 3: 'ten dot one' is not a CIDR/),
    ])
    expect(log.map(({ event }) => event)).not.toContain('listen')
  })

  test('a swarm key that cannot be read is a usage error, and nothing is started', async () => {
    makePayload()
    const { code, stderr, log } = await run('-seed model.bin -no-lan -swarm-key fleet.key')
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/fleet\.key cannot be read: there is no such file/),
    ])
    expect(log.map(({ event }) => event)).not.toContain('listen')
  })

  test('a swarm key is made once, and not overwritten', async () => {
    expect(await run('swarm-key fleet.key --aead')).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(readFileSync(join(cwd, 'fleet.key'), 'utf8')).toMatch(/^aead [0-9a-f]{64}\n$/)
    expect(await run('swarm-key fleet.key')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('already') as string,
    })
  })

  test.each([LINK, 'http://127.0.0.1:1/a.torrent'])(
    'a folder that is a file is refused before anybody is asked: -get %s',
    async (source) => {
      makePayload()
      const { code, stderr, log } = await run(`-get ${source} -dest model.bin -no-lan -timeout 5`)
      expect([code, stderr]).toEqual([5, expect.stringContaining('model.bin is a file, not a folder')])
      expect(log.map(({ event }) => event)).toEqual(['start', 'error', 'stopping', 'exit'])
    },
  )

  test.each([
    ['-dest model.bin/sub', /model\.bin\/sub: .*\(ENOTDIR\)\n$/],
    ['-dest link', /link: something that is not a folder is in its place \(EEXIST\)\n$/],
    ['-dest /proc/self/new', /\/proc\/self\/new: /],
    ['model.bin/new-name', /model\.bin is a file, not a folder/],
  ])(
    'a folder that cannot be made is refused before anybody is asked: a magnet link and %s',
    async (where, words) => {
      makePayload()
      symlinkSync('nowhere/at-all', join(cwd, 'link'))
      const { code, stderr, log } = await run(`-get ${LINK} ${where} -no-lan -timeout 5`)
      expect([code, stderr]).toEqual([5, expect.stringMatching(words)])
      expect(log.map(({ event }) => event)).toEqual(['start', 'error', 'stopping', 'exit'])
    },
  )

  test('a file where the folder of a payload should go is in the way, and that is said', async () => {
    mkdirSync(join(cwd, 'set'))
    writeFileSync(join(cwd, 'set/a'), 'x')
    await run('create set')
    mkdirSync(join(cwd, 'there'))
    writeFileSync(join(cwd, 'there/set'), 'mine')
    const words = `${cwd}/there/set is not a folder, but the payload is one`
    for (const flags of ['', ' -overwrite']) {
      const { code, stderr, log } = await run(`-get set.bit -dest there -no-lan -timeout 5${flags}`)
      expect([code, stderr]).toEqual([5, `bitswarm: ${words}\n`])
      expect(log.find(({ event }) => event === 'error')).toMatchObject({ code: 'disk.occupied' })
    }
    expect(await run('verify set.bit -dest there')).toMatchObject({ code: 6, stderr: `bitswarm: ${words}\n` })
    expect(readFileSync(join(cwd, 'there/set'), 'utf8')).toBe('mine')
  })

  test('a folder that is a link to nothing is in the way, and that is said', async () => {
    makePayload()
    await run('create model.bin')
    symlinkSync('nowhere/at-all', join(cwd, 'link'))
    expect(await run('-get model.bin.bit -dest link -no-lan')).toMatchObject({
      code: 5,
      stderr: `bitswarm: ${cwd}/link: something that is not a folder is in its place (EEXIST)\n`,
    })
  })

  test('a seed that is not there is a storage failure', async () => {
    expect(await run('-seed nothing')).toMatchObject({ code: 5 })
  })

  test('flags that mean nothing to the task are told; variables are set for all tasks alike', async () => {
    const variables = { BITSWARM_KEEP: '5' }
    const { stderr } = await run('-seed nothing.bin -dest there -overwrite', variables)
    expect(stderr).toMatch(/^-dest, -overwrite have no effect with -seed\nbitswarm: .*nothing\.bin: no such/)
  })

  test('what concerns a DHT that is switched off is told', async () => {
    const { stderr } = await run(
      '-get nothing.bit -dht-listen= -bootstrap :1 -dht-net lab -piece-length 1MiB',
    )
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      '-piece-length has no effect on a download',
      '-bootstrap, -dht-net have no effect without a DHT',
    ])
  })

  test('what came into a folder after its metainfo is told before it is served', async () => {
    mkdirSync(join(cwd, 'set/more'), { recursive: true })
    writeFileSync(join(cwd, 'set/first'), 'x')
    await run('create set')
    const late = async (name: string): Promise<string> => {
      writeFileSync(join(cwd, 'set', name), 'y')
      return (await run('-seed set -no-lan -blocklist missing')).stderr.split('\n')[0]!
    }
    const rest = `not in ${cwd}/set.bit and not served: remove the .bit and a new one will be made`
    expect(await late('more/late')).toBe(`more/late is ${rest}`)
    expect(await late('more/later')).toBe(`2 files, more/late among them, are ${rest}`)
  })

  test('the first .torrent by name is taken, then the first .bit; folders are not', async () => {
    mkdirSync(join(cwd, '0.torrent'))
    writeFileSync(join(cwd, 'a.bit'), 'x')
    expect((await run('')).stderr).toBe(`bitswarm: ${cwd}/a.bit: neither a .bit nor a .torrent file\n`)
    writeFileSync(join(cwd, 'z.torrent'), '')
    expect((await run('')).stderr).toBe(`bitswarm: ${cwd}/z.torrent: the file is empty\n`)
  })

  test('a file whose name is nearly that of a command is a file all the same', async () => {
    writeFileSync(join(cwd, 'verfy'), 'x')
    expect((await run('verfy')).stderr).toContain(`${cwd}/verfy: neither a .bit nor a .torrent file`)
    expect((await run('model')).code).toBe(3)
  })

  test('an output folder that is a file is named', async () => {
    makePayload()
    await run('create model.bin')
    expect(await run('-get model.bin.bit -dest model.bin')).toMatchObject({
      code: 5,
      stderr: `bitswarm: ${cwd}/model.bin is a file, not a folder: choose another -dest\n`,
    })
  })

  test('a payload that was replaced since its .bit was made: how to go on', async () => {
    makePayload()
    await run('create model.bin')
    writeFileSync(join(cwd, 'model.bin'), 'another model')
    const { code, stderr } = await run(
      '-seed model.bin -no-lan -dht-listen= -tcp-listen 127.0.0.1:0 -state-dir=',
    )
    expect(code).toBe(6)
    expect(stderr).toContain(
      `if it was changed on purpose, remove ${cwd}/model.bin.bit and a new one will be made`,
    )
  })
})
