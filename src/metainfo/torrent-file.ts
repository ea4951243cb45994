/** .torrent files (BEP 3, 12, 19, 27; BEP 47 padding). */
import { BencodeDict, decodeBencode, type Decoded } from '../protocol/bencode.ts'
import { encodeBencode, RawBencode } from '../protocol/bencode-writer.ts'
import { MetainfoError, ProtocolError } from '../protocol/errors.ts'
import { idFrom, type InfoHash } from '../protocol/ids.ts'
import type { Hashes } from '../protocol/ports.ts'
import { parseInfo } from './info.ts'
import type { Metainfo } from './metainfo.ts'
import {
  leftoverKeys,
  MAX_METAINFO_VALUES,
  mergeTorrentKeys,
  readTorrentKeys,
  type TorrentKeys,
} from './torrent-keys.ts'

/**
 * Reads a .torrent. The info hash is taken over the bytes of `info` as they stand there.
 *
 * @throws {MetainfoError} any `meta.*` but `meta.unreadable`
 */
export function parseTorrent(bytes: Uint8Array, hashes: Hashes): Metainfo {
  const { value, isCanonical } = decodeMetainfoBencode(bytes)
  if (!(value instanceof BencodeDict))
    throw new MetainfoError(
      'meta.malformed',
      'a torrent file is a dictionary; this is another bencoded value',
    )
  const info = value.get('info')
  if (info === undefined) throw new MetainfoError('meta.missing-field', 'the metainfo lacks `info`')
  if (!(info instanceof BencodeDict)) throw new MetainfoError('meta.bad-field', '`info` is not a dictionary')
  const infoBytes = value.raw('info')!
  const keys = readTorrentKeys(value)
  return {
    infoHash: idFrom<InfoHash>(hashes.sha1(infoBytes)),
    infoBytes,
    ...parseInfo(info, value.text('encoding')),
    ...keys,
    isNoncanonical: !isCanonical,
    unknownKeys: leftoverKeys(value, keys),
  }
}

/**
 * Metainfo from the bytes of an info dictionary alone, as peers send them (BEP 9).
 *
 * @param keys what is known beside it
 * @throws {MetainfoError} any `meta.*` but `meta.unreadable`
 */
export function parseMetadata(infoBytes: Uint8Array, keys: TorrentKeys, hashes: Hashes): Metainfo {
  const { value, isCanonical } = decodeMetainfoBencode(infoBytes)
  if (!(value instanceof BencodeDict))
    throw new MetainfoError('meta.bad-field', 'the info dictionary is not a dictionary')
  return {
    infoHash: idFrom<InfoHash>(hashes.sha1(infoBytes)),
    infoBytes,
    ...parseInfo(value),
    ...keys,
    isNoncanonical: !isCanonical,
  }
}

/** Writes a .torrent: canonical, but for an `info` that was not, whose bytes are its identity. */
export function encodeTorrent(meta: Metainfo): Uint8Array {
  return encodeBencode(mergeTorrentKeys(meta, meta.unknownKeys).set('info', new RawBencode(meta.infoBytes)))
}

/** @throws {MetainfoError} `meta.malformed` */
export function decodeMetainfoBencode(bytes: Uint8Array): Decoded {
  try {
    return decodeBencode(bytes, { maxValues: MAX_METAINFO_VALUES })
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new MetainfoError('meta.malformed', `not valid bencode: ${error.message}`, { cause: error })
  }
}
