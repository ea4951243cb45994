/** Hashes what is on disk again and compares it with its metainfo. Reads only. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { StorageError } from '../protocol/errors.ts'
import type { Disk, Payload } from '../storage/disk.ts'
import { FileMap } from '../storage/file-map.ts'
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
  /** A file is missing or of another length, which it names: this is not the payload, even if all pieces should be good. */
  readonly amiss?: StorageError
  /** Paths of the files that a bad piece touches, padding aside, "/"-joined and relative to the payload's folder; the name of a single file. */
  readonly badFiles: readonly string[]
  readonly pieceCount: number
}

/**
 * @param path the payload: the single file, or the folder
 * @throws {StorageError} `disk.missing`: nothing of it is there; `disk.permission`, …: it cannot be looked at
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
  const { found } = payload
  const amiss = new FileMap({ ...metainfo, path }).refuseToSeed(found)
  if (amiss !== undefined && found.every((stat) => stat === undefined)) {
    await closed(payload)
    throw amiss
  }
  const isAbsent = absentPieces(geometry, found)
  const pieces = Array.from({ length: geometry.pieceCount }, (_, piece) => piece)
  const badPieces = pieces.filter((piece) => isAbsent[piece] === 1)
  const unreadPieces: number[] = []
  const unread = new Map<string, StorageError>()
  let checkedBytes = badPieces.reduce((sum, piece) => sum + geometry.lengthOf(piece), 0)
  try {
    await abortable(signal, (done) =>
      payload.verify(
        pieces.filter((piece) => isAbsent[piece] === 0),
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
    await closed(payload)
  }
  for (const list of [badPieces, unreadPieces]) list.sort((a, b) => a - b)
  return {
    badPieces,
    unreadPieces,
    unread: [...unread.values()],
    ...(amiss && { amiss }),
    badFiles: filesOf(badPieces, metainfo),
    pieceCount: geometry.pieceCount,
  }
}

/** Marks the pieces with bytes that are in no file. */
function absentPieces(geometry: PieceGeometry, found: Payload['found']): Uint8Array {
  const marks = new Uint8Array(geometry.pieceCount)
  for (const [file, { offset, length, isPadding }] of geometry.files.entries()) {
    const end = found[file]?.length ?? 0
    if (isPadding || end >= length) continue
    marks.fill(1, Math.floor((offset + end) / geometry.pieceLength), geometry.piecesOf(file)[1])
  }
  return marks
}

/** What was there a moment ago, and as long as it has to be, is being changed: that is another thing than not to be there. */
function whileReading(error: StorageError): StorageError {
  const isGone = error.code === 'disk.missing' || error.code === 'disk.wrong-size'
  return isGone ? new StorageError('disk.changed', error.message, { cause: error }) : error
}

function closed(payload: Payload): Promise<void> {
  return new Promise((done) => payload.close(done))
}

function openPayload(metainfo: Metainfo, path: string, disk: Pick<Disk, 'open'>): Promise<Payload> {
  return new Promise((resolve, reject) => {
    disk.open({ ...metainfo, path }, 'verify', (result) => {
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
