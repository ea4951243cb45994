import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { errnoOf } from '../../../src/storage/fs/errno.ts'
import { makeFolders } from '../../../src/storage/fs/make-folders.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(`${realpathSync(tmpdir())}/bitswarm-folders-`)
})
afterEach(() => rmSync(root, { recursive: true }))

const errno = (path: string): Promise<string> => makeFolders(path).then(() => 'made', errnoOf)

test('all that is missing is made, and the topmost of it is told', async () => {
  mkdirSync(`${root}/a`)
  expect(await makeFolders(`${root}/a/b/c/d`, 0o700)).toBe(`${root}/a/b`)
  expect(statSync(`${root}/a/b/c/d`).mode & 0o777).toBe(0o700)
  expect(await makeFolders(`${root}/a/b`)).toBe(undefined)
  expect(await makeFolders('/')).toBe(undefined)
})

test('a symlink to a folder is one; a file, and a symlink to nothing, are in the way', async () => {
  mkdirSync(`${root}/there`)
  symlinkSync('there', `${root}/link`)
  symlinkSync('nowhere/else', `${root}/dangling`)
  writeFileSync(`${root}/file`, '')
  expect(await makeFolders(`${root}/link/a`)).toBe(`${root}/link/a`)
  expect(existsSync(`${root}/there/a`)).toBe(true)
  expect(await errno(`${root}/file`)).toBe('EEXIST')
  expect(await errno(`${root}/file/a`)).toBe('ENOTDIR')
  expect(await errno(`${root}/dangling/a`)).toBe('EEXIST')
})

test('many ask for one at the same time', async () => {
  const made = await Promise.all(Array.from({ length: 20 }, () => makeFolders(`${root}/x/y/z`)))
  expect(made.filter((path) => path === `${root}/x`)).toHaveLength(1)
})

test.skipIf(process.platform !== 'linux')('where no folder can be, it ends', async () => {
  expect(await errno('/proc/1/bitswarm/a')).toBe('ENOENT')
})
