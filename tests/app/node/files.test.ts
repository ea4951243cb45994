import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readMetainfoBytes } from '../../../src/app/node/files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a file within the bound is read whole', async () => {
  writeFileSync(join(folder, 'x'), 'four')
  expect(await readMetainfoBytes(join(folder, 'x'), 4)).toEqual(Buffer.from('four'))
})

test.each<[string, (path: string) => void, RegExp]>([
  ['a longer file', (path) => writeFileSync(path, 'fives'), /too large for metainfo: 5 bytes$/],
  ['a folder', (path) => mkdirSync(path), /it is a folder$/],
  ['nothing', () => {}, /there is no such file or folder$/],
])('%s is not read', async (_what, make, words) => {
  make(join(folder, 'x'))
  await expect(readMetainfoBytes(join(folder, 'x'), 4)).rejects.toThrow(words)
})

test.skipIf(process.platform === 'win32')('nobody waits for a pipe into which nobody writes', async () => {
  execFileSync('mkfifo', [join(folder, 'x')])
  await expect(readMetainfoBytes(join(folder, 'x'), 4)).rejects.toThrow(/it is not a regular file$/)
})
