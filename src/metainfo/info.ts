/** The `info` dictionary (BEP 3): what the info hash is taken over. */
import { BencodeDict, isBencodeList, type Bencode } from '../protocol/bencode.ts'
import { encodeBencode } from '../protocol/bencode-writer.ts'
import { MAX_PIECES } from '../protocol/bitfield.ts'
import { MetainfoError } from '../protocol/errors.ts'
import { ID_LENGTH } from '../protocol/ids.ts'
import { MAX_PIECE_LENGTH, PieceGeometry, type PayloadFile } from './geometry.ts'
import { decodeText, textBytes } from './legacy-text.ts'
import { checkPaths } from './paths.ts'

/** Files of one payload: ten times the largest datasets that are shared unpacked. */
export const MAX_FILES = 1_000_000

/** What an info dictionary says. */
export interface Info {
  readonly name: string
  readonly isSingleFile: boolean
  readonly geometry: PieceGeometry
  /** SHA-1 of every piece, one after the other. */
  readonly digests: Uint8Array
  readonly isPrivate: boolean
}

/** The parts of {@link Info} as they come from a file, with only their types checked. */
export interface InfoParts {
  readonly name: string
  readonly isSingleFile: boolean
  readonly files: readonly PayloadFile[]
  readonly pieceLength: number
  readonly digests: Uint8Array
  readonly isPrivate: boolean
}

/**
 * The one door to an {@link Info}: every way to read or make metainfo ends here.
 *
 * @throws {MetainfoError} `meta.bad-field`, `meta.unsafe-path`
 */
export function checkInfo(parts: InfoParts): Info {
  const { name, isSingleFile, files, pieceLength, digests, isPrivate } = parts
  if (!Number.isInteger(pieceLength) || pieceLength < 1 || pieceLength > MAX_PIECE_LENGTH)
    throw badField('the piece length', `is ${pieceLength}; it must be between 1 byte and 512 MiB`)
  if (files.length === 0) throw badField('the list of files', 'is empty')
  if (files.length > MAX_FILES) throw badField('the list of files', `has more than ${MAX_FILES} entries`)
  let length = 0
  for (const file of files) {
    if (!Number.isSafeInteger(file.length) || file.length < 0)
      throw badField('the length of a file', `is ${file.length}`)
    length += file.length
  }
  if (length === 0) throw badField('the payload', 'is empty: there is nothing to download')
  if (!Number.isSafeInteger(length)) throw badField('the payload', 'is longer than 2^53 - 1 bytes')
  checkPaths(name, isSingleFile ? [] : files)
  const geometry = new PieceGeometry(pieceLength, files)
  if (geometry.pieceCount > MAX_PIECES)
    throw badField('the payload', `has ${geometry.pieceCount} pieces; at most ${MAX_PIECES} are read`)
  if (digests.length !== geometry.pieceCount * ID_LENGTH)
    throw badField(
      'the list of piece hashes',
      `has ${digests.length} bytes; ${geometry.pieceCount} pieces take ${geometry.pieceCount * ID_LENGTH}`,
    )
  return { name, isSingleFile, geometry, digests, isPrivate }
}

/**
 * @param encoding the charset that the .torrent names for text that is not UTF-8
 * @throws {MetainfoError} `meta.missing-field`, `meta.bad-field`, `meta.unsafe-path`, `meta.unsupported`
 */
export function parseInfo(dict: BencodeDict, encoding?: string): Info {
  const digests = dict.get('pieces')
  if (digests === undefined && (dict.has('meta version') || dict.has('file tree')))
    throw new MetainfoError(
      'meta.unsupported',
      'this is a BitTorrent v2 torrent without v1 data, which is not supported',
    )
  const name = textBytes(dict, 'name')
  if (name === undefined) throw missing(dict, 'name')
  if (!(digests instanceof Uint8Array)) throw missing(dict, 'pieces')
  if (dict.has('length') && dict.has('files'))
    throw badField('the info dictionary', 'has both `length` and `files`')
  const isSingleFile = !dict.has('files')
  return checkInfo({
    name: decodeText(name, encoding),
    isSingleFile,
    files: isSingleFile ? [{ path: [], length: integer(dict, 'length') }] : readFiles(dict, encoding),
    pieceLength: integer(dict, 'piece length'),
    digests,
    isPrivate: dict.get('private') === 1,
  })
}

/** The canonical dictionary for an {@link Info}: the one that this program writes. */
export function encodeInfo({ name, isSingleFile, geometry, digests, isPrivate }: Info): Uint8Array {
  return encodeBencode({
    length: isSingleFile ? geometry.length : undefined,
    files: isSingleFile ? undefined : geometry.files.map(({ length, path }) => ({ length, path })),
    name,
    'piece length': geometry.pieceLength,
    pieces: digests,
    private: isPrivate ? 1 : undefined,
  })
}

function readFiles(dict: BencodeDict, encoding: string | undefined): PayloadFile[] {
  const list = dict.list('files')
  if (list === undefined) throw missing(dict, 'files')
  if (list.length > MAX_FILES) throw badField('the list of files', `has more than ${MAX_FILES} entries`)
  return list.map((entry) => {
    if (!(entry instanceof BencodeDict)) throw badField('an entry of `files`', 'is not a dictionary')
    const attributes = entry.text('attr') ?? ''
    if (attributes.includes('l'))
      throw new MetainfoError(
        'meta.unsupported',
        'the torrent contains symbolic links, which are not supported',
      )
    const length = integer(entry, 'length')
    if (!attributes.includes('p')) return { path: readPath(entry, encoding), length }
    // Padding needs no name; most makers call it this.
    const path = entry.has('path') ? readPath(entry, encoding) : ['.pad', String(length)]
    return { path, length, isPadding: true }
  })
}

function readPath(entry: BencodeDict, encoding: string | undefined): string[] {
  const components = pathBytes(entry.get('path.utf-8')) ?? pathBytes(entry.get('path'))
  if (components === undefined) throw missing(entry, 'path')
  return components.map((component) => decodeText(component, encoding))
}

/** Undefined unless it is a list of at least one byte string. */
function pathBytes(value: Bencode | undefined): readonly Uint8Array[] | undefined {
  if (!isBencodeList(value) || value.length === 0) return undefined
  return value.every((component) => component instanceof Uint8Array) ? value : undefined
}

function integer(dict: BencodeDict, key: string): number {
  const value = dict.get(key)
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') throw badField(`\`${key}\``, 'is beyond 2^53 - 1')
  throw missing(dict, key)
}

/** Not there at all, or there with another type. */
function missing(dict: BencodeDict, key: string): MetainfoError {
  return dict.has(key)
    ? badField(`\`${key}\``, 'has the wrong type')
    : new MetainfoError('meta.missing-field', `the metainfo lacks \`${key}\``)
}

function badField(what: string, fault: string): MetainfoError {
  return new MetainfoError('meta.bad-field', `${what} ${fault}`)
}
