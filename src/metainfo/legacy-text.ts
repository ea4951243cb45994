/** Names and comments of .torrent files made before everybody wrote UTF-8. */
import type { BencodeDict } from '../protocol/bencode.ts'
import { decodeUtf8 } from '../protocol/text.ts'

/**
 * UTF-8, else the charset that the file names in its `encoding` key, else ASCII with every other byte as `%XX`: never
 * a replacement character, which would make different names alike.
 */
export function decodeText(bytes: Uint8Array, encoding?: string): string {
  return decodeUtf8(bytes) ?? decodeCharset(bytes, encoding) ?? escapeBytes(bytes)
}

/** The bytes of a text member: its `.utf-8` twin, which old clients wrote beside it, goes first. */
export function textBytes(dict: BencodeDict, key: string): Uint8Array | undefined {
  const twin = dict.bytes(`${key}.utf-8`)
  return twin !== undefined && decodeUtf8(twin) !== undefined ? twin : dict.bytes(key)
}

function decodeCharset(bytes: Uint8Array, encoding: string | undefined): string | undefined {
  if (encoding === undefined || /^utf-?8$/i.test(encoding)) return undefined
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function escapeBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes)
    text += byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase()}`
  return text
}
