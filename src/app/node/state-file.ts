/** One file in the state folder, held by this process alone: read when opened, replaced atomically. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { StateStore } from '../../dht/life/state-store.ts'
import { StorageError } from '../../protocol/errors.ts'
import { replaceDurably } from '../../storage/fs/durable-file.ts'
import { errnoOf, toStorageError } from '../../storage/fs/errno.ts'
import { Lock } from '../../storage/fs/lock.ts'
import { makeFolders } from '../../storage/fs/make-folders.ts'

/** Processes that may keep state of the same name in one folder; further ones keep none. */
export const MAX_STATES_PER_NAME = 16

/** For its owner only: it says whom this machine talked to. */
const STATE_MODE = 0o600

/**
 * Opens `<folder>/<name>.jsonl`. While another process holds it, `<name>~2.jsonl` and so on: processes that share a
 * folder share no file in it, and find their own again if started in the same order.
 *
 * @param maxBytes a longer file is not read
 * @throws {StorageError} `disk.locked` when all are held, or why the folder cannot be used
 */
export async function openStateFile(folder: string, name: string, maxBytes: number): Promise<StateStore> {
  try {
    await makeFolders(folder, 0o700)
    for (let nth = 1; nth <= MAX_STATES_PER_NAME; nth++) {
      const path = join(folder, `${name}${nth === 1 ? '' : `~${nth}`}.jsonl`)
      const lock = await acquired(`${path}.lock`)
      if (lock !== undefined) return new StateFile(path, lock, await contentOf(path, maxBytes))
    }
  } catch (error) {
    throw toStorageError(error, folder)
  }
  throw new StorageError(
    'disk.locked',
    `${MAX_STATES_PER_NAME} processes hold all states named ${name} in ${folder}`,
  )
}

async function acquired(path: string): Promise<Lock | undefined> {
  try {
    return await Lock.acquire(path)
  } catch (error) {
    if (error instanceof StorageError && error.code === 'disk.locked') return undefined
    throw error
  }
}

async function contentOf(path: string, maxBytes: number): Promise<Uint8Array | StorageError | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const buffer = new Uint8Array(maxBytes + 1)
      let length = 0
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length)
        length += bytesRead
        if (length > maxBytes)
          return new StorageError('disk.wrong-size', `${path} is longer than ${maxBytes} bytes`)
        if (bytesRead === 0) return buffer.subarray(0, length)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? undefined : toStorageError(error, path)
  }
}

class StateFile implements StateStore {
  readonly saved: Uint8Array | StorageError | undefined
  readonly #path: string
  readonly #lock: Lock

  constructor(path: string, lock: Lock, saved: Uint8Array | StorageError | undefined) {
    this.#path = path
    this.#lock = lock
    this.saved = saved
  }

  save(bytes: Uint8Array, onDone: (error?: StorageError) => void): void {
    replaceDurably(this.#path, bytes, { mode: STATE_MODE }).then(
      () => onDone(),
      (error: unknown) => onDone(toStorageError(error, this.#path)),
    )
  }

  close(onClosed: () => void): void {
    this.#lock.release().then(onClosed, onClosed)
  }
}
