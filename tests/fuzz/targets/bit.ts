import { encodeBit, parseBit } from '../../../src/metainfo/bit-file.ts'
import { parseTorrent } from '../../../src/metainfo/torrent-file.ts'
import { MetainfoError } from '../../../src/protocol/errors.ts'
import { hashes } from '../../support/hashes.ts'
import { accepted } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { spoilJson } from '../grammar/json-tree.ts'
import { claimMetainfo, META_CODES } from '../metainfo-claims.ts'
import { target as torrents } from './torrent.ts'

export const target: FuzzTarget = {
  sources: ['metainfo/bit-file.ts', 'metainfo/info.ts', 'metainfo/paths.ts', 'protocol/base64.ts'],
  maxLength: 4_096,
  // It is written and read again ten times.
  maxMs: 200,
  spoil: spoilJson,

  seeds: () =>
    torrents.seeds().flatMap((seed) => {
      const meta = accepted(() => parseTorrent(seed, hashes), META_CODES)
      return meta === undefined ? [] : [encodeBit(meta)]
    }),

  run(data) {
    const meta = accepted(() => parseBit(withRightHash(data), hashes), META_CODES)
    if (meta !== undefined) claimMetainfo(meta)
  },
}

/** Otherwise hardly any would come past it. */
function withRightHash(data: Uint8Array): Uint8Array {
  try {
    parseBit(data, hashes)
  } catch (error) {
    const [, right, wrong] = /hashes to (\w+), not to (\w+)/.exec((error as Error).message) ?? []
    if (error instanceof MetainfoError && right !== undefined)
      return new TextEncoder().encode(new TextDecoder().decode(data).replace(wrong!, right))
  }
  return data
}
