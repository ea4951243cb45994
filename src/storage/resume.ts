/**
 * What a download remembers of itself: which pieces were durable, and how the files looked then. A line with the
 * version and a checksum, then JSON:
 *
 *     bitswarm-resume 1 <SHA-256 of what follows the line break, hex>
 *     {"infoHash":"…","isClean":false,"pieces":"<base64>","files":[{"length":1,"modifiedAt":2},null]}
 *
 * Whoever writes it must have synced the pieces that it names before. Whatever it does not vouch for is checked
 * against the payload, so a lost or damaged resume file costs time and never data.
 */
import * as z from 'zod'
import type { PieceGeometry } from '../metainfo/geometry.ts'
import { decodeBase64, encodeBase64 } from '../protocol/base64.ts'
import { Bitfield } from '../protocol/bitfield.ts'
import { StorageError } from '../protocol/errors.ts'
import { bytesEqual, toHex } from '../protocol/ids.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Hashes, Random } from '../protocol/ports.ts'
import type { FileStat } from './disk.ts'

const VERSION = 1
/** Longer files are not looked into: a million files and four million pieces take less. */
export const MAX_RESUME_BYTES = 128 * 2 ** 20
const HEADER = /^bitswarm-resume (\d{1,9}) ([0-9a-f]{64})$/
/** Bytes in which the header's line must end. */
const MAX_HEADER_BYTES = 128

/** What is remembered of a file. */
export type RememberedFile = Pick<FileStat, 'length' | 'modifiedAt'>

export interface ResumeState {
  readonly infoHash: InfoHash
  /** Verified, written and synced before the state was taken. */
  readonly pieces: Bitfield
  /** The files when the state was taken; undefined for one that was not there. Index = file. */
  readonly files: readonly (RememberedFile | undefined)[]
  /** Nothing has been written after the state was taken: the process ended in order. */
  readonly isClean: boolean
}

const SCHEMA = z.strictObject({
  infoHash: z.string().regex(/^[0-9a-f]{40}$/),
  isClean: z.boolean(),
  pieces: z.string(),
  files: z.array(z.strictObject({ length: z.int().nonnegative(), modifiedAt: z.number() }).nullable()),
})

export function encodeResume(state: ResumeState, hashes: Pick<Hashes, 'sha256'>): Uint8Array {
  const json: z.infer<typeof SCHEMA> = {
    infoHash: toHex(state.infoHash),
    isClean: state.isClean,
    pieces: encodeBase64(state.pieces.bytes),
    files: state.files.map((file) => (file ? { length: file.length, modifiedAt: file.modifiedAt } : null)),
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
  const { infoHash, isClean, pieces, files } = json.data
  if (infoHash !== toHex(expected.infoHash)) throw distrust(`belongs to another payload, ${infoHash}`)
  if (files.length !== expected.geometry.files.length) throw distrust(`lists ${files.length} files`)
  return {
    infoHash: expected.infoHash,
    pieces: decodePieces(pieces, expected.geometry.pieceCount),
    files: files.map((file) => file ?? undefined),
    isClean,
  }
}

/** What to make of the pieces of a payload before any of them is read. The rest is not there. */
export interface Assessment {
  /** Good, as far as names, lengths and times can tell. */
  readonly trusted: Bitfield
  /** To be verified, in order. */
  readonly doubtful: readonly number[]
}

/**
 * Compares what was remembered with what is found.
 *
 * A file is in doubt with all its pieces when it is missing or has another length or time. Unless the state is
 * clean, files go on to be written after it was taken: a later time is then expected, and what the state does not
 * name may be there all the same, so it is verified.
 *
 * @param state undefined when there is none to trust: whatever exists is verified
 * @param found the files before they were opened for writing; index = file
 */
export function assess(
  state: ResumeState | undefined,
  geometry: PieceGeometry,
  found: readonly (RememberedFile | undefined)[],
): Assessment {
  const isDoubtful = new Uint8Array(geometry.pieceCount)
  for (let file = 0; file < geometry.files.length; file++) {
    // Padding has no file that could be missing or changed.
    if (geometry.files[file]!.isPadding) continue
    const now = found[file]
    const [first, end] = geometry.piecesOf(file)
    if (state === undefined) {
      // A piece lies in several files: it can be there only when all of them are, which verifying will tell.
      if (now !== undefined) isDoubtful.fill(1, first, end)
    } else if (!isAsRemembered(now, state.files[file], state.isClean)) isDoubtful.fill(1, first, end)
  }
  const trusted = new Bitfield(geometry.pieceCount)
  const doubtful: number[] = []
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    const isNamed = state?.pieces.has(piece) ?? false
    if (isDoubtful[piece] === 1 || (state !== undefined && !state.isClean && !isNamed)) doubtful.push(piece)
    else if (isNamed) trusted.set(piece)
  }
  return { trusted, doubtful }
}

/** A few of the given pieces by chance, in order: those to verify before the others are trusted. */
export function sampleOf(pieces: Bitfield, count: number, random: Random): number[] {
  const sample: number[] = []
  let left = pieces.count
  pieces.forEachSet((piece) => {
    if (random.int(left--) < count - sample.length) sample.push(piece)
  })
  return sample
}

function isAsRemembered(
  now: RememberedFile | undefined,
  then: RememberedFile | undefined,
  isClean: boolean,
): boolean {
  if (now === undefined || then === undefined) return false
  if (now.length !== then.length) return false
  return isClean ? now.modifiedAt === then.modifiedAt : now.modifiedAt >= then.modifiedAt
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
