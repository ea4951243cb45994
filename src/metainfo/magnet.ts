/** Magnet links (BEP 9, BEP 53): a torrent's identity, and where to start looking for it. */
import { MetainfoError } from '../protocol/errors.ts'
import { fromHex, ID_LENGTH, idFrom, toHex, type InfoHash } from '../protocol/ids.ts'
import { excerpt } from '../protocol/text.ts'
import type { Metainfo } from './metainfo.ts'
import { isHostPort, isUrl } from './torrent-keys.ts'

/** Characters of a link. */
export const MAX_MAGNET_LENGTH = 65_536
/** Entries of one kind in a link; further ones are not read. */
export const MAX_MAGNET_LOCATIONS = 100
/** Files that a link may select; further ones are not read. */
export const MAX_SELECTED_FILES = 10_000
/** Characters of the name that a link suggests. */
const MAX_NAME_LENGTH = 255

export interface Magnet {
  readonly infoHash: InfoHash
  /** A suggestion for people (`dn`), not for paths: it is not verified. */
  readonly name?: string | undefined
  /** URLs (`tr`). */
  readonly trackers: readonly string[]
  /** URLs (`ws`). */
  readonly webSeeds: readonly string[]
  /** `host:port` of peers (`x.pe`); hosts may be names. */
  readonly peers: readonly string[]
  /** `host:port` of DHT nodes to join through (`x.bitswarm`). */
  readonly bootstrap: readonly string[]
  /** Indices of the files that are meant (BEP 53, `so`); all when missing. */
  readonly files?: readonly number[] | undefined
}

/** What `inspect --json` prints of a link. */
export interface MagnetDescription extends Omit<Magnet, 'infoHash' | 'bootstrap'> {
  readonly format: 'magnet'
  /** 40 hex digits. */
  readonly infoHash: string
  readonly bootstrap?: readonly string[]
}

/**
 * Reads a link. Parts other than the info hash that make no sense are skipped.
 *
 * @throws {MetainfoError} `meta.malformed`, `meta.missing-field`, `meta.bad-field`, `meta.unsupported`
 */
export function parseMagnet(text: string): Magnet {
  if (text.length > MAX_MAGNET_LENGTH)
    throw new MetainfoError(
      'meta.malformed',
      `the magnet link is longer than ${MAX_MAGNET_LENGTH} characters`,
    )
  const [, query] = /^magnet:\?(.*)$/is.exec(text.trim()) ?? []
  if (query === undefined) throw new MetainfoError('meta.malformed', 'a magnet link begins with magnet:?')
  const fields = readFields(query)
  const all = (key: string): readonly string[] => fields.get(key) ?? []
  const name = excerpt(all('dn')[0] ?? '', MAX_NAME_LENGTH)
  return {
    infoHash: readTopic(all('xt')),
    ...(name !== '' && { name }),
    trackers: locations(all('tr'), isParsable),
    webSeeds: locations(all('ws'), isParsable),
    peers: locations(all('x.pe'), isHostPort),
    bootstrap: locations(all('x.bitswarm'), isHostPort),
    ...(all('so').length > 0 && { files: readSelection(all('so')[0]!) }),
  }
}

/** Locations that would make the link longer than {@link MAX_MAGNET_LENGTH}, where nobody would read it, are left out. */
export function encodeMagnet(magnet: Magnet): string {
  const { infoHash, name, trackers, webSeeds, peers, bootstrap, files } = magnet
  const fields: (readonly [string, string])[] = [
    ...(name === undefined ? [] : ([['dn', name]] as const)),
    ...(files === undefined ? [] : ([['so', encodeSelection(files)]] as const)),
    ...trackers.map((url) => ['tr', url] as const),
    ...webSeeds.map((url) => ['ws', url] as const),
    ...peers.map((address) => ['x.pe', address] as const),
    ...bootstrap.map((address) => ['x.bitswarm', address] as const),
  ]
  let link = `magnet:?xt=urn:btih:${toHex(infoHash)}`
  for (const [key, value] of fields) {
    const field = `&${key}=${encodeValue(value)}`
    if (link.length + field.length <= MAX_MAGNET_LENGTH) link += field
  }
  return link
}

/** The link that stands for a torrent. Private ones may be linked to: their trackers are in the link. */
export function magnetOf(
  meta: Pick<Metainfo, 'infoHash' | 'trackers' | 'webSeeds' | 'bootstrap'> & {
    readonly name?: string | undefined
  },
): Magnet {
  const { infoHash, name, trackers, webSeeds, bootstrap } = meta
  return {
    infoHash,
    ...(name !== undefined && { name }),
    trackers: trackers.flat().slice(0, MAX_MAGNET_LOCATIONS),
    webSeeds: webSeeds.slice(0, MAX_MAGNET_LOCATIONS),
    peers: [],
    bootstrap: bootstrap.slice(0, MAX_MAGNET_LOCATIONS),
  }
}

export function describeMagnet({ infoHash, bootstrap, ...rest }: Magnet): MagnetDescription {
  return {
    format: 'magnet',
    infoHash: toHex(infoHash),
    ...rest,
    ...(bootstrap.length > 0 && { bootstrap }),
  }
}

/** Values by key; `tr.1` is another `tr`. */
function readFields(query: string): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(query)) {
    const key = name.toLowerCase().replace(/\.\d+$/, '')
    const values = fields.get(key)
    if (values) values.push(value)
    else fields.set(key, [value])
  }
  return fields
}

function readTopic(topics: readonly string[]): InfoHash {
  if (topics.length === 0)
    throw new MetainfoError('meta.missing-field', 'the magnet link names no torrent: it lacks xt=urn:btih:')
  const [, hash] = topics.map((topic) => /^urn:btih:(.*)$/i.exec(topic)).find((match) => match !== null) ?? []
  if (hash === undefined)
    throw topics.some((topic) => /^urn:btmh:/i.test(topic))
      ? new MetainfoError(
          'meta.unsupported',
          'the magnet link names a BitTorrent v2 torrent only, which is not supported',
        )
      : new MetainfoError('meta.bad-field', `the magnet link names no torrent: xt=${excerpt(topics[0]!, 60)}`)
  const bytes = hash.length === 2 * ID_LENGTH ? fromHex(hash) : fromBase32(hash)
  if (bytes?.length !== ID_LENGTH)
    throw new MetainfoError(
      'meta.bad-field',
      `the info hash '${excerpt(hash, 60)}' is neither 40 hex digits nor 32 characters of base32`,
    )
  return idFrom<InfoHash>(bytes)
}

/** `0,2,5-8`: indices and ranges; anything else is skipped. */
function readSelection(text: string): number[] {
  const files = new Set<number>()
  for (const part of text.split(',')) {
    const [, from, to = from] = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part.trim()) ?? []
    if (from === undefined) continue
    for (let file = Number(from); file <= Number(to) && files.size < MAX_SELECTED_FILES; file++)
      files.add(file)
  }
  return [...files].toSorted((a, b) => a - b)
}

/** The same indices in the shortest form. */
function encodeSelection(files: readonly number[]): string {
  const ranges: string[] = []
  for (let first = 0, end = 1; first < files.length; first = end, end++) {
    while (files[end] === files[end - 1]! + 1) end++
    ranges.push(end - first === 1 ? `${files[first]}` : `${files[first]}-${files[end - 1]}`)
  }
  return ranges.join(',')
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648 without padding, in any case; 32 characters are 20 bytes. Undefined for other lengths and characters. */
function fromBase32(text: string): Uint8Array | undefined {
  if (text.length !== 32) return undefined
  const bytes = new Uint8Array(ID_LENGTH)
  let bits = 0
  let held = 0
  let at = 0
  for (const character of text.toUpperCase()) {
    const value = BASE32.indexOf(character)
    if (value < 0) return undefined
    bits = ((bits << 5) | value) & 0xfff
    held += 5
    if (held < 8) continue
    held -= 8
    bytes[at++] = (bits >> held) & 0xff
  }
  return bytes
}

function locations(values: readonly string[], isValid: (text: string) => boolean): string[] {
  return [...new Set(values.filter(isValid))].slice(0, MAX_MAGNET_LOCATIONS)
}

function isParsable(text: string): boolean {
  return isUrl(text) && URL.canParse(text)
}

/** Percent-encoded, except for readable characters that are harmless between quotes in a shell. */
function encodeValue(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/%(?:3A|2F|5B|5D)/g, decodeURIComponent)
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
