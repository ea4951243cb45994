/** What a payload says to the disk workers, and what it is told of its files. */
import { chmodSync, linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StorageError } from '../../../src/protocol/errors.ts'
import { toHex } from '../../../src/protocol/ids.ts'
import type { FileStat } from '../../../src/storage/disk.ts'
import { FsPayload } from '../../../src/storage/fs/fs-payload.ts'
import type { CommitWork } from '../../../src/storage/fs/worker-messages.ts'
import type { WorkerPool } from '../../../src/storage/fs/worker-pool.ts'
import { contentOf, outcome, pieceOf, planOf } from '../../contract/disk-scene.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitswarm-payload-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a piece takes its own digest to the worker', async () => {
  const content = contentOf(4203)
  const plan = planOf(`${folder}/film.bin`, [{ path: [], length: 4203 }], content)
  const told: CommitWork[] = []
  const workers = {
    prepare() {},
    commit(work: CommitWork, done: (verdict: 'written') => void) {
      told.push(work)
      done('written')
    },
    forget() {},
  } as unknown as WorkerPool
  const payload = await FsPayload.open(plan, 'download', workers)
  payload.commit(1, pieceOf(content, plan.geometry, 1), () => {})
  await outcome<void>((done) => payload.close(() => done()))

  expect(told.map(({ digest }) => digest)).toEqual([toHex(plan.digests.subarray(20, 40))])
})

test('rights and names of a file show in its attributes', async () => {
  const path = `${folder}/film.bin`
  const content = contentOf(4203)
  writeFileSync(path, content)
  const payload = await FsPayload.open(
    planOf(path, [{ path: [], length: 4203 }], content),
    'seed',
    {} as WorkerPool,
  )
  const attributes = async (): Promise<string> => {
    const stat = await outcome<FileStat | StorageError>((done) =>
      payload.statFiles(
        [0],
        (_file, result) => done(result),
        () => {},
      ),
    )
    return (stat as FileStat).attributes
  }
  expect(await attributes()).toBe(payload.found[0]!.attributes)
  chmodSync(path, 0o600)
  const afterChmod = await attributes()
  expect(afterChmod).not.toBe(payload.found[0]!.attributes)
  linkSync(path, `${folder}/another name`)
  expect(await attributes()).not.toBe(afterChmod)
})
