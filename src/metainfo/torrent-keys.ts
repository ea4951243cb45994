/** The keys of a .torrent beside `info`: where peers are found, and who made it. None of them is part of the identity. */
import { decodeBencodeDict, isBencodeList, type Bencode, type BencodeDict } from '../protocol/bencode.ts'
import { encodeBencode, type Encodable } from '../protocol/bencode-writer.ts'
import { parseHostPort } from '../protocol/endpoint.ts'
import { ConfigError } from '../protocol/errors.ts'
import { bytesEqual } from '../protocol/ids.ts'
import { decodeUtf8 } from '../protocol/text.ts'
import { decodeText, textBytes } from './legacy-text.ts'
import type { Metainfo } from './metainfo.ts'

/** Bencode values in one metainfo file: eight for each of a million files. */
export const MAX_METAINFO_VALUES = 8_000_000
/** URLs or addresses of one kind; further ones are not read. */
export const MAX_LOCATIONS = 1_000
/** Characters of a URL or address; longer ones are not read. */
export const MAX_LOCATION_LENGTH = 2_048
/** A scheme, `://`, and anything but blanks and control characters. */
export const URL_PATTERN: RegExp = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s\p{Cc}]+$/u

export type TorrentKeys = Pick<
  Metainfo,
  'trackers' | 'webSeeds' | 'bootstrap' | 'comment' | 'createdBy' | 'creationDate'
>

/** Reads what is there; entries that make no sense are skipped. */
export function readTorrentKeys(dict: BencodeDict): TorrentKeys {
  const encoding = dict.text('encoding')
  const comment = textBytes(dict, 'comment')
  const createdBy = textBytes(dict, 'created by')
  const creationDate = dict.integer('creation date')
  return {
    trackers: readTrackers(dict),
    webSeeds: readLocations(dict.get('url-list'), isUrl),
    bootstrap: readLocations(dict.get('bitswarm-bootstrap'), isHostPort),
    comment: comment && decodeText(comment, encoding),
    createdBy: createdBy && decodeText(createdBy, encoding),
    creationDate: creationDate !== undefined && creationDate >= 0 ? creationDate : undefined,
  }
}

/** The same keys in canonical form. */
function writeTorrentKeys(keys: TorrentKeys): ReadonlyMap<string, Encodable> {
  const { trackers, webSeeds, bootstrap, comment, createdBy, creationDate } = keys
  const members: readonly (readonly [string, Encodable | undefined])[] = [
    ['announce', trackers[0]?.[0]],
    ['announce-list', trackers.flat().length > 1 ? trackers : undefined],
    ['url-list', webSeeds.length > 0 ? webSeeds : undefined],
    ['bitswarm-bootstrap', bootstrap.length > 0 ? bootstrap : undefined],
    ['comment', comment],
    ['created by', createdBy],
    ['creation date', creationDate],
  ]
  return new Map(members.filter((member): member is readonly [string, Encodable] => member[1] !== undefined))
}

/** The keys that {@link writeTorrentKeys} would not reproduce exactly; undefined when there are none. */
export function leftoverKeys(dict: BencodeDict, keys: TorrentKeys): Uint8Array | undefined {
  const written = writeTorrentKeys(keys)
  const leftover = new Map<string, Bencode>()
  for (const [key, value] of dict.entries()) {
    const ours = written.get(key)
    const isSame = ours !== undefined && bytesEqual(encodeBencode(ours), encodeBencode(value))
    if (key !== 'info' && !isSame) leftover.set(key, value)
  }
  return leftover.size > 0 ? encodeBencode(leftover) : undefined
}

/**
 * Restores the leftover keys. One that says the same as `keys` in another form is written as it was; if it no longer
 * says the same, because `keys` have changed since, it is dropped.
 */
export function mergeTorrentKeys(
  keys: TorrentKeys,
  leftover: Uint8Array | undefined,
): Map<string, Encodable> {
  const written = writeTorrentKeys(keys)
  if (leftover === undefined) return new Map(written)
  const others = decodeLeftover(leftover)
  const merged = new Map<string, Encodable>([...written, ...others.entries()])
  const reread = readTorrentKeys(decodeLeftover(encodeBencode(merged)))
  if (bytesEqual(encodeBencode(writeTorrentKeys(reread)), encodeBencode(written))) return merged
  const unknown = [...others.entries()].filter(([key]) => !KNOWN_KEYS.has(key))
  return new Map<string, Encodable>([...written, ...unknown])
}

/** @throws {ProtocolError} `bencode.malformed` */
function decodeLeftover(bytes: Uint8Array): BencodeDict {
  return decodeBencodeDict(bytes, { maxValues: MAX_METAINFO_VALUES })
}

/** All that {@link readTorrentKeys} looks at. */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'announce',
  'announce-list',
  'url-list',
  'bitswarm-bootstrap',
  'comment',
  'comment.utf-8',
  'created by',
  'created by.utf-8',
  'creation date',
])

/** BEP 12: the list wins; an `announce` that is not in it is asked last. */
function readTrackers(dict: BencodeDict): readonly (readonly string[])[] {
  const tiers = [...(dict.list('announce-list') ?? []), dict.get('announce')]
  return distinctTiers(tiers.map((tier) => readLocations(tier, isUrl)))
}

/** Each URL once, at its first place; empty tiers, and those beyond the limit, are left out. */
export function distinctTiers(tiers: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const seen = new Set<string>()
  const kept: (readonly string[])[] = []
  for (const tier of tiers) {
    const urls = [...new Set(tier)].filter((url) => !seen.has(url))
    if (urls.length === 0 || seen.size + urls.length > MAX_LOCATIONS) continue
    for (const url of urls) seen.add(url)
    kept.push(urls)
  }
  return kept
}

/** A string or a list of strings; BEP 19 allows both, and so do we elsewhere. */
function readLocations(value: Bencode | undefined, isLocation: (text: string) => boolean): readonly string[] {
  const candidates = value instanceof Uint8Array ? [value] : isBencodeList(value) ? value : []
  const found = new Set<string>()
  // Nonsense counts, too: looking at a million wrong addresses would take a minute.
  for (const candidate of candidates.slice(0, MAX_LOCATIONS)) {
    // Old programs left spaces from file names in URLs.
    const text =
      candidate instanceof Uint8Array ? decodeUtf8(candidate)?.trim().replaceAll(' ', '%20') : undefined
    if (text !== undefined && isLocation(text)) found.add(text)
  }
  return [...found]
}

/** Looks like a URL. Whether its scheme and host can be used is decided by whoever uses it. */
export function isUrl(text: string): boolean {
  return text.length <= MAX_LOCATION_LENGTH && URL_PATTERN.test(text)
}

/** `host:port` or `[v6]:port`, with a port that can be dialled. */
export function isHostPort(text: string): boolean {
  if (text.length > MAX_LOCATION_LENGTH || text.startsWith(':')) return false
  try {
    return parseHostPort(text, '').port > 0
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}
