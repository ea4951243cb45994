/** Peers named by the user (`-peer`), and those that a magnet link names. */
import type { PeerEvent } from '../peer/events.ts'
import { formatEndpoint, type Endpoint } from '../protocol/endpoint.ts'
import type { Cancel, Clock, Emit, Millis, Resolver } from '../protocol/ports.ts'
import type { PeerSource, Wanted } from './discovery.ts'

/** A name without an address is looked up again after this long: a machine that starts may have no network yet. */
const RESOLVE_AGAIN: Millis = 60_000

export interface StaticPeersOptions {
  /** Hosts may be names. */
  readonly addresses: readonly Endpoint[]
  readonly resolver: Resolver
  readonly clock: Clock
  readonly emit: Emit<PeerEvent>
}

/** Names are resolved at the start, at each refresh, and until they have an address. */
export class StaticPeers implements PeerSource {
  readonly name = 'static'
  readonly isAllowedForPrivate = true
  readonly #options: StaticPeersOptions
  readonly #retries = new Map<Endpoint, Cancel>()
  #onPeers: ((peers: readonly Endpoint[]) => void) | undefined

  constructor(options: StaticPeersOptions) {
    this.#options = options
  }

  start(_wanted: Wanted, onPeers: (peers: readonly Endpoint[]) => void): void {
    this.#onPeers = onPeers
    this.refresh()
  }

  refresh(): void {
    for (const address of this.#options.addresses) this.#resolve(address)
  }

  onComplete(): void {}

  stop(onStopped: () => void): void {
    this.#onPeers = undefined
    for (const cancel of this.#retries.values()) cancel()
    this.#retries.clear()
    onStopped()
  }

  #resolve(address: Endpoint): void {
    const { host, port } = address
    this.#retries.get(address)?.()
    this.#retries.delete(address)
    this.#options.resolver.resolve(host, undefined, (hosts) => {
      if (hosts.length > 0) this.#onPeers?.(hosts.map((found) => ({ host: found, port })))
      else if (this.#onPeers) this.#retry(address)
    })
  }

  #retry(address: Endpoint): void {
    const { clock, emit } = this.#options
    // Two lookups of one name may be under way, by a refresh.
    this.#retries.get(address)?.()
    this.#retries.set(
      address,
      clock.after(RESOLVE_AGAIN, () => this.#resolve(address)),
    )
    const retrySeconds = RESOLVE_AGAIN / 1_000
    emit({ event: 'peer_failed', peer: formatEndpoint(address), reason: 'net.unresolved', retrySeconds })
  }
}
