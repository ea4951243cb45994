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

export interface VerifyResult {
  /** In order; empty when everything is good. */
  readonly badPieces: readonly number[]
  /** Paths of the files that a bad piece touches, padding aside, "/"-joined and relative to the payload's folder; the name of a single file. */
  readonly badFiles: readonly string[]
  readonly pieceCount: number
}

/**
 * @param path the payload: the single file, or the folder
 * @throws {StorageError} `disk.missing`, `disk.wrong-size`, …: it cannot be the payload, or cannot be read
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
  let checkedBytes = 0
  try {
    await abortable(signal, (done) =>
      payload.verify(
        Array.from({ length: geometry.pieceCount }, (_, piece) => piece),
        (piece, isGood) => {
          if (!isGood) badPieces.push(piece)
          checkedBytes += geometry.lengthOf(piece)
          onProgress?.(checkedBytes, geometry.length)
        },
        done,
      ),
    )
  } finally {
    await new Promise<void>((done) => payload.close(done))
  }
  badPieces.sort((a, b) => a - b)
  return { badPieces, badFiles: filesOf(badPieces, metainfo), pieceCount: geometry.pieceCount }
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
