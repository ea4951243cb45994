import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_STATES_PER_NAME, openStateFile } from '../../../src/app/node/state-file.ts'
import type { StateStore } from '../../../src/dht/life/state-store.ts'
import { StorageError } from '../../../src/protocol/errors.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'bitswarm-state-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (saved: StateStore['saved']): string | undefined =>
  saved instanceof Uint8Array ? new TextDecoder().decode(saved) : undefined
const save = (store: StateStore, content: string): Promise<StorageError | undefined> =>
  new Promise((resolve) => store.save(bytes(content), resolve))
const close = (store: StateStore): Promise<void> => new Promise((resolve) => store.close(resolve))
const open = (name = 'dht4'): Promise<StateStore> => openStateFile(join(folder, 'new', 'state'), name, 100)

test('what is saved is there at the next start, and nothing else is left', async () => {
  const first = await open()
  expect(first.saved).toBeUndefined()
  expect(await save(first, 'one')).toBeUndefined()
  expect(await save(first, 'two')).toBeUndefined()
  await close(first)
  expect(text((await open()).saved)).toBe('two')
  expect(readdirSync(join(folder, 'new', 'state'))).toEqual(['dht4.jsonl', 'dht4.jsonl.lock'])
  // Only its owner is to know whom this machine talked to.
  expect(statSync(join(folder, 'new', 'state', 'dht4.jsonl')).mode & 0o77).toBe(0)
})

test('nodes that share a folder share no file, and find their own again', async () => {
  const [first, second] = [await open(), await open()]
  await save(first, 'of the first')
  await save(second, 'of the second')
  const other = await open('dht6')
  expect(other.saved).toBeUndefined()
  for (const store of [first, second]) await close(store)
  expect([text((await open()).saved), text((await open()).saved)]).toEqual(['of the first', 'of the second'])
})

test('the lock of a process that was killed holds nobody up', async () => {
  const store = await open()
  await save(store, 'survives')
  await close(store)
  writeFileSync(join(folder, 'new', 'state', 'dht4.jsonl.lock'), '{"pid":2147483646,"started":"1"}')
  expect(text((await open()).saved)).toBe('survives')
})

test('more than sixteen at once get none', async () => {
  for (let i = 0; i < MAX_STATES_PER_NAME; i++) await open()
  await expect(open()).rejects.toThrow(/16 processes hold all states named dht4/)
})

test('a file that is too long is not read', async () => {
  const store = await open()
  await close(store)
  const path = join(folder, 'new', 'state', 'dht4.jsonl')
  writeFileSync(path, bytes('x'.repeat(101)))
  expect((await open()).saved).toBeInstanceOf(StorageError)
  expect(readFileSync(path)).toHaveLength(101)
})

test('a folder that cannot be made says why', async () => {
  writeFileSync(join(folder, 'new'), 'a file')
  await expect(open()).rejects.toThrow(StorageError)
})

test.skipIf(process.getuid?.() === 0)('a folder that may not be written to says why', async () => {
  chmodSync(folder, 0o500)
  await expect(open()).rejects.toThrow(StorageError)
})

test('a save that fails leaves what was there', async () => {
  const store = await open()
  await save(store, 'old')
  rmSync(join(folder, 'new', 'state'), { recursive: true })
  expect(await save(store, 'new')).toBeInstanceOf(StorageError)
})
