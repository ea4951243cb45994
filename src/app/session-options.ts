/** What a session is made of: what the process lends it, and what its user wants. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { PeerEvent } from '../peer/events.ts'
import type { OrderName } from '../peer/piece-order.ts'
import type { Endpoint } from '../protocol/endpoint.ts'
import type { InfoHash, PeerId } from '../protocol/ids.ts'
import type { Clock, Dialer, Emit, Hashes, HttpClient, Millis, Random, Resolver } from '../protocol/ports.ts'
import type { BufferPool } from '../storage/buffer-pool.ts'
import type { Disk } from '../storage/disk.ts'
import type { StorageEvent } from '../storage/events.ts'
import type { ConnectionSlots } from './connection-slots.ts'
import type { AddressFilter } from './connector.ts'
import type { PeerSource } from './discovery.ts'
import type { AppEvent } from './node-event.ts'
import type { PayloadCheck } from './opening.ts'
import type { RateLimits } from './rate-limits.ts'
import type { SyncPolicy } from './sync-policy.ts'
import type { Session } from './session.ts'
import type { DhtMeeting } from './swarm.ts'

export type SessionEvent = PeerEvent | StorageEvent | Extract<AppEvent, { event: 'resume' | 'complete' }>

/** What a link may say of a torrent. */
export type KnownBefore = Pick<Metainfo, 'trackers' | 'webSeeds' | 'bootstrap'> & {
  readonly name?: string | undefined
}

/** What the process lends to each of its sessions. */
export interface SessionHost {
  readonly clock: Clock
  readonly random: Random
  readonly hashes: Hashes
  readonly dialer: Dialer
  readonly http: HttpClient
  readonly resolver: Resolver
  readonly disk: Disk
  readonly pool: BufferPool
  readonly slots: ConnectionSlots
  readonly limits: RateLimits
  readonly filter: AddressFilter | undefined
  readonly peerId: PeerId
  /** Name and version, for the extension handshake. */
  readonly client: string
  /** For peers that have a DHT node, too; they are told of ours. */
  readonly dht: DhtMeeting | undefined
  /** Where the process accepts connections. */
  readonly listening: readonly Endpoint[]
  readonly onClosed: (session: Session) => void
}

export interface SessionOptions {
  readonly infoHash: InfoHash
  /** What is known beside the info hash before there is metainfo: what a link says. */
  readonly known: KnownBefore
  /** Bytes of pieces kept in memory for serving; 32 MiB when missing. */
  readonly cacheBytes?: number
  readonly strategy?: OrderName
  /** Fails with `net.no-peers`, or with what the disk has, when no payload arrived for so long; 0 or missing: never. */
  readonly timeoutMs?: Millis
  readonly sources: readonly PeerSource[]
  readonly emit: Emit<SessionEvent>
}

/** A payload that the session is to download, or to serve. */
export interface PayloadOptions {
  readonly metainfo: Metainfo
  /** The single file itself, or the folder that holds a multi-file payload's files. */
  readonly path: string
  readonly mode: 'download' | 'seed'
  /** How hard to look before serving what is there, see {@link PayloadCheck}; `full` when missing. */
  readonly check?: PayloadCheck | undefined
  /** What a power cut may cost a download; `interval` when missing. */
  readonly sync?: SyncPolicy | undefined
  /** Whether a download may write over files in place that are something else; they are `disk.occupied` when missing. */
  readonly mayOverwrite?: boolean | undefined
  /** Whether a complete download leaves its resume file, so that it can be served again without being read; not when missing. */
  readonly remembersComplete?: boolean | undefined
}
