import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readMetainfoBytes, refuseUnwritable, replaceFile } from '../../../src/app/node/files.ts'

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

test('nobody waits for a pipe into which nobody writes', async () => {
  execFileSync('mkfifo', [join(folder, 'x')])
  await expect(readMetainfoBytes(join(folder, 'x'), 4)).rejects.toThrow(/it is not a regular file$/)
})

describe('a file that is replaced', () => {
  test('may be refused before there is anything to write', async () => {
    await refuseUnwritable(join(folder, 'x'))
    await refuseUnwritable(join(folder, 'nowhere', 'x'))
    chmodSync(folder, 0o555)
    // Root may write everywhere.
    const outcome = await refuseUnwritable(join(folder, 'x')).catch((error: Error) => error.message)
    chmodSync(folder, 0o755)
    expect(outcome).toBe(process.getuid!() === 0 ? undefined : `cannot write ${folder}/x: no permission`)
  })

  test('holds the new bytes, and nothing else is left', async () => {
    for (const text of ['old', 'new']) await replaceFile(join(folder, 'x'), Buffer.from(text))
    expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('new')
    expect(readdirSync(folder)).toEqual(['x'])
  })

  test('takes away what killed processes left of drafts, and nothing that only looks alike', async () => {
    writeFileSync(join(folder, '.bitswarm-123e4567-e89b-42d3-a456-426614174000.tmp'), 'ha')
    writeFileSync(join(folder, '.bitswarm-mine.tmp'), 'mine')
    await replaceFile(join(folder, 'x'), Buffer.from('new'))
    expect(readdirSync(folder).toSorted()).toEqual(['.bitswarm-mine.tmp', 'x'])
  })

  test('is whole whoever else writes there at once, and takes away what is being written', async () => {
    const path = join(folder, 'x')
    const contents = Array.from({ length: 8 }, (_, nth) => Buffer.alloc(8 * 2 ** 20, nth))
    const first = replaceFile(path, contents[0]!)
    while (readdirSync(folder).length === 0) await new Promise(setImmediate)
    // Done or not, everybody's write has an end, and what lies there is all of one.
    await Promise.all([first, ...contents.slice(1).map((content) => replaceFile(path, content))])
    const found = readFileSync(path)
    expect(contents.some((content) => content.equals(found))).toBe(true)
    expect(readdirSync(folder)).toEqual(['x'])
  })

  test('may have the longest name that a file can have', async () => {
    const name = `${'n'.repeat(251)}.bit`
    await replaceFile(join(folder, name), Buffer.from('x'))
    expect(readdirSync(folder)).toEqual([name])
  })
})
