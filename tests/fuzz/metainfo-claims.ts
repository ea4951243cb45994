/** What must hold of metainfo that was taken, whichever form it came in. */
import { encodeBit, parseBit } from '../../src/metainfo/bit-file.ts'
import { BLOCK_LENGTH } from '../../src/metainfo/geometry.ts'
import { describeMetainfo } from '../../src/metainfo/inspect.ts'
import { encodeMagnet, magnetOf, parseMagnet } from '../../src/metainfo/magnet.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { encodeTorrent, parseTorrent } from '../../src/metainfo/torrent-file.ts'
import { MAX_LOCATIONS } from '../../src/metainfo/torrent-keys.ts'
import { toHex } from '../../src/protocol/ids.ts'
import { hashes } from '../support/hashes.ts'
import { claim, claimSame } from './claims.ts'

/** All that reading metainfo may say. */
export const META_CODES = [
  'meta.malformed',
  'meta.missing-field',
  'meta.bad-field',
  'meta.unsafe-path',
  'meta.info-hash',
  'meta.unsupported',
] as const

export function claimMetainfo(meta: Metainfo): void {
  claimSame(toHex(hashes.sha1(meta.infoBytes)), toHex(meta.infoHash), 'the info hash')
  claimPlaces(meta)
  claimConverts(meta)
  const magnet = magnetOf(meta)
  claimSame(parseMagnet(encodeMagnet(magnet)).infoHash, meta.infoHash, 'the info hash of its link')
  describeMetainfo(meta, 'bit')
}

/** Nothing lies outside the folder, and the pieces cover the payload. */
function claimPlaces({ name, geometry, digests, trackers, webSeeds, bootstrap }: Metainfo): void {
  for (const component of [name, ...geometry.files.flatMap(({ path }) => path)])
    claim(!/^\.{0,2}$|[/\\\p{Cc}]/u.test(component) && component.isWellFormed(), 'a safe name')
  claim(digests.length === 20 * geometry.pieceCount, 'a digest for each piece')
  let end = 0
  for (const { offset, length } of geometry.files) {
    claim(offset === end && length >= 0, 'files lie one after the other')
    end += length
  }
  claim(end === geometry.length, 'the length is that of all files')
  const last = geometry.pieceCount - 1
  for (const piece of [0, last]) {
    const length = geometry.lengthOf(piece)
    claim(length > 0 && length <= geometry.pieceLength, 'a piece has bytes')
    const begin = BLOCK_LENGTH * (geometry.blockCount(piece) - 1)
    const spans = geometry.spans(piece, begin, geometry.blockLength(piece, geometry.blockCount(piece) - 1))
    claim(
      spans.every((span) => span.offset + span.length <= geometry.files[span.file]!.length),
      'a block lies in its files',
    )
  }
  for (const list of [trackers.flat(), webSeeds, bootstrap])
    claim(list.length <= MAX_LOCATIONS, 'locations are few')
}

/** It says the same in both forms, there and back, and both are written in one way only. */
function claimConverts(meta: Metainfo): void {
  const torrent = encodeTorrent(meta)
  const fromTorrent = parseTorrent(torrent, hashes)
  // Further keys of a .bit that contradict its members are dropped.
  const { unknownKeys } = fromTorrent
  claimSame(parts(fromTorrent), parts({ ...meta, unknownKeys }), 'written as .torrent, read')
  claimSame(encodeTorrent(fromTorrent), torrent, 'written as .torrent twice')
  const bit = encodeBit(meta)
  const fromBit = parseBit(bit, hashes)
  claimSame(parts(fromBit), parts(meta), 'written as .bit, read')
  claimSame(encodeBit(fromBit), bit, 'written as .bit twice')
  claimSame(encodeTorrent(fromBit), torrent, 'a .torrent by way of a .bit')
}

/** Bytes as text, of whichever buffer they are. Whether the first file was canonical is another matter. */
function parts({ infoHash, infoBytes, digests, unknownKeys, geometry, ...rest }: Metainfo): unknown {
  return {
    ...rest,
    isNoncanonical: undefined,
    infoHash: toHex(infoHash),
    infoBytes: toHex(infoBytes),
    digests: toHex(digests),
    unknownKeys: unknownKeys && toHex(unknownKeys),
    files: geometry.files,
    pieceLength: geometry.pieceLength,
  }
}
