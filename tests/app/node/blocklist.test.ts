/** `-blocklist` files. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { MAX_BLOCKLIST_LENGTH, readBlocklist } from '../../../src/app/node/blocklist.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitswarm-blocklist-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const LIST = '# two\n10.0.0.0/8\nname:192.0.2.1-192.0.2.9\n'

test('a list is read, packed or not', async () => {
  for (const path of [file('plain', LIST), file('packed', gzipSync(LIST))]) {
    const filter = await readBlocklist(path)
    expect(filter.size).toBe(2)
    expect(filter.blockedBy('192.0.2.5')).toBe('name')
  }
})

test('a list may come through a pipe', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const writer = spawn('sh', ['-c', `cat "$0" > "$1"`, file('source', LIST), path])
  expect((await readBlocklist(path)).size).toBe(2)
  await new Promise((resolve) => (writer.exitCode === null ? writer.once('exit', resolve) : resolve(0)))
})

test.each([
  ['no such file', () => join(folder, 'missing'), /cannot be read: there is no such file or folder$/],
  ['a folder', () => folder, /cannot be read: it is a folder$/],
  [
    'a damaged archive',
    () => file('damaged', gzipSync(LIST).fill(7, 12, 20)),
    /cannot be read: its gzip data is damaged$/,
  ],
  [
    'half an archive',
    () => file('half', gzipSync(LIST).subarray(0, 30)),
    /cannot be read: its gzip data ends too early$/,
  ],
  ['a bad line', () => file('bad', `${LIST}oops\n`), /bad, line 4: 'oops' is not a/],
  ['an endless file', () => '/dev/zero', /cannot be read: it is longer than 268435456 bytes$/],
  [
    'a bomb',
    () => file('bomb', gzipSync(new Uint8Array(MAX_BLOCKLIST_LENGTH + 1), { level: 1 })),
    /cannot be read: unpacked it is longer than 268435456 bytes$/,
  ],
])('%s is one clear line', async (_, path, message) => {
  await expect(readBlocklist(path())).rejects.toMatchObject({
    code: 'config.value',
    message: expect.stringMatching(message),
  })
})
