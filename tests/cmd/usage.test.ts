/** What the command line says about itself, and to words that it cannot make sense of. */
import { expect, test } from 'vitest'
import { VERSION } from '../../src/app/version.ts'
import { runProgram, type Outcome } from './fake-env.ts'

const run = (line: string): Promise<Outcome> => runProgram(line === '' ? [] : line.split(' '))

test('help comes with examples first, then every flag', async () => {
  const { code, stdout, stderr } = await run('-help')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.indexOf('bitswarm -seed')).toBeLessThan(stdout.indexOf('-max-peers'))
  for (const flag of [
    '-seed <file|dir>',
    '-tcp-listen <addr>',
    '-dht-net <id>',
    '-q, -quiet',
    '-lan',
    'magnet <metainfo>',
  ])
    expect(stdout).toContain(flag)
})

test('the version is one line', async () => {
  expect(await run('-version')).toMatchObject({ code: 0, stdout: `bitswarm ${VERSION}\n` })
})

test('nothing to do and no metainfo here: help on stderr', async () => {
  const { code, stdout, stderr, log } = await run('')
  expect([code, stdout, log]).toEqual([2, '', []])
  expect(stderr).toContain('Usage: bitswarm')
  expect(stderr).toMatch(/\nbitswarm: nothing to do: .* no \.torrent or \.bit in this folder\n$/)
})

test.each([
  ['help inspect', /^Usage: bitswarm inspect /],
  ['help simulate', /\n {2}dht .*\n {2}swarm /],
  ['simulate swarm -help', /^Usage: bitswarm simulate swarm [^]*-faults/],
  ['help simulate dht', /^Usage: bitswarm simulate dht [^]*-goals/],
])('%s', async (line, said) => {
  const { code, stdout, stderr } = await run(line)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(said)
})

test.each([
  ['-sed x', /^bitswarm: unknown option '-sed' \(Did you mean -seed\?\); see bitswarm -help\n$/],
  ['-seed', /^bitswarm: option '-seed <file\|dir>' argument missing/],
  ['-keep x -get a.bit', /^bitswarm: -keep 'x': must be a whole number of seconds from -1 to 1000000000\n$/],
  ['-seed a -get b', /exclude each other/],
  ['-seed a b', /-seed takes one path; what is 'b' for\?/],
  ['-get a b c', /-get takes one target; what is 'c' for\?/],
  ['a b c', /^bitswarm: too many arguments\. [^.]* a, b, c; see bitswarm -help\n$/],
  ['-port 1 -tcp-listen :2 -get a', /mean the same/],
  ['-get a -lan -no-lan', /^bitswarm: -lan is switched both on and off\n$/],
  ['-get a -progress=false -progress', /^bitswarm: -progress is switched both on and off\n$/],
  ['-get a -v -log-level info', /^bitswarm: -verbose means -log-level debug, not info: give one\n$/],
  ['-get a -progress -q', /^bitswarm: -quiet and -progress exclude each other: give one\n$/],
  ['insepct a.bit', /^bitswarm: 'insepct' is neither a command nor a file here; did you mean inspect\?\n$/],
  ['seed model.bin', /did you mean -seed\?/],
  ['download a.bit', /^bitswarm: 'download' is neither a command nor a file here; did you mean -get\?\n$/],
  ['help insepct', /^bitswarm: 'insepct' is not a command; did you mean inspect\? see bitswarm -help\n$/],
  ['help get', /^bitswarm: 'get' is not a command; did you mean -get\? see bitswarm -help\n$/],
  ['help nothing', /^bitswarm: 'nothing' is not a command; see bitswarm -help\n$/],
  ['-lan=maybe', /^bitswarm: -lan 'maybe': must be true or false\n$/],
  ['convert a.bit b.zip', /ends in neither \.bit nor \.torrent/],
  ['create a -piece-length 3', /-piece-length '3': must be a power of two/],
  ['help simulate tcp', /^bitswarm: 'simulate tcp' is not a command; see bitswarm -help\n$/],
  ['inspect', /missing required argument 'metainfo'; see bitswarm inspect -help\n$/],
  ['simulate dht -sede 1', /unknown option '-sede'.*; see bitswarm simulate dht -help\n$/],
  [
    'magnet magnet:?xt=urn:btih:x',
    /^bitswarm: 'magnet:\?xt=urn:btih:x' is not a file; bitswarm -get it -save/,
  ],
  ['inspect https://a.example/b.torrent', /'https:\/\/a.example\/b.torrent' is not a file/],
  ['-get ftp://a.example/b.torrent', /'ftp:\/\/a.example\/b.torrent': metainfo is a file, an http or/],
  ['inspect ftp://a.example/b.torrent', /metainfo is a file, an http or https URL, or a magnet link\n$/],
  ['create ', /^bitswarm: '' is no path: is a variable empty\?\n$/],
  ['convert a.bit ', /'' is no path/],
  ['verify a.bit -dest=', /^bitswarm: -dest '': must be a path\n$/],
  ['create a -o=', /^bitswarm: -o '': must be a path\n$/],
  ['-get a -get b', /^bitswarm: -get is given twice: 'a' and 'b'\n$/],
  ['-get a -dest b -dest=c', /^bitswarm: -dest is given twice: 'b' and 'c'\n$/],
  ['-get a -dest b -output c', /^bitswarm: -dest and -output mean the same: give one\n$/],
  ['create a -o b.bit -out c.bit', /^bitswarm: -out is given twice: 'b.bit' and 'c.bit'\n$/],
  ['simulate dht -nodes 10 -nodes 20', /^bitswarm: -nodes is given twice: '10' and '20'\n$/],
  ['-dest b verify a.bit', /^bitswarm: -dest has no effect before verify: flags go behind the command\n$/],
  ['-q simulate dht', /^bitswarm: -quiet has no effect before dht: flags go behind the command\n$/],
  ['completion csh', /There are bash, zsh and fish/],
])('%s: one line, exit code 2, no log', async (line, message) => {
  const { code, stdout, stderr, log } = await run(line)
  expect(stderr).toMatch(message)
  expect(stderr.trimEnd()).not.toContain('\n')
  expect([code, stdout, log]).toEqual([2, '', []])
})
