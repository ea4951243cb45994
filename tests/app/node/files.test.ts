import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isAnyNewer, readMetainfoBytes, replaceFile } from '../../../src/app/node/files.ts'

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

describe('what was changed after another file', () => {
  const at = (name: string): string => join(folder, name)
  const make = (name: string, unixSeconds: number): void => {
    writeFileSync(at(name), name)
    utimesSync(at(name), unixSeconds, unixSeconds)
  }
  /** Until the clock that dates files has ticked. */
  const later = (): void => {
    make('tick', 0)
    for (const { ctimeMs } = statSync(at('tick')); statSync(at('tick')).ctimeMs === ctimeMs;) make('tick', 0)
  }

  test('is what was written since, and not what was there before', async () => {
    make('a', 1_000)
    later()
    make('metainfo', 1_000)
    expect(await isAnyNewer(at('metainfo'), [at('a'), at('missing')])).toBe(false)
    later()
    writeFileSync(at('a'), 'b')
    expect(await isAnyNewer(at('metainfo'), [at('a')])).toBe(true)
  })

  test('is so all the same when that file was given other rights since', () => {
    make('metainfo', 1_000)
    make('a', 2_000)
    later()
    chmodSync(at('metainfo'), 0o600)
    return expect(isAnyNewer(at('metainfo'), [at('a')])).resolves.toBe(true)
  })

  test('is also what was put in its place since, however old it says it is', async () => {
    make('a', 1_000)
    make('metainfo', 2_000)
    later()
    make('a.new', 500)
    renameSync(at('a.new'), at('a'))
    expect(await isAnyNewer(at('metainfo'), [at('a')])).toBe(true)
  })
})

describe('a file that is replaced', () => {
  test('holds the new bytes, and nothing else is left', async () => {
    for (const text of ['old', 'new']) await replaceFile(join(folder, 'x'), Buffer.from(text))
    expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('new')
    expect(readdirSync(folder)).toEqual(['x'])
  })

  test('may have the longest name that a file can have', async () => {
    const name = `${'n'.repeat(251)}.bit`
    await replaceFile(join(folder, name), Buffer.from('x'))
    expect(readdirSync(folder)).toEqual([name])
  })
})
