/** The laws of the house, and the proof that each gate really looks. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../src/protocol/errors.ts'
import {
  forbiddenImports,
  hasForbiddenName,
  importsOf,
  isBarrel,
  machinePaths,
  readSources,
  readsWallClock,
  ROOT,
  unfinishedLines,
} from './support/source-tree.ts'

const product = readSources(['src', 'cmd'])
const all = [...product, ...readSources(['tests', 'scripts', 'bench'])]
const prose = readSources(['docs', 'examples'], ['.md', '.json', '.alloy', '.logql'])

describe('the source tree', () => {
  test('was found', () => {
    expect(product.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['src/protocol/errors.ts', 'src/metainfo/geometry.ts', 'src/storage/disk.ts']),
    )
    expect(product.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(product.length)
  })

  test('imports in the permitted directions only', () => {
    expect(product.flatMap(forbiddenImports)).toEqual([])
  })

  test('has no file with a name that says nothing', () => {
    expect(all.map(({ path }) => path).filter(hasForbiddenName)).toEqual([])
  })

  test('has no barrel but the public face of the package', () => {
    const barrels = product.filter(isBarrel).map(({ path }) => path)
    expect(barrels.filter((path) => path !== 'src/app/library.ts')).toEqual([])
  })

  test('has no file of more than 400 lines', () => {
    const long = all.filter(({ text }) => text.split('\n').length > 401)
    expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length - 1}`)).toEqual([])
  })

  test('leaves nothing unfinished', () => {
    expect([...all, ...prose].flatMap(unfinishedLines)).toEqual([])
  })

  test('reads the wall clock in no core file', () => {
    const core = product.filter(({ path }) => !/^(src\/app\/node|src\/storage\/fs|cmd)\//.test(path))
    expect(core.flatMap(readsWallClock)).toEqual([])
  })

  test('names no path of the machine it was written on', () => {
    expect([...all, ...prose].flatMap(machinePaths)).toEqual([])
  })

  test('uses every error code, and the README lists it', () => {
    const users = product
      .filter(({ path }) => path !== 'src/protocol/errors.ts')
      .map(({ text }) => text)
      .join('\n')
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
    const codes = Object.keys(ERROR_CODES)
    expect(codes.filter((code) => !users.includes(`'${code}'`))).toEqual([])
    expect(codes.filter((code) => !readme.includes(`\`${code}\``))).toEqual([])
  })
})

describe('the scanner sees', () => {
  const file = (path: string, text: string): { path: string; text: string } => ({ path, text })

  test.each([
    ['src/protocol/bad.ts', `import { x } from '../peer/x.ts'`],
    ['src/protocol/bad.ts', `import ipaddr from 'ipaddr.js'`],
    ['src/protocol/bad.ts', `export * from 'node:fs'`],
    ['src/metainfo/bad.ts', `import { z } from 'zod'`],
    ['src/dht/bad.ts', `import type {\n  A,\n  B,\n} from '../storage/disk.ts'`],
    ['src/peer/bad.ts', `import { x } from '../metainfo/metainfo.ts'`],
    ['src/peer/bad.ts', `const dht = await import('../dht/node.ts')`],
    ['src/storage/bad.ts', `import 'node:fs'`],
    ['src/storage/bad.ts', `import { x } from './fs/fs-disk.ts'`],
    ['src/app/bad.ts', `import { Command } from 'commander'`],
    ['src/app/sim/bad.ts', `import { x } from 'node:timers'`],
    ['cmd/bad.ts', `import { x } from '../src/dht/node.ts'`],
    ['elsewhere/bad.ts', ''],
  ])('a forbidden import in %s: %s', (path, text) => {
    expect(forbiddenImports(file(path, text))).toHaveLength(1)
  })

  test('that a permitted import is none', () => {
    const text = `import { x } from '../protocol/ids.ts'\nimport type { P } from '../metainfo/geometry.ts'\nimport './b.ts'`
    expect(forbiddenImports(file('src/peer/good.ts', text))).toEqual([])
  })

  test('names that say nothing, barrels, unfinished work, clocks and machine paths', () => {
    expect(hasForbiddenName('src/peer/utils.ts')).toBe(true)
    expect(hasForbiddenName('src/peer/index.ts')).toBe(true)
    expect(hasForbiddenName('src/peer/peer-manager.ts')).toBe(true)
    expect(hasForbiddenName('src/peer/picker.ts')).toBe(false)
    expect(
      isBarrel(file('a.ts', `/** Everything. */\nexport * from './b.ts'\nexport { c } from './c.ts'\n`)),
    ).toBe(true)
    expect(isBarrel(file('a.ts', `export * from './b.ts'\nexport const c = 1\n`))).toBe(false)
    expect(unfinishedLines(file('a.ts', `// ${['TO', 'DO'].join('')}: later`))).toHaveLength(1)
    expect(readsWallClock(file('a.ts', 'const now = new Date()'))).toHaveLength(1)
    expect(readsWallClock(file('a.ts', 'const then = new Date(ms)'))).toEqual([])
    expect(machinePaths(file('a.ts', `read('${['', 'home', 'someone'].join('/')}')`))).toHaveLength(1)
  })
})

describe('oxlint sees', () => {
  const badFiles: Readonly<Record<string, readonly [path: string, text: string]>> = {
    'no-restricted-imports': ['src/peer/a.ts', `import { x } from '../dht/x.ts'\nexport const y = x`],
    'no-restricted-imports (package)': [
      'src/protocol/b.ts',
      `import { z } from 'zod'\nexport const y = z.string()`,
    ],
    'no-restricted-imports (node)': [
      'src/storage/c.ts',
      `import { openSync } from 'node:fs'\nexport const y = openSync`,
    ],
    'no-restricted-globals (timer)': [
      'src/dht/d.ts',
      'export const later = (f: () => void): unknown => setTimeout(f, 1)',
    ],
    'no-restricted-globals (Node)': [
      'src/metainfo/e.ts',
      `export const bytes = (): Uint8Array => Buffer.from('')`,
    ],
    'no-restricted-properties (clock)': ['src/app/f.ts', 'export const now = (): number => Date.now()'],
    'no-restricted-properties (chance)': ['src/peer/g.ts', 'export const dice = (): number => Math.random()'],
    'no-cycle': ['src/peer/h.ts', `import { i } from './i.ts'\nexport const h = (): unknown => i`],
    'no-default-export': ['src/app/j.ts', 'const j = 1\nexport default j'],
    'consistent-type-imports': ['src/app/k.ts', `import { L } from './l.ts'\nexport type K = L`],
    'no-explicit-any': ['src/app/m.ts', 'export const m = (x: any): unknown => x'],
    'explicit-module-boundary-types': ['src/app/n.ts', 'export function n() {\n  return 1\n}'],
    'no-console': ['cmd/o.ts', `console.log('o')\nexport const o = 1`],
    'no-unused-vars': ['src/app/p.ts', 'const unused = 1\nexport const p = 2'],
  }
  let folder: string
  let found: { readonly filename: string; readonly code: string }[]

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bitswarm-tidy-'))
    copyFileSync(join(ROOT, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), `${text}\n`)
    }
    for (const [path, text] of Object.values(badFiles)) write(path, text)
    write('src/peer/i.ts', `import { h } from './h.ts'\nexport const i = (): unknown => h`)
    write('src/app/node/good.ts', `import { hrtime } from 'node:process'\nexport const now = hrtime.bigint`)
    const oxlint = spawnSync(
      process.execPath,
      [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '--format', 'json'],
      { cwd: folder, encoding: 'utf8' },
    )
    found = (JSON.parse(oxlint.stdout) as { diagnostics: typeof found }).diagnostics
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(Object.entries(badFiles))('%s', (name, [path]) => {
    const rule = name.split(' ')[0]!
    const codes = found
      .filter(({ filename }) => filename.replaceAll('\\', '/') === path)
      .map(({ code }) => code)
    expect(codes).toEqual(expect.arrayContaining([expect.stringContaining(`(${rule})`)]))
  })

  test('nothing wrong in a good file', () => {
    expect(found.filter(({ filename }) => filename.includes('good'))).toEqual([])
  })
})
