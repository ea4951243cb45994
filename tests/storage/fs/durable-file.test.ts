/** What a power cut may not take. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceDurably, syncFolder, unfinished } from '../../../src/storage/fs/durable-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-durable-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a file is replaced as a whole, and what a killed process left of a draft is in nobody’s way', async () => {
  const path = join(folder, 'state')
  writeFileSync(unfinished(path), 'a longer one that was never finished')
  await replaceDurably(path, Buffer.from('new'))
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(readdirSync(folder)).toEqual(['state'])
})

test('a draft that is a symlink leads nowhere', async () => {
  const path = join(folder, 'state')
  symlinkSync(join(folder, 'elsewhere'), unfinished(path))
  await expect(replaceDurably(path, Buffer.from('new'))).rejects.toMatchObject({ code: 'ELOOP' })
  expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
})

/** The one file system on every Linux that cannot sync a folder. */
const PROC = '/proc'

test.skipIf(!existsSync(PROC))('a file system that cannot sync a folder is not to blame', async () => {
  const proc = await open(PROC)
  await expect(proc.sync()).rejects.toMatchObject({ code: 'EINVAL' })
  await proc.close()
  await syncFolder(PROC)
})

test('a folder that is gone is no such file system', async () => {
  await expect(syncFolder(join(folder, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' })
})
