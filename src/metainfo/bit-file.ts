/** .bit files: metainfo as one JSON object, with the info hash that the .torrent of the same content has. */
import * as z from 'zod'
import { decodeBase64, encodeBase64 } from '../protocol/base64.ts'
import { BencodeDict } from '../protocol/bencode.ts'
import { MetainfoError } from '../protocol/errors.ts'
import { bytesEqual, idFrom, toHex, type InfoHash } from '../protocol/ids.ts'
import type { Hashes } from '../protocol/ports.ts'
import { decodeUtf8 } from '../protocol/text.ts'
import { MAX_PIECE_LENGTH } from './geometry.ts'
import { checkInfo, encodeInfo, MAX_FILES, parseInfo, type Info } from './info.ts'
import type { Metainfo } from './metainfo.ts'
import { decodeMetainfoBencode } from './torrent-file.ts'
import { distinctTiers, isHostPort, MAX_LOCATION_LENGTH, MAX_LOCATIONS, URL_PATTERN } from './torrent-keys.ts'

/** Half a surrogate pair has no UTF-8: a .torrent could not say it. */
const text = z.string().refine((value) => value.isWellFormed(), 'not valid Unicode')
const url = text.max(MAX_LOCATION_LENGTH).regex(URL_PATTERN)
const hostPort = z.string().max(MAX_LOCATION_LENGTH).refine(isHostPort, 'not host:port')
const base64 = z.string().meta({ contentEncoding: 'base64' })

const bitSchema = z
  .object({
    bitswarm: z.literal(1).describe('Version of this format.'),
    name: z.string().min(1).describe('Suggested name of the file or folder.'),
    length: z.int().min(1).optional().describe('Bytes of a single file; instead of `files`.'),
    files: z
      .array(
        z.object({
          path: z.string().min(1).describe('Relative to the folder, "/" between its parts.'),
          length: z.int().min(0).describe('Bytes.'),
        }),
      )
      .min(1)
      .max(MAX_FILES)
      .optional()
      .describe('Files of a folder, in the order of their bytes; instead of `length`.'),
    pieceLength: z.int().min(1).max(MAX_PIECE_LENGTH).describe('Bytes of every piece but the last.'),
    pieces: base64.describe('SHA-1 of every piece, 20 bytes each, one after the other.'),
    infoHash: z
      .string()
      .regex(/^[0-9a-f]{40}$/)
      .describe('SHA-1 of the bencoded info dictionary (BEP 3).'),
    private: z.boolean().optional().describe('Peers come from trackers only (BEP 27).'),
    trackers: z
      .array(z.array(url).min(1))
      .max(MAX_LOCATIONS)
      .optional()
      .describe('Tiers of announce URLs (BEP 12).'),
    webSeeds: z.array(url).max(MAX_LOCATIONS).optional().describe('URLs of the payload (BEP 19).'),
    bootstrap: z
      .array(hostPort)
      .max(MAX_LOCATIONS)
      .optional()
      .describe('DHT nodes to join through, host:port.'),
    comment: text.optional(),
    createdBy: text.optional(),
    creationDate: z.int().min(0).optional().describe('Unix seconds.'),
    info: base64
      .optional()
      .describe('The info dictionary, when the members above would not give back its exact bytes.'),
    torrent: base64.optional().describe("A bencoded dictionary of the .torrent's further top-level keys."),
  })
  .meta({
    title: 'bitswarm metainfo (.bit)',
    oneOf: [{ required: ['length'] }, { required: ['files'] }],
  })

type Bit = z.infer<typeof bitSchema>

/** The JSON Schema that `docs/bit.schema.json` holds. Members that it does not name are ignored. */
export function bitJsonSchema(): object {
  return z.toJSONSchema(bitSchema, { io: 'input' })
}

/**
 * Reads a .bit, and refuses one whose content does not hash to its `infoHash`.
 *
 * @throws {MetainfoError} any `meta.*` but `meta.unreadable`
 */
export function parseBit(bytes: Uint8Array, hashes: Hashes): Metainfo {
  const bit = validate(parseJson(bytes))
  const unknownKeys = bit.torrent === undefined ? undefined : fromBase64('torrent', bit.torrent)
  const others = unknownKeys && decodeDict('torrent', unknownKeys).dict
  if (others?.has('info')) throw badField('torrent', 'must not contain `info`')
  return {
    ...(bit.info === undefined
      ? statedInfo(bit, hashes)
      : originalInfo(bit, fromBase64('info', bit.info), { hashes, encoding: others?.text('encoding') })),
    trackers: distinctTiers(bit.trackers ?? []),
    webSeeds: [...new Set(bit.webSeeds)],
    bootstrap: [...new Set(bit.bootstrap)],
    comment: bit.comment,
    createdBy: bit.createdBy,
    creationDate: bit.creationDate,
    unknownKeys,
  }
}

/** Writes a .bit, UTF-8, members in the order of the schema. */
export function encodeBit(meta: Metainfo): Uint8Array {
  const { geometry, unknownKeys } = meta
  const bit: { [Key in keyof Bit]: Bit[Key] | undefined } = {
    bitswarm: 1,
    name: meta.name,
    length: meta.isSingleFile ? geometry.length : undefined,
    files: meta.isSingleFile
      ? undefined
      : geometry.files.map(({ path, length }) => ({ path: path.join('/'), length })),
    pieceLength: geometry.pieceLength,
    pieces: encodeBase64(meta.digests),
    infoHash: toHex(meta.infoHash),
    private: meta.isPrivate || undefined,
    trackers: meta.trackers.length > 0 ? meta.trackers.map((tier) => [...tier]) : undefined,
    webSeeds: meta.webSeeds.length > 0 ? [...meta.webSeeds] : undefined,
    bootstrap: meta.bootstrap.length > 0 ? [...meta.bootstrap] : undefined,
    comment: meta.comment,
    createdBy: meta.createdBy,
    creationDate: meta.creationDate,
    info: bytesEqual(encodeInfo(meta), meta.infoBytes) ? undefined : encodeBase64(meta.infoBytes),
    torrent: unknownKeys && encodeBase64(unknownKeys),
  }
  return new TextEncoder().encode(`${JSON.stringify(bit, undefined, 2)}\n`)
}

function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new MetainfoError('meta.malformed', 'not valid UTF-8')
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (cause) {
    throw new MetainfoError('meta.malformed', 'not valid JSON', { cause })
  }
}

function validate(json: unknown): Bit {
  const version = z.object({ bitswarm: z.unknown() }).safeParse(json).data?.bitswarm
  if (typeof version === 'number' && version !== 1)
    throw new MetainfoError('meta.unsupported', `version ${version} of the .bit format is not supported`)
  const result = bitSchema.safeParse(upToFirstWrongFile(json), { reportInput: true })
  if (result.success) {
    const { length, files } = result.data
    if (length === undefined && files === undefined) throw missingField('length` or `files')
    if (length !== undefined && files !== undefined)
      throw badField('length', 'and `files` exclude each other')
    return result.data
  }
  const [issue] = result.error.issues
  const field = issue!.path.join('.')
  if (issue!.input === undefined) throw missingField(field)
  throw badField(field, `is wrong: ${issue!.message}`)
}

/** To say what is wrong with each of a million files would take a gigabyte. */
function upToFirstWrongFile(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('files' in json)) return json
  const { files } = json
  const wrong = Array.isArray(files) ? files.findIndex((file) => !isFile(file)) : -1
  return wrong < 0 ? json : { ...json, files: (files as unknown[]).slice(0, wrong + 1) }
}

function isFile(value: unknown): boolean {
  const { path, length } = (value ?? {}) as { readonly path?: unknown; readonly length?: unknown }
  return typeof path === 'string' && path !== '' && Number.isSafeInteger(length) && (length as number) >= 0
}

type Identity = Info & Pick<Metainfo, 'infoHash' | 'infoBytes' | 'isNoncanonical'>

function statedInfo(bit: Bit, hashes: Hashes): Identity {
  const info = infoOf(bit)
  const infoBytes = encodeInfo(info)
  return { ...info, infoBytes, infoHash: checkHash(bit, infoBytes, hashes), isNoncanonical: false }
}

function originalInfo(
  bit: Bit,
  infoBytes: Uint8Array,
  { hashes, encoding }: { readonly hashes: Hashes; readonly encoding: string | undefined },
): Identity {
  const infoHash = checkHash(bit, infoBytes, hashes)
  const { dict, isCanonical } = decodeDict('info', infoBytes)
  const info = parseInfo(dict, encoding)
  if (!isSameInfo(info, infoOf(bit, info)))
    throw badField('info', 'says otherwise than the members beside it')
  return { ...info, infoBytes, infoHash, isNoncanonical: !isCanonical }
}

function checkHash(bit: Bit, infoBytes: Uint8Array, hashes: Hashes): InfoHash {
  const infoHash = idFrom<InfoHash>(hashes.sha1(infoBytes))
  if (toHex(infoHash) === bit.infoHash) return infoHash
  throw new MetainfoError(
    'meta.info-hash',
    `the content hashes to ${toHex(infoHash)}, not to ${bit.infoHash}`,
  )
}

/** What the members say. Only `info` tells which files are padding: those may share a path. */
function infoOf(bit: Bit, original?: Info): Info {
  return checkInfo({
    name: bit.name,
    isSingleFile: bit.files === undefined,
    files: bit.files?.map(({ path, length }, at) => ({
      path: path.split('/'),
      length,
      ...(original?.geometry.files[at]?.isPadding && { isPadding: true }),
    })) ?? [{ path: [], length: bit.length! }],
    pieceLength: bit.pieceLength,
    digests: fromBase64('pieces', bit.pieces),
    isPrivate: bit.private === true,
  })
}

/** Only `info` knows about padding; everything else must agree. */
function isSameInfo(a: Info, b: Info): boolean {
  return bytesEqual(encodeInfo(a), encodeInfo(b))
}

function decodeDict(field: string, bytes: Uint8Array): { dict: BencodeDict; isCanonical: boolean } {
  const { value, isCanonical } = decodeMetainfoBencode(bytes)
  if (!(value instanceof BencodeDict)) throw badField(field, 'is not a bencoded dictionary')
  return { dict: value, isCanonical }
}

function fromBase64(field: string, text: string): Uint8Array {
  const bytes = decodeBase64(text)
  if (bytes === undefined) throw badField(field, 'is not base64')
  return bytes
}

function missingField(field: string): MetainfoError {
  return new MetainfoError('meta.missing-field', `the .bit file lacks \`${field}\``)
}

function badField(field: string, fault: string): MetainfoError {
  return new MetainfoError('meta.bad-field', `\`${field}\` ${fault}`)
}
