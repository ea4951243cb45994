/** What README promises is tried. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseMetainfo } from '../src/app/library.ts'
import { VERSION } from '../src/app/version.ts'
import { ROOT } from './support/source-tree.ts'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-readme-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('the example of the library copies a file', () => {
  const example = /## Library\n[^]*?```ts\n([^]*?)```/.exec(readme)![1]!
  const library = pathToFileURL(join(ROOT, 'src/app/library.ts')).href
  writeFileSync(join(folder, 'example.mts'), example.replace("'bitswarm'", `'${library}'`))
  writeFileSync(join(folder, 'disk.img'), randomBytes(1_000_000))

  const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mts'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
  })

  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(stdout).toMatch(/4 of 4 from 127\.0\.0\.1:\d+\n1000000 /)
  expect(readFileSync(join(folder, 'copy.img')).equals(readFileSync(join(folder, 'disk.img')))).toBe(true)
})

test('the example of docs/bit-format.md is metainfo', () => {
  const page = readFileSync(join(ROOT, 'docs/bit-format.md'), 'utf8')
  const metainfo = parseMetainfo(new TextEncoder().encode(/```json\n([^]*?)```/.exec(page)![1]!))
  expect(metainfo.geometry.length).toBe(600_000)
})

test('every file that it links to is there', () => {
  const links = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path]) => path!)
  expect(links.length).toBeGreaterThan(5)
  for (const path of links) expect(() => readFileSync(join(ROOT, path)), path).not.toThrow(/ENOENT/)
})

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  expect(VERSION).toBe(version)
})
