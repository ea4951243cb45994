import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CompiledProgram } from '../../cmd/compiled-program.ts'

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
  for (const nowhere of [undefined, join(folder, 'missing')]) {
    const program = new CompiledProgram(file, nowhere, [])
    program.run()
    program.keep()
  }
  expect(said).toHaveLength(2)
  expect(readdirSync(folder).toSorted()).toEqual(['cache', 'program.cjs'])
})
