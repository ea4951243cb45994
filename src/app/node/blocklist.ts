/** Reads `-blocklist` files, gzipped or not. */
import { open, type FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { parseBlocklist } from '../../peer/blocklist-file.ts'
import type { IpFilter } from '../../peer/ip-filter.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { errnoOf, inWords } from '../../storage/fs/errno.ts'

/** Bytes of a list, before and after it is unpacked. */
export const MAX_BLOCKLIST_LENGTH = 256 * 1024 * 1024

/** Errors of zlib in words for people. */
const UNPACKING: Readonly<Record<string, string>> = {
  ERR_BUFFER_TOO_LARGE: `unpacked it is longer than ${MAX_BLOCKLIST_LENGTH} bytes`,
  Z_DATA_ERROR: 'its gzip data is damaged',
  Z_BUF_ERROR: 'its gzip data ends too early',
}

/** @throws {ConfigError} `config.value`: it cannot be read, or a line of it makes no sense */
export async function readBlocklist(path: string): Promise<IpFilter> {
  return parseBlocklist(await readUnpacked(path), `-blocklist ${path}`)
}

async function readUnpacked(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path)
    try {
      const bytes = await readBounded(file)
      const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
      if (!isPacked) return bytes
      const { gunzip } = await import('node:zlib')
      return await promisify(gunzip)(bytes, { maxOutputLength: MAX_BLOCKLIST_LENGTH })
    } finally {
      await file.close()
    }
  } catch (error) {
    const why = UNPACKING[errnoOf(error)] ?? inWords(error)
    throw new ConfigError('config.value', `-blocklist ${path} cannot be read: ${why}`, { cause: error })
  }
}

/** The file may be a pipe, whose length is unknown. */
async function readBounded(file: FileHandle): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of file.createReadStream({
    autoClose: false,
    highWaterMark: 2 ** 20,
  }) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_BLOCKLIST_LENGTH) throw new RangeError(`it is longer than ${MAX_BLOCKLIST_LENGTH} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
