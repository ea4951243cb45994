/** Reads and writes `-swarm-key` files. */
import { open, rm } from 'node:fs/promises'
import { KeyRing } from '../../dht/frames/key-ring.ts'
import { makeSwarmKey, parseSwarmKeys, type FrameMode } from '../../dht/frames/swarm-key.ts'
import { ConfigError, StorageError } from '../../protocol/errors.ts'
import { errnoOf, inWords, toStorageError } from '../../storage/fs/errno.ts'
import { opensslAead } from './aead.ts'
import { opensslHashes } from './hashes.ts'
import { CryptoRandom } from './random.ts'

/** Bytes of a key file. */
export const MAX_SWARM_KEY_FILE = 4_096

/** Only its owner may read a new key. */
const PRIVATE = 0o600
/** A key that all users of the machine can read is no key. */
const READABLE_BY_OTHERS = 0o004

/** @throws {ConfigError} `config.value`: it cannot be read, all users can read it, or it holds no keys */
export async function readSwarmKey(path: string): Promise<KeyRing> {
  const name = `-swarm-key ${path}`
  return new KeyRing(parseSwarmKeys(await readPrivate(path, name), name), {
    hashes: opensslHashes,
    aead: opensslAead,
  })
}

async function readPrivate(path: string, name: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { mode } = await file.stat()
      if ((mode & READABLE_BY_OTHERS) !== 0)
        throw new ConfigError(
          'config.value',
          `${name} can be read by every user of this machine: chmod 600 it`,
        )
      const buffer = Buffer.alloc(MAX_SWARM_KEY_FILE + 1)
      let length = 0
      for (let read = 1; read > 0 && length < buffer.length; length += read)
        read = (await file.read(buffer, length, buffer.length - length)).bytesRead
      if (length > MAX_SWARM_KEY_FILE)
        throw new ConfigError(
          'config.value',
          `${name} is no key file: it is longer than ${MAX_SWARM_KEY_FILE} bytes`,
        )
      return buffer.toString('latin1', 0, length)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError('config.value', `${name} cannot be read: ${inWords(error)}`, { cause: error })
  }
}

/**
 * Creates a file with a new key.
 *
 * @throws {StorageError} `disk.permission` when there is one already, or why it cannot be written
 */
export async function writeSwarmKey(path: string, mode: FrameMode): Promise<void> {
  try {
    await writeNew(path, makeSwarmKey(mode, new CryptoRandom()))
  } catch (error) {
    if (errnoOf(error) === 'EEXIST')
      throw new StorageError('disk.permission', `${path} is there already: a key is not overwritten`)
    throw toStorageError(error, path)
  }
}

/** Half a key is useless, and would be in the way of the next attempt. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', PRIVATE)
  try {
    await file.writeFile(text)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}
