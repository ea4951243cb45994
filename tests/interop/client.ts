/** What the interop suite needs of another BitTorrent client. */
import type { Host } from './netns.ts'

export interface Job {
  readonly role: 'seed' | 'leech'
  /** Path of the `.torrent`, or a magnet link. */
  readonly source: string
  /** Where the payload lies, or shall lie: the folder that holds the file or folder which the torrent names. */
  readonly folder: string
  /** An empty folder for the client's own files. */
  readonly scratch: string
  readonly host: Host
  /** Where it shall listen for peers, on the host's address. */
  readonly port: number
  /** A port for its remote control. */
  readonly controlPort: number
  /** `host:port` to dial; empty for clients that cannot. */
  readonly peers: readonly string[]
  /** Exchanges peers with its peers (BEP 11). */
  readonly hasPex: boolean
  /** Finds peers by multicast (BEP 14). */
  readonly hasLan: boolean
}

export interface RunningClient {
  /** Every piece is there and verified. */
  isComplete(): Promise<boolean>
  /** What it printed, for error messages. */
  readonly output: string
  stop(): Promise<void>
}

export interface ForeignClient {
  readonly name: string
  /** Whether it can be told the address of a peer. */
  readonly canDial: boolean
  /** What it says its version is; undefined when it is not installed. */
  version(): string | undefined
  /** Fulfilled once it serves, or waits for peers. */
  start(job: Job): Promise<RunningClient>
}
