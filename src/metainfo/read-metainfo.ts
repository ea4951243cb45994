/** Metainfo from bytes, whichever form they have: told by content, not by the file's name. */
import { MetainfoError } from '../protocol/errors.ts'
import type { Hashes } from '../protocol/ports.ts'
import { parseBit } from './bit-file.ts'
import type { Metainfo } from './metainfo.ts'
import { parseTorrent } from './torrent-file.ts'

/** Bytes of the largest metainfo file that is read: 2^22 piece hashes in base64, and room for names. Check before reading. */
export const MAX_METAINFO_LENGTH = 128 * 1024 * 1024

export type MetainfoFormat = 'bit' | 'torrent'

/** @throws {MetainfoError} `meta.malformed` when it is neither */
export function formatOf(bytes: Uint8Array): MetainfoFormat {
  const at = hasByteOrderMark(bytes) ? 3 : 0
  const first = bytes.subarray(at).find((byte) => !WHITESPACE.has(byte))
  if (first === OPENING_BRACE) return 'bit'
  if (bytes[0] === LETTER_D) return 'torrent'
  throw new MetainfoError(
    'meta.malformed',
    bytes.length === 0 ? 'the file is empty' : 'neither a .bit nor a .torrent file',
  )
}

/** @throws {MetainfoError} any `meta.*` but `meta.unreadable` */
export function parseMetainfo(bytes: Uint8Array, hashes: Hashes): Metainfo {
  if (bytes.length > MAX_METAINFO_LENGTH)
    throw new MetainfoError('meta.unsupported', `the file is longer than ${MAX_METAINFO_LENGTH} bytes`)
  return formatOf(bytes) === 'bit' ? parseBit(bytes, hashes) : parseTorrent(bytes, hashes)
}

const OPENING_BRACE = 0x7b
const LETTER_D = 0x64
/** What JSON allows between tokens. */
const WHITESPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])

function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
}
