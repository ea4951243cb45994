/** The form in which metainfo is written follows from the file's name. */
import { ConfigError, encodeBit, encodeTorrent, type Metainfo } from '../src/app/library.ts'
import { printable } from '../src/app/terminal-text.ts'

/** @throws {ConfigError} when the name ends in neither .bit nor .torrent */
export function encoderFor(path: string): (metainfo: Metainfo) => Uint8Array {
  if (path.endsWith('.bit')) return encodeBit
  if (path.endsWith('.torrent')) return encodeTorrent
  throw new ConfigError('config.usage', `'${printable(path)}' ends in neither .bit nor .torrent`)
}
