/**
 * What a download remembers about itself: which pieces it had, which of them durably, and the state of its files. A line
 * with the version and a checksum, then JSON:
 *
 *     bitswarm-resume 3 <SHA-256 of what follows the line break, hex>
 *     {"infoHash":"…","boot":"…","key":"0123456789abcdef","isClean":false,"synced":"<base64>","written":"<base64>",
 *      "files":[{"length":1,"modifiedAt":2,"changedAt":3,"inode":"4"},null]}
 *
 * It is replaced as a whole; what was written later is in the notes (`resume-notes.ts`). What neither vouches for is taken as
 * missing, or is checked, so a lost or damaged resume file costs time but never data.
 */
import * as z from 'zod'
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { decodeBase64, encodeBase64 } from '../protocol/base64.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import { StorageError } from '../protocol/errors.ts'
import { bytesEqual, fromHex, toHex } from '../protocol/ids.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Hashes } from '../protocol/ports.ts'
import type { FileStat } from './disk.ts'

const VERSION = 3
/** Longer files are not read: a million files and four million pieces take less. */
export const MAX_RESUME_BYTES = 128 * 2 ** 20
const HEADER = /^bitswarm-resume (\d{1,9}) ([0-9a-f]{64})$/
/** Bytes in which the header's line must end. */
const MAX_HEADER_BYTES = 128

/** A file as it is remembered: without its attributes, which do not matter to a start that can read it. */
export type RememberedFile = Omit<FileStat, 'attributes'>

export interface ResumeState {
  readonly infoHash: InfoHash
  /** {@link Payload.boot} when the state was taken. */
  readonly boot: string
  /** The key of the notes that say what was written later. */
  readonly key: Uint8Array
  /** Verified and written, and then synced, before the state was taken. */
  readonly synced: Bitfield
  /** Verified and written before the state was taken, synced or not. */
  readonly written: Bitfield
  /** The files: as they are if clean, else as they were before this run wrote to them; undefined for a missing one. Index = file. */
  readonly files: readonly (RememberedFile | undefined)[]
  /** Nothing was written after the state was taken: the process ended cleanly. */
  readonly isClean: boolean
}

const SCHEMA = z.strictObject({
  infoHash: z.string().regex(/^[0-9a-f]{40}$/),
  boot: z.string(),
  key: z.string().regex(/^[0-9a-f]{16}$/),
  isClean: z.boolean(),
  synced: z.string(),
  written: z.string(),
  files: z.array(
    z
      .strictObject({
        length: z.int().nonnegative(),
        modifiedAt: z.number(),
        changedAt: z.number(),
        inode: z.string(),
      })
      .nullable(),
  ),
})

export function encodeResume(state: ResumeState, hashes: Pick<Hashes, 'sha256'>): Uint8Array {
  const json: z.infer<typeof SCHEMA> = {
    infoHash: toHex(state.infoHash),
    boot: state.boot,
    key: toHex(state.key),
    isClean: state.isClean,
    synced: encodeBase64(state.synced.bytes),
    written: encodeBase64(state.written.bytes),
    files: state.files.map((file) => (file === undefined ? null : remember(file))),
  }
  const body = new TextEncoder().encode(JSON.stringify(json))
  const header = new TextEncoder().encode(`bitswarm-resume ${VERSION} ${toHex(hashes.sha256(body))}\n`)
  const bytes = new Uint8Array(header.length + body.length)
  bytes.set(header)
  bytes.set(body, header.length)
  return bytes
}

/**
 * @param expected the download that is to go on
 * @throws {StorageError} `disk.resume`: torn, damaged, of another version or of another payload
 */
export function decodeResume(
  bytes: Uint8Array,
  expected: { readonly infoHash: InfoHash; readonly geometry: PieceGeometry },
  hashes: Pick<Hashes, 'sha256'>,
): ResumeState {
  if (bytes.length > MAX_RESUME_BYTES) throw distrust(`has ${bytes.length} bytes`)
  const lineEnd = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(0x0a)
  const header = HEADER.exec(lineEnd < 0 ? '' : new TextDecoder().decode(bytes.subarray(0, lineEnd)))
  if (header === null) throw distrust('has no header')
  if (header[1] !== String(VERSION)) throw distrust(`has version ${header[1]}, this program reads ${VERSION}`)
  const body = bytes.subarray(lineEnd + 1)
  if (toHex(hashes.sha256(body)) !== header[2]) throw distrust('is damaged: its checksum does not match')
  const json = SCHEMA.safeParse(parseJson(body))
  if (!json.success) throw distrust(`is malformed: ${json.error.issues[0]!.message}`, json.error)
  const { infoHash, boot, key, isClean, synced, written, files } = json.data
  if (infoHash !== toHex(expected.infoHash)) throw distrust(`belongs to another payload, ${infoHash}`)
  if (files.length !== expected.geometry.files.length) throw distrust(`lists ${files.length} files`)
  return {
    infoHash: expected.infoHash,
    boot,
    key: fromHex(key)!,
    synced: decodePieces(synced, expected.geometry.pieceCount),
    written: decodePieces(written, expected.geometry.pieceCount),
    files: files.map((file) => file ?? undefined),
    isClean,
  }
}

function remember({ length, modifiedAt, changedAt, inode }: RememberedFile): RememberedFile {
  return { length, modifiedAt, changedAt, inode }
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw distrust('is not JSON', error)
  }
}

function decodePieces(text: string, pieceCount: number): Bitfield {
  const bytes = decodeBase64(text)
  if (bytes === undefined) throw distrust('has pieces that are not base64')
  const field = new Bitfield(pieceCount)
  if (bytes.length !== field.bytes.length) throw distrust('has another number of pieces')
  for (let piece = 0; piece < pieceCount; piece++)
    if ((bytes[piece >>> 3]! & (0x80 >>> (piece & 7))) !== 0) field.set(piece)
  if (!bytesEqual(field.bytes, bytes)) throw distrust('names pieces that do not exist')
  return field
}

function distrust(reason: string, cause?: unknown): StorageError {
  return new StorageError('disk.resume', `the resume file ${reason}`, cause === undefined ? {} : { cause })
}
