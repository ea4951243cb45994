/** What the process and its sessions report beyond peers, DHT and storage. Names and fields are public (docs/events.md). */
import type { DhtNodeSnapshot } from '../dht/service.ts'
import type { ErrorCode, ErrorFamily } from '../protocol/errors.ts'

export type AppEvent =
  /** The first line of every log. `infoHash` and `name` when they are known before anything is read or hashed. */
  | {
      readonly event: 'start'
      readonly version: string
      readonly role: 'seed' | 'get' | 'dht'
      /** Version of Node.js. */
      readonly node: string
      readonly pid: number
      readonly infoHash?: string
      readonly name?: string
    }
  /** The sockets are bound, to these endpoints. */
  | {
      readonly event: 'listen'
      readonly tcp?: string
      readonly tcp6?: string
      readonly dht?: string
      readonly dht6?: string
    }
  /** A metainfo file was made: by `-seed`, or by `-save-metainfo`. */
  | {
      readonly event: 'metainfo_written'
      readonly path: string
      readonly infoHash: string
      readonly name: string
      /** Bytes. */
      readonly length: number
      readonly pieceLength: number
      readonly pieces: number
    }
  /**
   * What was there at the start. `source`: `resume`, the resume file vouches for it; `check`, data was read and hashed
   * (`checked` pieces); `sample`, size, time and a sample match; `empty`, nothing was there.
   */
  | {
      readonly event: 'resume'
      readonly have: number
      readonly pieces: number
      readonly checked: number
      readonly source: 'resume' | 'check' | 'sample' | 'empty'
    }
  /** Every piece is verified on disk. `seconds` since the start of the download, 0 when nothing was missing. */
  | {
      readonly event: 'complete'
      readonly path: string
      readonly infoHash: string
      readonly bytes: number
      readonly seconds: number
    }
  /** Every 10 s and on request. Totals are payload bytes since the start, rates bytes per second. */
  | {
      readonly event: 'stats'
      readonly downloaded: number
      readonly uploaded: number
      readonly downRate: number
      readonly upRate: number
      /** Connections. */
      readonly peers: number
      readonly have?: number
      readonly pieces?: number
      /** Verified contacts in the DHT's routing tables. */
      readonly dhtContacts?: number
      /** Resident bytes of the process; missing when the system does not say. */
      readonly rss?: number
      readonly heapUsed: number
      /** Pending timers. */
      readonly timers: number
      /** Sockets, threads and requests under way, as Node.js counts them. */
      readonly handles: number
      readonly uptimeSeconds: number
    }
  /** Every minute and on request, for each address family: what the DHT node knows, stores, did and dropped. */
  | ({ readonly event: 'dht_stats' } & DhtNodeSnapshot)
  /** Why the process is about to end with a code other than 0. */
  | {
      readonly event: 'error'
      readonly code: ErrorCode | 'unexpected'
      readonly family: ErrorFamily | 'InvariantError' | 'Error'
      readonly message: string
    }
  /** The reader of the log was too slow: this many lines before this one are lost. */
  | { readonly event: 'log_dropped'; readonly lines: number }
  | { readonly event: 'stopping'; readonly reason: string }
  /** The last line of every log. */
  | { readonly event: 'exit'; readonly code: number; readonly uptimeSeconds: number }
