/** The payload of a simulated swarm: its metainfo, and its state on a machine's disk at the start. */
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { parseMetadata } from '../../../metainfo/torrent-file.ts'
import { encodeBencode } from '../../../protocol/bencode-writer.ts'
import type { Hashes } from '../../../protocol/ports.ts'
import type { Machine } from './machine.ts'
import type { SwarmPlan } from './scenario.ts'
import { HTTP_TRACKER } from './tracker.ts'
import { UDP_TRACKER } from './udp-tracker.ts'
import { WEB_SEED } from './web-server.ts'

/** One of the two trackers of each tier does not exist: nobody listens, or the name has no address. */
const ANNOUNCE_LIST = [
  ['http://10.1.0.3/announce', UDP_TRACKER],
  [HTTP_TRACKER, 'udp://nowhere.test:6969/announce'],
]

export function metainfoOf(plan: SwarmPlan, hashes: Hashes): Metainfo {
  const { content, pieceLength, files, web, infoFillerBytes, meeting, isPrivate } = plan
  const digests = new Uint8Array(20 * Math.ceil(content.length / pieceLength))
  for (let piece = 0; piece * 20 < digests.length; piece++)
    digests.set(hashes.sha1(content.subarray(piece * pieceLength, (piece + 1) * pieceLength)), piece * 20)
  const isSingleFile = files.length === 1
  const info = encodeBencode({
    length: isSingleFile ? content.length : undefined,
    files: isSingleFile
      ? undefined
      : files.map(({ length, isPadding }, file) => ({
          attr: isPadding ? 'p' : undefined,
          length,
          path: [`file ${file}`],
        })),
    name: 'payload',
    'piece length': pieceLength,
    pieces: digests,
    private: isPrivate ? 1 : undefined,
    'x-filler': new Uint8Array(infoFillerBytes),
  })
  const webSeeds = web ? [WEB_SEED] : []
  const trackers = meeting === 'announce-list' ? ANNOUNCE_LIST : []
  return parseMetadata(info, { webSeeds, trackers, bootstrap: [] }, hashes)
}

/** As if the files had always been there. */
export function layFiles({ files, options: { plan, disk, index } }: Machine, content: Uint8Array): void {
  if (plan.pieces.length === 0) return
  const { geometry } = files
  const isWhole = plan.role === 'seeder'
  const laid = isWhole ? content : plan.role === 'poisoner' ? content.slice() : new Uint8Array(content.length)
  for (const piece of isWhole ? [] : plan.pieces) {
    const begin = piece * geometry.pieceLength
    const length = geometry.lengthOf(piece)
    if (plan.role === 'leecher') laid.set(content.subarray(begin, begin + length), begin)
    // One wrong byte in a block.
    else laid[begin + ((index * 7_919 + piece * 104_729) % length)]! ^= 1
  }
  let begin = 0
  for (let file = 0; file < files.fileCount; file++) {
    const end = begin + files.lengthOf(file)
    const path = files.pathOf(file)
    if (path !== undefined) disk.writeFile(path, laid.subarray(begin, end))
    begin = end
  }
}
