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
  keep() {}
}`

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
  ['the cache folder of the system', { XDG_CACHE_HOME: '/xdg', HOME: '/home' }, '/xdg/bitswarm/'],
  ['or that of the user', { HOME: '/home', XDG_CACHE_HOME: 'relative' }, '/home/.cache/bitswarm/'],
  ['or where Node is told', { HOME: '/home', NODE_COMPILE_CACHE: '/told' }, '/told/'],
  ['never in /tmp', {}, 'nowhere'],
  ['nowhere if Node is told so', { HOME: '/home', NODE_DISABLE_COMPILE_CACHE: '1' }, 'nowhere'],
])('compiled code is kept in %s', (_what, places, expected) => {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(folder, 'compiled-program.js'),
    `export class CompiledProgram {
      constructor(file, cache) { console.log(cache ?? 'nowhere') }
      run() {}
      keep() {}
    }`,
  )
  copyFileSync(LAUNCHER, join(folder, 'launcher.js'))
  const env = Object.fromEntries(
    Object.entries(places).map(([name, path]) => [name, path.startsWith('/') ? `${folder}${path}` : path]),
  )
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'launcher.js')], {
    env,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  if (expected === 'nowhere') expect(stdout).toBe('nowhere\n')
  else expect(stdout.startsWith(`${folder}${expected}`)).toBe(true)
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
