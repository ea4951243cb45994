/** The package's public face: `import { … } from 'bitswarm'`. Anything that is not here may change in any release. */
import { describeMetainfo, type MetainfoDescription } from '../metainfo/inspect.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import {
  formatOf,
  MAX_METAINFO_LENGTH,
  parseMetainfo as parse,
  type MetainfoFormat,
} from '../metainfo/read-metainfo.ts'
import { MetainfoError } from '../protocol/errors.ts'
import { shownFileUrl } from '../protocol/shown-url.ts'
import { FsDisk } from '../storage/fs/fs-disk.ts'
import { scanPayload } from '../storage/fs/scan.ts'
import { createMetainfo as create, type CreateOptions } from './create.ts'
import { fetchMetainfo as fetch } from './fetch-metainfo.ts'
import { SystemClock } from './node/clock.ts'
import { SystemHttp } from './node/http.ts'
import { systemResolver } from './node/resolver.ts'
import { VERSION } from './version.ts'
import { readMetainfoBytes } from './node/files.ts'
import { opensslHashes } from './node/hashes.ts'
import { verifyPayload as verify, type VerifyOptions, type VerifyResult } from './verify.ts'

export { startNode } from './compose.ts'
export { Node } from './node.ts'
export type { AddSessionOptions, NodeOptions, NodeSnapshot } from './node.ts'
export { Session } from './session.ts'
export type { PayloadOptions, SessionEvent } from './session-options.ts'
export type { SessionSnapshot, SessionState } from './session-snapshot.ts'
export type { PayloadCheck } from './opening.ts'
export type { SyncPolicy } from './sync-policy.ts'
export type { PeerSnapshot } from './peer-snapshot.ts'
export type { NodeEvent } from './event-level.ts'
export type { PeerState } from '../peer/events.ts'
export type { OrderName } from '../peer/piece-order.ts'
export type { DhtNodeSnapshot, DhtSnapshot } from '../dht/service.ts'
export type { FileSpan, PayloadFile, PlacedFile } from '../metainfo/geometry.ts'
export { PieceGeometry } from '../metainfo/geometry.ts'
export { encodeBit } from '../metainfo/bit-file.ts'
export { describeMagnet, encodeMagnet, magnetOf, parseMagnet } from '../metainfo/magnet.ts'
export type { Magnet, MagnetDescription } from '../metainfo/magnet.ts'
export { encodeTorrent } from '../metainfo/torrent-file.ts'
export { fromHex, toHex } from '../protocol/ids.ts'
export type { InfoHash, PeerId } from '../protocol/ids.ts'
export type { Endpoint } from '../protocol/endpoint.ts'
export {
  ConfigError,
  InvariantError,
  MetainfoError,
  PayloadError,
  ProtocolError,
  StorageError,
  SwarmError,
  TransportError,
} from '../protocol/errors.ts'
export type { ErrorCode, ErrorFamily } from '../protocol/errors.ts'
export { IpFilter } from '../peer/ip-filter.ts'
export { readBlocklist } from './node/blocklist.ts'
export { readSwarmKey } from './node/swarm-key.ts'
export type { KeyRing } from '../dht/frames/key-ring.ts'
export { VERSION }
export type { CreateOptions, Metainfo, MetainfoDescription, MetainfoFormat, VerifyOptions, VerifyResult }

/**
 * Reads the content of a `.bit` or `.torrent` file.
 *
 * @throws {MetainfoError}
 */
export function parseMetainfo(bytes: Uint8Array): Metainfo {
  return parse(bytes, opensslHashes)
}

/**
 * Reads a `.bit` or `.torrent` file.
 *
 * @throws {MetainfoError} `meta.unreadable` when there is none; others when it is bad
 */
export async function readMetainfo(path: string): Promise<Metainfo> {
  return naming(path, parseMetainfo, await readMetainfoBytes(path, MAX_METAINFO_LENGTH))
}

/**
 * Fetches a `.bit` or `.torrent` file by HTTP or HTTPS.
 *
 * @throws {MetainfoError}
 * @throws {TransportError} no answer
 * @throws the signal's reason
 */
export async function fetchMetainfo(url: string, signal?: AbortSignal): Promise<Metainfo> {
  const http = new SystemHttp(`bitswarm/${VERSION}`)
  try {
    const ports = { http, resolver: systemResolver, clock: new SystemClock() }
    return naming(shownFileUrl(url), parseMetainfo, await fetch(ports, url, signal))
  } finally {
    http.close()
  }
}

/**
 * Reads a `.bit` or `.torrent` file and returns what `bitswarm inspect --json` prints.
 *
 * @throws {MetainfoError}
 */
export async function inspectMetainfo(path: string): Promise<MetainfoDescription> {
  const bytes = await readMetainfoBytes(path, MAX_METAINFO_LENGTH)
  return naming(path, (read) => describeMetainfo(parseMetainfo(read), formatOf(read)), bytes)
}

/**
 * Hashes a file or folder, on all cores.
 *
 * @throws {StorageError} when it cannot be read, is empty, or holds what a payload cannot
 * @throws {MetainfoError} when it has names that nobody could download
 */
export function createMetainfo(path: string, options: CreateOptions = {}): Promise<Metainfo> {
  return withDisk((disk) => create(path, { scan: scanPayload, disk, hashes: opensslHashes }, options))
}

/**
 * Hashes the payload at `path`, a single file or a folder, and compares it with its metainfo. Reads only.
 *
 * @throws {StorageError} `disk.missing`, `disk.wrong-size`, …
 */
export function verifyPayload(
  metainfo: Metainfo,
  path: string,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  return withDisk((disk) => verify(metainfo, { path, disk }, options))
}

/** Adds the path to what is wrong with a file. */
function naming<T>(source: string, read: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
  try {
    return read(bytes)
  } catch (error) {
    if (!(error instanceof MetainfoError)) throw error
    const { code, message, data } = error
    throw new MetainfoError(code, `${source}: ${message}`, { cause: error, data })
  }
}

/** Provides a disk whose workers end with the work. */
async function withDisk<T>(work: (disk: FsDisk) => Promise<T>): Promise<T> {
  const disk = new FsDisk()
  try {
    return await work(disk)
  } finally {
    await new Promise<void>((resolve) => {
      disk.close(resolve)
    })
  }
}
