/** What `inspect --json` prints (docs/bit-format.md). */
import { toHex } from '../protocol/ids.ts'
import type { Metainfo } from './metainfo.ts'
import type { MetainfoFormat } from './read-metainfo.ts'

/** Members in the order of printing; what is not set is left out. Lengths are bytes. */
export interface MetainfoDescription {
  readonly format: MetainfoFormat
  /** 40 hex digits. */
  readonly infoHash: string
  readonly name: string
  readonly length: number
  readonly pieceLength: number
  readonly pieceCount: number
  /** Paths are "/"-joined and relative to `name`; a single file has its name as path. */
  readonly files: readonly { readonly path: string; readonly length: number }[]
  readonly trackers?: readonly (readonly string[])[]
  readonly webSeeds?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly private?: true
  readonly comment?: string
  readonly createdBy?: string
  /** Unix seconds. */
  readonly creationDate?: number
  readonly noncanonical?: true
}

export function describeMetainfo(meta: Metainfo, format: MetainfoFormat): MetainfoDescription {
  const { geometry, trackers, webSeeds, bootstrap, comment, createdBy, creationDate } = meta
  return {
    format,
    infoHash: toHex(meta.infoHash),
    name: meta.name,
    length: geometry.length,
    pieceLength: geometry.pieceLength,
    pieceCount: geometry.pieceCount,
    files: geometry.files.map(({ path, length }) => ({
      path: meta.isSingleFile ? meta.name : path.join('/'),
      length,
    })),
    ...(trackers.length > 0 && { trackers }),
    ...(webSeeds.length > 0 && { webSeeds }),
    ...(bootstrap.length > 0 && { bootstrap }),
    ...(meta.isPrivate && { private: true }),
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDate !== undefined && { creationDate }),
    ...(meta.isNoncanonical && { noncanonical: true }),
  }
}
