/** Reads `-blocklist` files, gzipped or not. */
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { parseBlocklist } from '../../peer/blocklist-file.ts'
import type { IpFilter } from '../../peer/ip-filter.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { errnoOf } from './network-error.ts'

/** Bytes of a list, before and after it is unpacked. */
const MAX_BLOCKLIST_LENGTH = 256 * 1024 * 1024

/** @throws {ConfigError} `config.value`: it cannot be read, or a line of it makes no sense */
export async function readBlocklist(path: string): Promise<IpFilter> {
  return parseBlocklist(await readUnpacked(path), path)
}

async function readUnpacked(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      if (size > MAX_BLOCKLIST_LENGTH) throw new RangeError(`${size} bytes are too many`)
      const bytes = await file.readFile()
      const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
      return isPacked ? await promisify(gunzip)(bytes, { maxOutputLength: MAX_BLOCKLIST_LENGTH }) : bytes
    } finally {
      await file.close()
    }
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'there is no such file' : (error as Error).message
    throw new ConfigError('config.value', `-blocklist ${path} cannot be read: ${why}`, { cause: error })
  }
}
