/** New metainfo, from the digests of a payload. */
import { idFrom, type InfoHash } from '../protocol/ids.ts'
import type { Hashes } from '../protocol/ports.ts'
import { checkInfo, encodeInfo, type InfoParts } from './info.ts'
import type { Metainfo } from './metainfo.ts'
import type { TorrentKeys } from './torrent-keys.ts'

const DEFAULT_PIECE_LENGTH = 256 * 1024
/** Bytes: the bounds of what `create` makes. Larger pieces are read, but waste more when one is bad. */
const MAX_CREATED_PIECE_LENGTH = 16 * 1024 * 1024
const MIN_CREATED_PIECE_LENGTH = 16 * 1024
/** More pieces would make metainfo and bitfields large. */
const COMFORTABLE_PIECES = 32_768

/** What metainfo says about a payload. */
export type MetainfoParts = InfoParts & Partial<TorrentKeys>

/** 256 KiB, doubled while there would be more than 32,768 pieces, up to 16 MiB. */
export function choosePieceLength(length: number): number {
  let pieceLength = DEFAULT_PIECE_LENGTH
  while (length > pieceLength * COMFORTABLE_PIECES && pieceLength < MAX_CREATED_PIECE_LENGTH) pieceLength *= 2
  return pieceLength
}

/** What {@link isCreatedPieceLength} asks for. */
export const CREATED_PIECE_LENGTHS = 'a power of two from 16 KiB to 16 MiB'

export function isCreatedPieceLength(bytes: number): boolean {
  const isPowerOfTwo = Number.isInteger(Math.log2(bytes))
  return isPowerOfTwo && bytes >= MIN_CREATED_PIECE_LENGTH && bytes <= MAX_CREATED_PIECE_LENGTH
}

/**
 * Metainfo for a payload whose pieces are hashed.
 *
 * @throws {MetainfoError} `meta.unsafe-path`, `meta.bad-field`: the payload has names that nobody could download, or
 *   does not have a byte
 */
export function buildMetainfo(parts: MetainfoParts, hashes: Hashes): Metainfo {
  const info = checkInfo(parts)
  const infoBytes = encodeInfo(info)
  return {
    infoHash: idFrom<InfoHash>(hashes.sha1(infoBytes)),
    infoBytes,
    ...info,
    trackers: parts.trackers ?? [],
    webSeeds: parts.webSeeds ?? [],
    bootstrap: parts.bootstrap ?? [],
    comment: parts.comment,
    createdBy: parts.createdBy,
    creationDate: parts.creationDate,
    isNoncanonical: false,
  }
}
