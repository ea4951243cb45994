/** Torrents for tests, right unless told otherwise. */
import { encodeBencode, type Encodable } from '../../src/protocol/bencode-writer.ts'

interface Members {
  readonly [key: string]: Encodable | undefined
}

/** One piece, one file of 425 bytes called `temp`; members that are undefined are left out. */
export function infoDict(changes: Members = {}): Members {
  return {
    name: 'temp',
    length: 425,
    'piece length': 16_384,
    pieces: new Uint8Array(20).fill(0x9e),
    ...changes,
  }
}

/** The same with a list of files, 425 bytes each unless they say so. */
export function folderDict(files: readonly (Members | string[])[], changes: Members = {}): Members {
  const entries = files.map((file) => (Array.isArray(file) ? { path: file, length: 425 } : file) as Members)
  const length = entries.reduce(
    (sum, entry) => sum + (typeof entry['length'] === 'number' ? entry['length'] : 0),
    0,
  )
  const pieces = new Uint8Array(20 * Math.min(Math.max(1, Math.ceil(length / 16_384)), 1_000))
  return infoDict({ length: undefined, files: entries, pieces, ...changes })
}

export function torrent(info: Encodable | undefined = infoDict(), others: Members = {}): Uint8Array {
  return encodeBencode({ ...others, info })
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
