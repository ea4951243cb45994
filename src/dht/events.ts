/**
 * What the DHT reports. Names and fields are part of the public contract (docs/events.md). A message of the wire
 * keeps its name behind `dht_`; `node` is the remote's endpoint.
 */

export type DhtDirection = 'in' | 'out'

/** One event per message: for debugging, and off unless somebody listens. */
export type DhtMessageEvent =
  | { readonly event: 'dht_ping'; readonly node: string; readonly direction: DhtDirection }
  /** An answer to a ping or to an announce. `rttMs` on those that we waited for, `error` when it refuses. */
  | {
      readonly event: 'dht_pong'
      readonly node: string
      readonly direction: DhtDirection
      readonly rttMs?: number
      readonly error?: number
    }
  | {
      readonly event: 'dht_announce'
      readonly node: string
      readonly direction: DhtDirection
      readonly infoHash: string
    }
  /** A request for the nodes nearest to `target`, or for the peers of `infoHash`. */
  | {
      readonly event: 'dht_findPeers'
      readonly node: string
      readonly direction: DhtDirection
      readonly infoHash?: string
      readonly target?: string
    }
  | {
      readonly event: 'dht_peers'
      readonly node: string
      readonly direction: DhtDirection
      readonly nodes: number
      readonly peers: number
      readonly rttMs?: number
      readonly error?: number
    }

export type DhtEvent =
  | DhtMessageEvent
  /** The node found its place: it asked its way to its own neighbourhood. `contacts` are verified ones. */
  | {
      readonly event: 'dht_bootstrap'
      readonly family: 4 | 6
      readonly contacts: number
      readonly rpcs: number
      readonly ms: number
    }
  /** Others agree on where they see us (a host alone: each at another port); `id` is ours from now on. */
  | {
      readonly event: 'dht_address'
      readonly family: 4 | 6
      readonly address: string
      readonly id: string
    }
  /**
   * No bootstrap address answered, or the name of one has none, `tries` times in a row; there is another try after `retrySeconds`. Told at
   * first, and then ever more rarely; `dht_bootstrap` says that it is over.
   */
  | {
      readonly event: 'dht_bootstrap_failed'
      readonly family: 4 | 6
      readonly asked: number
      readonly reason: string
      readonly tries: number
      readonly retrySeconds: number
    }
  /**
   * Those whom the node remembers from its last life were asked, nearest first: `answered` of `asked` until it was
   * enough for lookups to work. `contacts` were saved, `ageSeconds` ago.
   */
  | {
      readonly event: 'dht_table_loaded'
      readonly family: 4 | 6
      readonly contacts: number
      readonly asked: number
      readonly answered: number
      readonly ageSeconds: number
      readonly ms: number
    }
  /** The node answers others on the Internet from now on, or no longer. */
  | {
      readonly event: 'dht_role'
      readonly family: 4 | 6
      readonly role: 'full' | 'read-only'
      readonly reason: string
    }
  /** Many requests and no answer: the network is gone. No contact loses its place because of it: `contacts` are kept. */
  | { readonly event: 'dht_offline'; readonly family: 4 | 6; readonly contacts: number }
  /**
   * It is over: an outage, or sleep, of `seconds`; or a part of the network that was cut off is back. `answered` of the
   * first `asked` are there.
   */
  | {
      readonly event: 'dht_recovered'
      readonly family: 4 | 6
      readonly after: 'outage' | 'sleep' | 'split'
      readonly seconds: number
      readonly asked: number
      readonly answered: number
    }
  /** The routing table was saved for the next run. */
  | {
      readonly event: 'dht_table_saved'
      readonly family: 4 | 6
      readonly contacts: number
      readonly seeds: number
      readonly bytes: number
    }
  /** The saved table cannot be read, or is not whole: the node starts afresh. Or it cannot be written. */
  | {
      readonly event: 'dht_table_failed'
      readonly family: 4 | 6
      readonly operation: 'load' | 'save' | 'open'
      readonly reason: string
    }
  /**
   * One of our own lookups has ended. `hops` are the steps to the nearest node that answered. `isInDoubt`: those that it came
   * to looked as if somebody had put them there, and it asked many others as well.
   */
  | {
      readonly event: 'dht_lookup'
      readonly family: 4 | 6
      readonly infoHash: string
      readonly peers: number
      readonly hops: number
      readonly rpcs: number
      readonly ms: number
      readonly isInDoubt: boolean
    }
  /** One round of announcing a torrent has ended: `stored` nodes confirmed it. */
  | {
      readonly event: 'dht_announced'
      readonly family: 4 | 6
      readonly infoHash: string
      readonly port: number
      readonly stored: number
      readonly hops: number
      readonly rpcs: number
      readonly ms: number
      readonly isInDoubt: boolean
      readonly nextSeconds: number
    }
  /** In a network with a key: `node` says that our clock is wrong, and does not listen to us. */
  | {
      readonly event: 'dht_clock'
      readonly node: string
      readonly aheadSeconds: number
    }
  /** A request has finally failed to get an answer. */
  | {
      readonly event: 'dht_timeout'
      readonly node: string
      readonly message: string
      readonly waitedMs: number
    }
  /** A contact entered or left the routing table. */
  | {
      readonly event: 'dht_contact'
      readonly node: string
      readonly change: 'added' | 'removed'
      readonly reason: string
      readonly contacts: number
    }
