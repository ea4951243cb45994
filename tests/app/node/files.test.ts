import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StorageError } from '../../../src/protocol/errors.ts'
import {
  isEmpty,
  readMetainfoBytes,
  refuseUnwritable,
  refuseUnwritableFolder,
  replaceFile,
} from '../../../src/app/node/files.ts'

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

describe('a folder into which something is to be put later', () => {
  test('may be there, or be made, and is not there yet', async () => {
    await refuseUnwritableFolder(folder)
    await refuseUnwritableFolder(join(folder, 'a', 'b'))
    expect(readdirSync(folder)).toEqual([])
    mkdirSync(join(folder, 'a'))
    await refuseUnwritableFolder(join(folder, 'a', 'b', 'c'))
    expect(readdirSync(folder)).toEqual(['a'])
    expect(await Promise.all(['', 'a', 'a/b'].map((name) => isEmpty(join(folder, name))))).toEqual([
      false,
      true,
      true,
    ])
  })

  test('is never made: who asks or begins to write at the same time would find it gone a moment later', async () => {
    const asked = Array.from({ length: 20 }, () => refuseUnwritableFolder(join(folder, 'a', 'b')))
    await Promise.all(asked)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is refused where none can be made', async () => {
    writeFileSync(join(folder, 'file'), '')
    await expect(refuseUnwritableFolder(join(folder, 'file', 'sub'))).rejects.toThrow(/file\/sub: /)
    symlinkSync('nowhere/at-all', join(folder, 'link'))
    await expect(refuseUnwritableFolder(join(folder, 'link'))).rejects.toThrow(/not a folder is in its place/)
    await expect(refuseUnwritableFolder(`/proc/${process.pid}/here`)).rejects.toThrow(StorageError)
  })

  test.skipIf(process.getuid!() === 0)('is refused where nothing may be written', async () => {
    chmodSync(folder, 0o555)
    const refused = expect.objectContaining({ code: 'disk.permission' })
    await expect(refuseUnwritableFolder(folder)).rejects.toEqual(refused)
    await expect(refuseUnwritableFolder(join(folder, 'sub'))).rejects.toEqual(refused)
    chmodSync(folder, 0o755)
  })
})

describe('a file that is replaced', () => {
  test('may be refused before there is anything to write', async () => {
    await refuseUnwritable(join(folder, 'x'))
    const nowhere = join(folder, 'nowhere', 'x')
    await expect(refuseUnwritable(nowhere)).rejects.toThrow(
      `cannot write ${nowhere}: there is no such file or folder`,
    )
    await expect(refuseUnwritable(join(folder, 'x'.repeat(256)))).rejects.toThrow(/: the name is too long$/)
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
