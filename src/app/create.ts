/** Creates metainfo for a payload on disk: scans it, hashes it on all cores, and builds. */
import { PieceGeometry } from '../metainfo/geometry.ts'
import type { PayloadFile } from '../metainfo/geometry.ts'
import {
  buildMetainfo,
  choosePieceLength,
  CREATED_PIECE_LENGTHS,
  isCreatedPieceLength,
} from '../metainfo/build.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { checkPaths } from '../metainfo/paths.ts'
import { MetainfoError, StorageError } from '../protocol/errors.ts'
import { ID_LENGTH } from '../protocol/ids.ts'
import type { Hashes } from '../protocol/ports.ts'
import type { Disk } from '../storage/disk.ts'
import { abortable } from './abortable.ts'

/** Finds out what a path holds. Implemented by `storage/fs/scan.ts`. */
export type ScanPayload = (path: string) => Promise<ScannedPayload>

interface ScannedPayload {
  readonly path: string
  readonly name: string
  readonly isSingleFile: boolean
  readonly files: readonly PayloadFile[]
  /** When each file was last written, Unix milliseconds. */
  readonly modifiedAt: readonly number[]
}

export interface CreateEnvironment {
  readonly scan: ScanPayload
  readonly disk: Pick<Disk, 'digest'>
  readonly hashes: Hashes
}

/** What the user may say about the payload; the rest is read from it. */
export type CreateOptions = Partial<
  Pick<
    Metainfo,
    'isPrivate' | 'trackers' | 'webSeeds' | 'bootstrap' | 'comment' | 'createdBy' | 'creationDate'
  >
> & {
  /** Bytes; chosen by the payload's length when missing. */
  readonly pieceLength?: number | undefined
  /** Bytes hashed so far, of all. */
  readonly onProgress?: ((hashedBytes: number, length: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads the payload at `path` once; memory does not depend on its length.
 *
 * @throws {StorageError} when it cannot be read, is empty, holds what a payload cannot, or changed meanwhile
 * @throws {MetainfoError} when it has names that nobody could download, or the piece length does not fit
 * @throws the signal's reason when that is aborted
 */
export async function createMetainfo(
  path: string,
  { scan, disk, hashes }: CreateEnvironment,
  { pieceLength: wanted, onProgress, signal, isPrivate = false, ...keys }: CreateOptions = {},
): Promise<Metainfo> {
  signal?.throwIfAborted()
  const payload = await scan(path)
  const length = payload.files.reduce((sum, file) => sum + file.length, 0)
  const pieceLength = wanted ?? choosePieceLength(length)
  // Before hours of hashing, not after them.
  if (!isCreatedPieceLength(pieceLength))
    throw new MetainfoError(
      'meta.bad-field',
      `the piece length is ${pieceLength}; it must be ${CREATED_PIECE_LENGTHS}`,
    )
  checkPaths(payload.name, payload.isSingleFile ? [] : payload.files)
  const geometry = new PieceGeometry(pieceLength, payload.files)
  const digests = new Uint8Array(geometry.pieceCount * ID_LENGTH)
  let hashedBytes = 0
  await abortable(signal, (done) =>
    disk.digest(
      { path: payload.path, isSingleFile: payload.isSingleFile, geometry },
      (piece, sha1) => {
        digests.set(sha1, piece * ID_LENGTH)
        hashedBytes += geometry.lengthOf(piece)
        onProgress?.(hashedBytes, length)
      },
      done,
    ),
  )
  refuseChanged(payload, await scan(path))
  return buildMetainfo({ ...payload, ...keys, isPrivate, pieceLength, digests }, hashes)
}

/** A file written to while it was read may have been hashed half old and half new: nobody could ever complete it. */
function refuseChanged(before: ScannedPayload, after: ScannedPayload): void {
  const nameOf = ({ files }: ScannedPayload, file: number): string | undefined => files[file]?.path.join('/')
  for (let file = 0; file < Math.max(before.files.length, after.files.length); file++) {
    const name = nameOf(before, file)
    const isSameFile = name !== undefined && name === nameOf(after, file)
    const isSameContent =
      before.files[file]?.length === after.files[file]?.length &&
      before.modifiedAt[file] === after.modifiedAt[file]
    if (isSameFile && isSameContent) continue
    const changed = isSameFile && name !== '' ? `${before.path}/${name}` : before.path
    throw new StorageError('disk.changed', `${changed} changed while it was being hashed`)
  }
}
