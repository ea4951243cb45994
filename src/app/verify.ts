/** Hashes what is on disk again and compares it with its metainfo. Reads only. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import { StorageError } from '../protocol/errors.ts'
import type { Disk, Payload } from '../storage/disk.ts'
import { abortable } from './abortable.ts'

export interface VerifyOptions {
  /** Bytes checked so far, of all. */
  readonly onProgress?: ((checkedBytes: number, length: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Causes that `verify` names when something cannot be read. */
export const MAX_UNREAD_CAUSES = 20

export interface VerifyResult {
  /** In order, those that could not be read included; empty when everything is good. */
  readonly badPieces: readonly number[]
  /** Those of them that could not be read, and may be good. In order. */
  readonly unreadPieces: readonly number[]
  /** Which files could not be read, and why; each cause once, and at most {@link MAX_UNREAD_CAUSES}. */
  readonly unread: readonly StorageError[]
  /** Paths of the files that a bad piece touches, padding aside, "/"-joined and relative to the payload's folder; the name of a single file. */
  readonly badFiles: readonly string[]
  readonly pieceCount: number
}

/**
 * @param path the payload: the single file, or the folder
 * @throws {StorageError} `disk.missing`, `disk.wrong-size`, …: it cannot be the payload
 * @throws the signal's reason when that is aborted
 */
export async function verifyPayload(
  metainfo: Metainfo,
  { path, disk }: { readonly path: string; readonly disk: Pick<Disk, 'open'> },
  { onProgress, signal }: VerifyOptions = {},
): Promise<VerifyResult> {
  signal?.throwIfAborted()
  const { geometry } = metainfo
  const payload = await openPayload(metainfo, path, disk)
  const badPieces: number[] = []
  const unreadPieces: number[] = []
  const unread = new Map<string, StorageError>()
  let checkedBytes = 0
  try {
    await abortable(signal, (done) =>
      payload.verify(
        Array.from({ length: geometry.pieceCount }, (_, piece) => piece),
        (piece, isGood, cause) => {
          if (!isGood) badPieces.push(piece)
          if (cause !== undefined) {
            unreadPieces.push(piece)
            if (unread.size < MAX_UNREAD_CAUSES) unread.set(cause.message, whileReading(cause))
          }
          checkedBytes += geometry.lengthOf(piece)
          onProgress?.(checkedBytes, geometry.length)
        },
        done,
      ),
    )
  } finally {
    await new Promise<void>((done) => payload.close(done))
  }
  for (const pieces of [badPieces, unreadPieces]) pieces.sort((a, b) => a - b)
  return {
    badPieces,
    unreadPieces,
    unread: [...unread.values()],
    badFiles: filesOf(badPieces, metainfo),
    pieceCount: geometry.pieceCount,
  }
}

/** What was there a moment ago, and as long as it has to be, is being changed: that is another thing than not to be there. */
function whileReading(error: StorageError): StorageError {
  const isGone = error.code === 'disk.missing' || error.code === 'disk.wrong-size'
  return isGone ? new StorageError('disk.changed', error.message, { cause: error }) : error
}

function openPayload(metainfo: Metainfo, path: string, disk: Pick<Disk, 'open'>): Promise<Payload> {
  return new Promise((resolve, reject) => {
    disk.open({ ...metainfo, path }, 'seed', (result) => {
      if (result instanceof StorageError) reject(result)
      else resolve(result)
    })
  })
}

function filesOf(pieces: readonly number[], { name, geometry }: Metainfo): string[] {
  const files = new Set<number>()
  for (const piece of pieces)
    for (const { file } of geometry.spans(piece, 0, geometry.lengthOf(piece)))
      if (!geometry.files[file]!.isPadding) files.add(file)
  return [...files].sort((a, b) => a - b).map((file) => geometry.files[file]!.path.join('/') || name)
}
