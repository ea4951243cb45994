import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cacheFolder, CompiledProgram } from '../../cmd/compiled-program.ts'

let folder: string
let cache: string
let said: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-compiled-'))
  cache = join(folder, 'cache')
  mkdirSync(cache)
  said = []
  Object.assign(globalThis, { say: (text: string) => said.push(text) })
})
afterEach(() => {
  rmSync(folder, { recursive: true })
  Reflect.deleteProperty(globalThis, 'say')
})

/** A program with a function of its own, which V8 compiles when it is called. */
function write(word: string): string {
  const file = join(folder, 'program.cjs')
  const source = `const hello = () => say(require('node:path').basename(__filename) + ' ${word}')\nhello()`
  writeFileSync(file, `(function (require, module, exports, __filename, __dirname) { ${source}\n})`)
  return file
}

/** @returns what is in the cache then */
function runAndKeep(file: string, ...args: string[]): string[] {
  const program = new CompiledProgram(file, cache, args)
  program.run()
  program.keep()
  return readdirSync(cache)
}

test('what was called is kept, and a program that finds it runs alike and writes nothing', () => {
  const file = write('one')
  new CompiledProgram(file, cache, []).keep()
  const [name] = readdirSync(cache)
  const before = statSync(join(cache, name!)).size
  rmSync(join(cache, name!))
  expect(runAndKeep(file)).toEqual([name])
  const { size, ino } = statSync(join(cache, name!))
  expect(size).toBeGreaterThan(before)
  expect(runAndKeep(file)).toEqual([name])
  expect(statSync(join(cache, name!)).ino).toBe(ino)
  expect(said).toEqual(['program.cjs one', 'program.cjs one'])
})

test('another program of the same length takes nothing of the first', () => {
  expect(runAndKeep(write('one'))).toEqual(runAndKeep(write('two')))
  expect(said).toEqual(['program.cjs one', 'program.cjs two'])
})

test('leechers, seeders and the rest each have a cache', () => {
  const file = write('one')
  runAndKeep(file, '-get', 'x.bit')
  runAndKeep(file, '--get', 'y.bit')
  runAndKeep(file, '-seed', 'x')
  expect(runAndKeep(file, 'x.bit').map((name) => name.split('-').at(-1))).toEqual(
    expect.arrayContaining(['get', 'other', 'seed']),
  )
  expect(readdirSync(cache)).toHaveLength(3)
})

test('the help of a command is help, and the simulation of seeders one of simulations', () => {
  const file = write('one')
  expect(runAndKeep(file, 'help', 'get')).toEqual(['bitswarm-help'])
  expect(runAndKeep(file, 'simulate', 'swarm', '-seed', '1')).toEqual(['bitswarm-help', 'bitswarm-simulate'])
})

test('what is there need not be kept', () => {
  const file = write('one')
  expect(new CompiledProgram(file, cache, []).isKept).toBe(false)
  runAndKeep(file)
  expect(new CompiledProgram(file, cache, []).isKept).toBe(true)
  expect(new CompiledProgram(file, undefined, []).isKept).toBe(true)
})

test.each([
  ['the cache folder of the system', { XDG_CACHE_HOME: '/xdg', HOME: '/home' }, '/xdg/bitswarm'],
  ['or that of the user', { HOME: '/home', XDG_CACHE_HOME: 'relative' }, '/home/.cache/bitswarm'],
  ['or where Node is told', { HOME: '/home', NODE_COMPILE_CACHE: '/told' }, '/told'],
  ['never in /tmp', {}, undefined],
  ['nowhere if Node is told so', { HOME: '/home', NODE_DISABLE_COMPILE_CACHE: '1' }, undefined],
])('compiled code is kept in %s, by version of Node', (_what, variables, expected) => {
  const place = cacheFolder(variables)
  expect(place && dirname(place)).toBe(expected)
  if (place) expect(basename(place)).toBe(`${process.version}-${process.arch}`)
})

test('the folder is made, for its owner only', () => {
  const deep = join(folder, 'a', 'b')
  const program = new CompiledProgram(write('one'), deep, [])
  program.run()
  program.keep()
  expect(readdirSync(deep)).toEqual(['bitswarm-other'])
  expect(statSync(deep).mode & 0o777).toBe(0o700)
})

test.each([
  ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  ['full of zeros', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ['changed in a few bytes', (bytes: Buffer) => bytes.fill(7, 8, 28)],
])('a cache that is %s is not given to V8, and is written anew', (_what, damaged) => {
  const file = write('one')
  const path = join(cache, runAndKeep(file)[0]!)
  const whole = readFileSync(path)
  writeFileSync(path, damaged(Buffer.from(whole)))
  runAndKeep(file)
  expect(said).toEqual(['program.cjs one', 'program.cjs one'])
  expect(readFileSync(path).length).toBe(whole.length)
  expect(readFileSync(path).subarray(0, 28)).toEqual(whole.subarray(0, 28))
})

test('where nothing can be kept the program runs all the same', () => {
  const file = write('one')
  for (const nowhere of [undefined, join(file, 'below')]) {
    const program = new CompiledProgram(file, nowhere, [])
    program.run()
    program.keep()
  }
  expect(said).toHaveLength(2)
  expect(readdirSync(folder).toSorted()).toEqual(['cache', 'program.cjs'])
})

test.skipIf(!existsSync('/proc/self'))('where no folder can be made the process ends all the same', () => {
  const module = new URL('../../cmd/compiled-program.ts', import.meta.url).href
  const script = `import { CompiledProgram } from ${JSON.stringify(module)}
    new CompiledProgram(process.argv[1], '/proc/self/a/b', []).keep()`
  // A call that never returns cannot be stopped from within.
  const { signal, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script, write('one')],
    { timeout: 20_000 },
  )
  expect([signal, status]).toEqual([null, 0])
})
