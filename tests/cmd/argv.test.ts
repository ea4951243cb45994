/** `-seed f`, `--seed f`, `-seed=f`: whatever people write means the same. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normaliseArgv, type OptionTable } from '../../cmd/argv.ts'
import { optionTable, buildProgram } from '../../cmd/program.ts'
import { fakeEnv } from './fake-env.ts'

const table = optionTable(buildProgram(fakeEnv([]), () => {}))
const normalise = (line: string): string => normaliseArgv(line.split(' '), table).join(' ')

test('the table is that of the program', () => {
  expect([...table.valued]).toEqual(
    expect.arrayContaining(['seed', 'get', 'dest', 'output', 'keep', 'o', 'out']),
  )
  expect([...table.switches]).toEqual(
    expect.arrayContaining([
      'verbose',
      'quiet',
      'progress',
      'no-progress',
      'json',
      'private',
      'help',
      'version',
    ]),
  )
  expect([...table.shorts].toSorted()).toEqual([
    ['V', 'version'],
    ['h', 'help'],
    ['q', 'quiet'],
    ['v', 'verbose'],
  ])
  expect([...table.valued].filter((name) => table.switches.has(name))).toEqual([])
})

describe('one command line in other words', () => {
  test.each([
    ['-seed f', '--seed f'],
    ['-seed=f', '--seed=f'],
    ['create dir -o out.bit', 'create dir --o out.bit'],
    ['-keep -1', '--keep -1'],
    ['-dest -odd', '--dest -odd'],
    ['-dest --seed', '--dest --seed'],
    ['-q -v -vq', '-q -v -vq'],
    ['-progress=true', '--progress'],
    ['-progress=F', '--no-progress'],
    ['-no-progress=0', '--progress'],
    ['-verbose=false x', '--no-verbose x'],
    ['create x -private=no', 'create x --no-private'],
    ['-help=false x', 'x'],
    ['-sed x', '--sed x'],
    ['-- -seed f', '-- -seed f'],
    ['- x', '- x'],
    ['-help', '--help'],
    ['-version', '--version'],
    ['x.torrent isos/', 'x.torrent isos/'],
  ])('%s → %s', (given, expected) => expect(normalise(given)).toBe(expected))
})

test('a switch is on or off', () => {
  expect(() => normalise('-verbose=maybe x')).toThrow("-verbose 'maybe': must be true or false")
})

const word = fc.string({ maxLength: 12 })
const valued = fc.constantFrom(...table.valued)

test('for every option and every value one dash, two dashes and = mean the same', () => {
  fc.assert(
    fc.property(valued, word, fc.array(word, { maxLength: 3 }), (name, value, rest) => {
      const tail = ['--', ...rest]
      const asPair = ['--'.concat(name), value, ...tail]
      expect(normaliseArgv([`-${name}`, value, ...tail], table)).toEqual(asPair)
      expect(normaliseArgv([`--${name}`, value, ...tail], table)).toEqual(asPair)
      const asOne = [`--${name}=${value}`, ...tail]
      expect(normaliseArgv([`-${name}=${value}`, ...tail], table)).toEqual(asOne)
      expect(normaliseArgv([`--${name}=${value}`, ...tail], table)).toEqual(asOne)
    }),
  )
})

test.each([
  ['-lan -no-lan', 'lan'],
  ['-progress=false x -progress', 'progress'],
  ['-no-limit-lan -limit-lan=yes', 'limit-lan'],
  ['-verbose -verbose=0', 'verbose'],
  ['-qv -verbose=off', 'verbose'],
])('%s: one cannot have both', (line, name) => {
  expect(() => normalise(line)).toThrow(`-${name} is switched both on and off`)
})

test('a switch may be given again, and what looks like one may be a value', () => {
  expect(normalise('-lan -lan=1 -no-lan=0 -dest -no-lan')).toBe('--lan --lan --lan --dest -no-lan')
})

test('doing it twice changes nothing', () => {
  // A switch and its opposite would contradict each other.
  const switches = [...table.switches].filter((name) => !name.startsWith('no-'))
  const flag = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('-', '--'),
        fc.constantFrom(...table.valued, ...switches, ...table.shorts.keys()),
      )
      .map((parts) => parts.join('')),
    word,
    word.map((text) => `-${text}`),
  )
  fc.assert(
    fc.property(fc.array(flag, { maxLength: 8 }), (args) => {
      const once = normaliseArgv(args, table)
      expect(normaliseArgv(once, table)).toEqual(once)
    }),
  )
})

test('a table without shorts knows no clusters', () => {
  const bare: OptionTable = { valued: new Set(), switches: new Set(), shorts: new Map() }
  expect(normaliseArgv(['-v'], bare)).toEqual(['--v'])
})
