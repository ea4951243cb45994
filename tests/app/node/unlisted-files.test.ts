import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_UNLISTED, unlistedFiles } from '../../../src/app/node/unlisted-files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-unlisted-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('what came into a folder is found, whatever it is and however deep', async () => {
  mkdirSync(join(folder, 'a/b'), { recursive: true })
  mkdirSync(join(folder, 'empty'))
  for (const name of ['old', 'new', 'a/old', 'a/b/new']) writeFileSync(join(folder, name), '')
  symlinkSync('nowhere', join(folder, 'link'))
  const found = await unlistedFiles(folder, new Set(['old', 'a/old', 'gone']))
  expect(found.toSorted()).toEqual(['a/b/new', 'link', 'new'])
})

test('not all of very many are looked for', async () => {
  for (let i = 0; i <= MAX_UNLISTED; i++) writeFileSync(join(folder, String(i)), '')
  expect(await unlistedFiles(folder, new Set())).toHaveLength(MAX_UNLISTED)
})
