/** A BitTorrent client as a benchmark needs it. */

export interface Job {
  readonly role: 'seed' | 'leech'
  /** Path of the `.torrent`. */
  readonly torrent: string
  /** The folder of the payload, existing or to be downloaded. */
  readonly folder: string
  /** An empty folder for the client's own files. */
  readonly scratch: string
  /** Where it has to listen for peers. */
  readonly host: string
  readonly port: number
  /** A port of 127.0.0.1 for its remote control. */
  readonly controlPort: number
  /** `host:port` to dial; empty when there is a tracker. */
  readonly peers: readonly string[]
  /** URL, when peers come from a tracker. The torrent names it, too. */
  readonly tracker: string | undefined
  /** Bytes per second, for all peers wherever they are. */
  readonly uploadLimit: number | undefined
}

export interface RunningClient {
  readonly pid: number
  /** Fulfilled when every piece is there and verified. Rejected when the process ends first. */
  readonly complete: Promise<unknown>
  /** Payload bytes that it says it has sent; undefined when it cannot be asked. */
  uploadedBytes(): Promise<number | undefined>
  stop(): Promise<void>
}

export interface Client {
  readonly name: string
  /** Whether it can be given the address of a peer; otherwise it needs a tracker. */
  readonly canDial: boolean
  /** Whether it accepts peers at 127.0.0.x. */
  readonly hasLoopbackPeers: boolean
  /** The version that it reports; undefined when it is not installed. */
  version(): string | undefined
  /** A seeder: fulfilled once it serves. A leecher: as soon as it has been told what to do. */
  start(job: Job): Promise<RunningClient>
}
