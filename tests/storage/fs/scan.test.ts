import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { scanPayload } from '../../../src/storage/fs/scan.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-scan-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a file is a payload of one file without a path', async () => {
  writeFileSync(`${folder}/film.mkv`, 'abc')
  expect(await scanPayload(`${folder}/film.mkv`)).toEqual({
    path: `${folder}/film.mkv`,
    name: 'film.mkv',
    isSingleFile: true,
    files: [{ path: [], length: 3 }],
    modifiedAt: [statSync(`${folder}/film.mkv`).mtimeMs],
  })
})

test('a folder is all its files in order, hidden and empty ones too, without empty folders', async () => {
  mkdirSync(`${folder}/set/b/deep`, { recursive: true })
  mkdirSync(`${folder}/set/void`)
  for (const [name, text] of [
    ['b/deep/z', 'zz'],
    ['b/a', 'a'],
    ['.hidden', 'hhh'],
    ['a', ''],
    ['b.txt', 'b'],
    ['ü', 'u'],
  ])
    writeFileSync(`${folder}/set/${name}`, text!)
  const { name, isSingleFile, files } = await scanPayload(`${folder}/set/`)
  expect([name, isSingleFile]).toEqual(['set', false])
  expect(files.map(({ path, length }) => `${path.join('/')} ${length}`)).toEqual([
    '.hidden 3',
    'a 0',
    'b/a 1',
    'b/deep/z 2',
    'b.txt 1',
    'ü 1',
  ])
})

test('a name that is not UTF-8 is refused as such', async () => {
  mkdirSync(`${folder}/set`)
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/set/`), Buffer.of(0xff)]), 'x')
  await expect(scanPayload(`${folder}/set`)).rejects.toThrow(/set\/\ufffd: the name is not UTF-8/)
})

test.each([
  ['nothing', (): unknown => undefined, 'disk.missing', /is not|no such/],
  ['an empty file', (): unknown => writeFileSync(`${folder}/x`, ''), 'disk.wrong-size', /is empty/],
  [
    'a folder of empty files',
    (): unknown => (mkdirSync(`${folder}/x`), writeFileSync(`${folder}/x/y`, '')),
    'disk.wrong-size',
    /is empty/,
  ],
  [
    'a pipe',
    (): unknown => spawnSync('mkfifo', [`${folder}/x`]),
    'disk.unsafe-path',
    /neither a file nor a folder/,
  ],
  [
    'a folder with a pipe',
    (): unknown => (mkdirSync(`${folder}/x`), spawnSync('mkfifo', [`${folder}/x/p`])),
    'disk.unsafe-path',
    /x\/p is neither/,
  ],
  [
    'a folder with a symlink',
    (): unknown => (mkdirSync(`${folder}/x`), symlinkSync('/etc/hostname', `${folder}/x/link`)),
    'disk.unsafe-path',
    /x\/link is a symlink/,
  ],
] as const)('%s is refused with one clear line', async (_, make, code, message) => {
  make()
  const refused = await scanPayload(`${folder}/x`).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code })
  expect((refused as Error).message).toMatch(message)
  expect((refused as Error).message).not.toContain('\n')
})

test('the payload itself may be a symlink', async () => {
  writeFileSync(`${folder}/real`, 'abc')
  symlinkSync('real', `${folder}/link`)
  expect(await scanPayload(`${folder}/link`)).toMatchObject({ name: 'link', files: [{ length: 3 }] })
})
