/** What a metainfo file says, whichever form it came in. Immutable; byte arrays may be views on the file's bytes. */
import type { InfoHash } from '../protocol/ids.ts'
import type { PieceGeometry } from './geometry.ts'

export interface Metainfo {
  /** SHA-1 over `infoBytes`: the identity of the swarm. */
  readonly infoHash: InfoHash
  /** The bencoded `info` dictionary as it was made, byte for byte (BEP 9 serves it). */
  readonly infoBytes: Uint8Array
  /** The suggested name of the file or folder; safe as one path component. */
  readonly name: string
  /** One file with an empty path when the payload is a single file. */
  readonly geometry: PieceGeometry
  readonly isSingleFile: boolean
  /** SHA-1 of every piece, one after the other: 20 × pieceCount bytes. */
  readonly digests: Uint8Array
  readonly isPrivate: boolean
  /** Tiers of announce URLs (BEP 12). */
  readonly trackers: readonly (readonly string[])[]
  /** URLs (BEP 19). */
  readonly webSeeds: readonly string[]
  /** `host:port` of DHT nodes to join through. */
  readonly bootstrap: readonly string[]
  readonly comment?: string | undefined
  readonly createdBy?: string | undefined
  /** Unix seconds. */
  readonly creationDate?: number | undefined
  /** The file was readable but not canonical bencode: unsorted keys. */
  readonly isNoncanonical: boolean
  /**
   * A bencoded dictionary of the .torrent's top-level keys that this version does not know, or would write
   * differently, so that `convert` loses nothing.
   */
  readonly unknownKeys?: Uint8Array | undefined
}
