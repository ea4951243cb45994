/** The DHT as its user sees it: find peers, be found. {@link Dht} is one over both address families. */
import type { Endpoint, Family } from '../protocol/endpoint.ts'
import type { InfoHash } from '../protocol/ids.ts'
import type { Cancel } from '../protocol/ports.ts'
import type { BootstrapAddress } from './life/bootstrap-names.ts'

/** How a walk towards a target went. */
export interface WalkSummary {
  /** Steps to the nearest node that answered: 1 when we knew it, one more for each referral; 0 when none did. */
  readonly hops: number
  readonly rpcs: number
  readonly ms: number
  /** Nodes that answered. */
  readonly answered: number
  /** Whether those that it came to at first looked as if somebody had put them there: it asked many others then. */
  readonly isInDoubt: boolean
}

export interface LookupSummary extends WalkSummary {
  /** Different peers found. */
  readonly peers: number
}

export interface AnnounceOptions {
  readonly isSeed: boolean
}

/** Called as often as peers are learned; one call never names a peer twice. */
export type OnPeers = (peers: readonly Endpoint[]) => void

export interface DhtService {
  /** Joins through these nodes, and again whenever nobody is left. More may be added at any time. */
  bootstrap(addresses: readonly BootstrapAddress[]): void
  /** Somebody named a node: it is asked once, while we know only a few. */
  meet(endpoint: Endpoint): void
  /**
   * One walk to the nodes nearest to `infoHash`; peers are streamed while it goes on. Ends by itself, in 10 s at
   * most, with one call of `onDone` unless cancelled.
   */
  lookup(infoHash: InfoHash, onPeers: OnPeers, onDone?: (summary: LookupSummary) => void): Cancel
  /** Calls `onPeers` whenever somebody announces `infoHash` to this very node: no polling in small networks. */
  watch(infoHash: InfoHash, onPeers: OnPeers): Cancel
  /**
   * Keeps (our address, TCP `port`) announced until cancelled: at once, again before the records expire, and with
   * back-off while nobody takes it. Calling it again for the same torrent replaces the port and announces at once.
   */
  announce(infoHash: InfoHash, port: number, options: AnnounceOptions): Cancel
  snapshot(): DhtSnapshot
  /** Sends nothing more. `onClosed` when what should outlive the process is saved. */
  close(onClosed?: () => void): void
}

export interface DhtSnapshot {
  readonly nodes: readonly DhtNodeSnapshot[]
}

export interface DhtNodeSnapshot {
  readonly family: Family
  /** 40 hex digits. */
  readonly id: string
  /** Whether the node found its neighbourhood and has somebody to ask. */
  readonly isReady: boolean
  /** Whether it answers nobody on the Internet: not proven yet that others reach it. */
  readonly isReadOnly: boolean
  /** Verified contacts in the routing table. */
  readonly contacts: number
  /** Info hashes that others announced here, and the peers under them. */
  readonly storedHashes: number
  readonly storedPeers: number
  readonly inFlight: number
  readonly sent: number
  readonly received: number
  /** Datagrams and messages dropped, by reason; reasons that never occurred are left out. */
  readonly dropped: Readonly<Record<string, number>>
}
