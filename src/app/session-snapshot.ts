/** What a session tells about itself when it is asked: plain values. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import { toHex, type InfoHash } from '../protocol/ids.ts'
import type { Millis } from '../protocol/ports.ts'
import type { Downloader } from './downloader.ts'
import type { PeerSnapshot } from './peer-snapshot.ts'
import type { Swarm } from './swarm.ts'
import type { WebSeeds } from './web-seeds.ts'

/**
 * `waiting`: the metainfo is not known yet. `opening`: files are opened and what is there is checked. `failed` and
 * `closed` are final.
 */
export type SessionState = 'waiting' | 'opening' | 'downloading' | 'seeding' | 'failed' | 'closed'

export interface SessionSnapshot {
  readonly infoHash: string
  readonly state: SessionState
  readonly name?: string
  /** Bytes of the payload, and of its verified pieces. */
  readonly length?: number
  readonly bytesHave: number
  readonly pieces?: number
  readonly have: number
  /** While opening: pieces that were checked, of those that must be. */
  readonly checked?: { readonly done: number; readonly total: number }
  /** Payload bytes since the start, and bytes per second. */
  readonly downloaded: number
  readonly uploaded: number
  readonly wasted: number
  readonly downRate: number
  readonly upRate: number
  readonly connected: number
  readonly peers: readonly PeerSnapshot[]
}

interface SessionParts {
  readonly infoHash: InfoHash
  readonly state: SessionState
  /** Undefined, as all that follow from it, until it is known. */
  readonly metainfo: Metainfo | undefined
  readonly checked: SessionSnapshot['checked']
  readonly downloader: Downloader | undefined
  readonly swarm: Swarm
  readonly webSeeds: WebSeeds | undefined
  readonly now: Millis
}

export function describeSession(session: SessionParts): SessionSnapshot {
  const { infoHash, state, metainfo, checked, downloader, swarm, webSeeds, now } = session
  const have = downloader?.picker.have
  return {
    infoHash: toHex(infoHash),
    state,
    ...(metainfo && {
      name: metainfo.name,
      length: metainfo.geometry.length,
      pieces: metainfo.geometry.pieceCount,
    }),
    have: have?.count ?? 0,
    bytesHave: metainfo && have ? bytesOf(have, metainfo) : 0,
    ...(state === 'opening' && checked && { checked }),
    downloaded: swarm.peers.downloaded + (webSeeds?.downloaded ?? 0),
    uploaded: swarm.peers.uploaded,
    wasted: downloader?.wastedBytes ?? 0,
    downRate: swarm.peers.downRate(now) + (webSeeds?.downRate(now) ?? 0),
    upRate: swarm.peers.upRate(now),
    connected: swarm.peers.size,
    peers: [...(webSeeds?.snapshot(now) ?? []), ...swarm.snapshot()],
  }
}

/** Bytes of the pieces in `have`: all are full but the last. */
export function bytesOf(have: Bitfield, { geometry }: Metainfo): number {
  const last = geometry.pieceCount - 1
  const shortfall = have.has(last) ? geometry.pieceLength - geometry.lengthOf(last) : 0
  return have.count * geometry.pieceLength - shortfall
}

/** Why nothing comes, as far as that can be told from who is there. */
export function describeCompany(session: Pick<SessionSnapshot, 'connected' | 'peers' | 'pieces'>): string {
  const { connected, peers } = session
  if (peers.length === 0)
    return 'no peer was found; name one with -peer, or somebody who knows some with -bootstrap or -tracker'
  const found = peers.length === 1 ? '1 peer was found' : `${peers.length} peers were found`
  if (connected === 0) return `${found}, none is connected`
  const shortage = describeShortage(session)
  return `${found}, ${connected} connected${shortage === undefined ? '' : `: ${shortage}`}`
}

/**
 * What those that are connected lack. A seeder may not show everything to everybody at once (BEP 16): what somebody has is not known, only what
 * he offers.
 *
 * @returns undefined when one of them offers everything, or something that we wait for, or nobody knows how much there is
 */
export function describeShortage({
  peers,
  pieces,
}: Pick<SessionSnapshot, 'peers' | 'pieces'>): string | undefined {
  const most = Math.max(0, ...peers.map(({ have = 0 }) => have))
  if (pieces === undefined || most >= pieces || peers.some(hasWhatWeLack)) return undefined
  return most === 0 ? 'nobody offers any piece' : `nobody offers more than ${most} of the ${pieces} pieces`
}

/** It is slow, or serves others first: that something is missing elsewhere is not why nothing comes. */
function hasWhatWeLack({ state }: PeerSnapshot): boolean {
  return state === 'choking' || state === 'downloading'
}
