import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const LAUNCHER = fileURLToPath(new URL('../../cmd/launcher.js', import.meta.url))

/** In place of the program: half of what it makes is still in use when the young part of the heap is cleared. */
const SURVIVORS = `
const { getHeapSpaceStatistics } = await import('node:v8')
await new Promise((done) => setTimeout(done))
const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size
const sizes = []
let kept = []
for (let made = 0; made < 3e6; made++) {
  const object = { made, list: [made] }
  if (made % 2 === 0) kept.push(object)
  if (kept.length > 50_000) kept = []
  if (made > 2e6 && made % 50_000 === 0) sizes.push(young())
}
// While it is being cleared it is larger for a moment; what has grown stays so.
process.stdout.write(String(Math.min(...sizes) / 2 ** 20))
`

/** In place of what runs the program. */
const compiledProgram = (run: string): string => `export class CompiledProgram {
  async run() { ${run} }
  isKept = true
}
export const cacheFolder = () => undefined`

/** Before the launcher: this is another system. */
const ON_WINDOWS = 'data:text/javascript,Object.defineProperty(process, "platform", { value: "win32" })'

/** Before the launcher: what is to happen after so many seconds happens at once. */
const HURRY =
  'data:text/javascript,const later = setTimeout; globalThis.setTimeout = (work) => later(work, 1)'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'bitswarm-launcher-'))))
afterEach(() => rmSync(folder, { recursive: true }))

test('the young part of the heap stays as small as it begins, and V8 knows every flag', () => {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'compiled-program.js'), compiledProgram(SURVIVORS))
  copyFileSync(LAUNCHER, join(folder, 'launcher.js'))
  const words = ['--import', HURRY, join(folder, 'launcher.js')]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(Number(stdout)).toBeGreaterThan(0)
  expect(Number(stdout)).toBeLessThanOrEqual(2)
})

test.each([
  ['that has done what it was asked keeps what it called, as another one will take it', 0, 'kept\n'],
  ['that failed keeps nothing: it may have called little', 3, ''],
])('a process %s', (_what, code, expected) => {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(folder, 'compiled-program.js'),
    `const { cachedDataVersionTag } = process.getBuiltinModule('node:v8')
    const atStart = cachedDataVersionTag()
    export class CompiledProgram {
      isKept = false
      run() {
        setTimeout(() => {
          if (cachedDataVersionTag() === atStart) console.log('no flags were set')
          process.exit(${code})
        }, 100)
      }
      keep() { console.log(cachedDataVersionTag() === atStart ? 'kept' : 'kept under other flags') }
    }
    export const cacheFolder = () => undefined`,
  )
  copyFileSync(LAUNCHER, join(folder, 'launcher.js'))
  const words = ['--import', HURRY, join(folder, 'launcher.js')]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual([expected, ''])
})

test('a simulation may use three quarters of the memory, and is given its own words as they are', () => {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(folder, 'compiled-program.js'),
    compiledProgram(`const { getHeapStatistics } = await import('node:v8')
    console.log(JSON.stringify([getHeapStatistics().heap_size_limit, ...process.argv.slice(2)]))`),
  )
  copyFileSync(LAUNCHER, join(folder, 'launcher.js'))
  const words = ['simulate', 'dht', '-nodes', '', 'two words']
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'launcher.js'), ...words], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  const [limit, ...given] = JSON.parse(stdout) as [number, ...string[]]
  expect(given).toEqual(words)
  expect(limit / totalmem()).toBeGreaterThan(0.74)
})

test('on Windows it says in one line where it runs, and loads nothing', () => {
  const { stderr, status } = spawnSync(process.execPath, ['--import', ON_WINDOWS, LAUNCHER], {
    encoding: 'utf8',
  })
  expect(stderr).toMatch(/^bitswarm does not run on Windows itself, but in WSL: .*\n$/)
  expect(status).toBe(1)
})
