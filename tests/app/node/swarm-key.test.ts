/** `-swarm-key` files on a disk. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { MAX_SWARM_KEY_FILE, readSwarmKey, writeSwarmKey } from '../../../src/app/node/swarm-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'bitswarm-swarm-key-'))
let files = 0

afterAll(() => rmSync(folder, { recursive: true }))

const path = (): string => join(folder, `key-${files++}`)

function file(content: string, mode = 0o600): string {
  const at = path()
  writeFileSync(at, content)
  chmodSync(at, mode)
  return at
}

test('a new key is for its owner alone, another one each time, and never takes the place of an old one', async () => {
  const [first, second] = [path(), path()]
  await writeSwarmKey(first, 'hmac')
  await writeSwarmKey(second, 'aead')
  expect(statSync(first).mode & 0o777).toBe(0o600)
  const rings = [await readSwarmKey(first), await readSwarmKey(second)]
  expect(rings.map(({ primary }) => primary.mode)).toEqual(['hmac', 'aead'])
  const [content, other] = [first, second].map((key) => readFileSync(key, 'utf8'))
  expect(other!.replace('aead ', '')).not.toBe(content)
  await expect(writeSwarmKey(first, 'hmac')).rejects.toMatchObject({ code: 'disk.permission' })
  expect(readFileSync(first, 'utf8')).toBe(content)
  await expect(writeSwarmKey(join(folder, 'missing', 'key'), 'hmac')).rejects.toMatchObject({
    code: 'disk.missing',
  })
})

test('a key for which there was no room is not there: the next try is the first', async () => {
  const handle = await open(folder)
  const write = vi
    .spyOn(Object.getPrototypeOf(handle) as typeof handle, 'writeFile')
    .mockRejectedValueOnce(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
  await handle.close()
  const at = path()
  await expect(writeSwarmKey(at, 'hmac')).rejects.toMatchObject({ code: 'disk.full' })
  write.mockRestore()
  await writeSwarmKey(at, 'hmac')
  expect((await readSwarmKey(at)).primary.mode).toBe('hmac')
})

describe('a file is refused, by name,', () => {
  const HEX = '5a'.repeat(32)

  test.each([
    ['that is not there', () => join(folder, 'missing'), 'there is no such file'],
    ['that is a directory', () => folder, 'it is a folder'],
    ['with something else in it', () => file('hunter2'), 'line 1: expected a key of 32 bytes'],
    ['that is too long', () => file('#'.repeat(MAX_SWARM_KEY_FILE + 1)), 'longer than 4096 bytes'],
    ['twice the same key', () => file(`${HEX}\n${HEX}`), 'the same key id'],
  ])('%s', async (_name, make, message) => {
    chmodSync(folder, 0o700)
    const at = make()
    await expect(readSwarmKey(at)).rejects.toMatchObject({
      code: 'config.value',
      message: expect.stringContaining(message) as string,
    })
  })

  test('that every user of the machine can read', async () => {
    await expect(readSwarmKey(file(HEX, 0o644))).rejects.toMatchObject({
      code: 'config.value',
      message: expect.stringContaining('chmod 600') as string,
    })
    await expect(readSwarmKey(file(HEX, 0o640))).resolves.toBeDefined()
  })
})
