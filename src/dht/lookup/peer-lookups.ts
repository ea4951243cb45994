/** Our own lookups for peers: what we have stored ourselves, then a walk; nobody is named twice. */
import { formatEndpoint, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import { toHex, type InfoHash } from '../../protocol/ids.ts'
import { LazySet } from '../../protocol/lazy-set.ts'
import type { Cancel, Clock, Emit } from '../../protocol/ports.ts'
import type { DhtEvent } from '../events.ts'
import type { LookupSummary, OnPeers } from '../service.ts'
import type { PeerStore } from '../serve/peer-store.ts'
import type { Walks } from './walk.ts'

export interface PeerLookupsOptions {
  readonly family: Family
  readonly clock: Clock
  readonly walks: Walks
  readonly emit: Emit<DhtEvent>
  /** Peers that were announced to ourselves. */
  readonly store: PeerStore
  /** Whether there is nobody to ask yet, and there may be soon. */
  mustWait(): boolean
}

export class PeerLookups {
  readonly #options: PeerLookupsOptions
  /** Those that wait for the first contact. */
  readonly #waiting = new LazySet<() => void>()

  constructor(options: PeerLookupsOptions) {
    this.#options = options
  }

  /** Nothing is called before this returns. */
  start(infoHash: InfoHash, onPeers: OnPeers, onDone: (summary: LookupSummary) => void): Cancel {
    const { family, clock, walks, emit, store } = this.#options
    const found = new Set<string>()
    const onFound = (peers: readonly Endpoint[]): void => {
      const fresh = peers.filter((peer) => !found.has(formatEndpoint(peer)))
      for (const peer of fresh) found.add(formatEndpoint(peer))
      if (fresh.length > 0) onPeers(fresh)
    }
    let cancel: Cancel = () => undefined
    const begin = (): void => {
      this.#waiting.delete(begin)
      onFound(store.endpoints(infoHash, clock.now()))
      cancel = walks.start({
        goal: { infoHash },
        isCareful: false,
        onPeers: onFound,
        onDone: (walk) => {
          const summary = { ...walk, peers: found.size }
          const { peers, hops, rpcs, ms, isInDoubt } = summary
          // A family without contacts has nothing to tell at each poll.
          if (rpcs > 0 || peers > 0)
            emit({ event: 'dht_lookup', family, infoHash: toHex(infoHash), peers, hops, rpcs, ms, isInDoubt })
          onDone(summary)
        },
      })
    }
    if (this.#options.mustWait()) this.#waiting.add(begin)
    else cancel = clock.after(0, begin)
    return () => {
      this.#waiting.delete(begin)
      cancel()
    }
  }

  /** There is somebody to ask now, or it is clear that there is nobody. */
  beginWaiting(): void {
    for (const begin of [...this.#waiting]) begin()
  }

  close(): void {
    this.#waiting.clear()
  }
}
