/** Peers named by the user (`-peer`), and those that a magnet link names. */
import type { PeerEvent } from '../peer/events.ts'
import { canonicalIp, formatEndpoint, sameEndpoint, type Endpoint } from '../protocol/endpoint.ts'
import type { Cancel, Clock, Emit, Millis, Resolver } from '../protocol/ports.ts'
import { Reminder } from '../protocol/reminder.ts'
import type { Company, PeerSource, Wanted } from './discovery.ts'

/** A name under whose addresses nobody is connected is looked up again after this long: machines move, and some start without a network. */
const RESOLVE_AGAIN: Millis = 60_000

export interface StaticPeersOptions {
  /** Hosts may be names. */
  readonly addresses: readonly Endpoint[]
  readonly resolver: Resolver
  readonly clock: Clock
  readonly emit: Emit<PeerEvent>
}

interface Named {
  readonly address: Endpoint
  /** What it stands for, as far as that was ever known. */
  endpoints: readonly Endpoint[]
  isResolving: boolean
  /** While it stands for nothing. */
  reminder: Reminder | undefined
}

/** Names are resolved at the start, at each refresh, and again while nobody is connected under them. */
export class StaticPeers implements PeerSource {
  readonly name = 'static'
  readonly isAllowedForPrivate = true
  readonly #options: StaticPeersOptions
  readonly #literal: readonly Endpoint[]
  readonly #named: readonly Named[]
  #onPeers: ((peers: readonly Endpoint[]) => void) | undefined
  #company: Company | undefined
  #cancelTimer: Cancel | undefined

  constructor(options: StaticPeersOptions) {
    const isLiteral = ({ host }: Endpoint): boolean => canonicalIp(host) !== undefined
    this.#options = options
    this.#literal = options.addresses.filter(isLiteral)
    this.#named = options.addresses
      .filter((address) => !isLiteral(address))
      .map((address) => ({ address, endpoints: [], isResolving: false, reminder: undefined }))
  }

  start(_wanted: Wanted, onPeers: (peers: readonly Endpoint[]) => void, company: Company): void {
    this.#onPeers = onPeers
    this.#company = company
    for (const endpoint of this.#literal) onPeers([endpoint])
    this.refresh()
    if (this.#named.length > 0) this.#lookAgainLater()
  }

  refresh(): void {
    for (const named of this.#named) this.#resolve(named)
  }

  onComplete(): void {}

  stop(onStopped: () => void): void {
    this.#onPeers = undefined
    this.#cancelTimer?.()
    onStopped()
  }

  #lookAgainLater(): void {
    this.#cancelTimer = this.#options.clock.after(RESOLVE_AGAIN, () => {
      const isThere = (endpoint: Endpoint): boolean => this.#company!.isConnected(endpoint)
      for (const named of this.#named) if (!named.endpoints.some(isThere)) this.#resolve(named)
      this.#lookAgainLater()
    })
  }

  #resolve(named: Named): void {
    if (named.isResolving) return
    named.isResolving = true
    const { host, port } = named.address
    this.#options.resolver.resolve(host, undefined, (hosts) => {
      named.isResolving = false
      if (this.#onPeers === undefined) return
      if (hosts.length === 0) this.#onUnresolved(named)
      else
        this.#onResolved(
          named,
          hosts.map((found) => ({ host: found, port })),
        )
    })
  }

  /** Where it was may be somebody else by now. */
  #onResolved(named: Named, endpoints: readonly Endpoint[]): void {
    const gone = named.endpoints.filter((old) => !includes(endpoints, old))
    const isNew = gone.length > 0 || endpoints.length !== named.endpoints.length
    named.endpoints = endpoints
    named.reminder = undefined
    const meant = [...this.#literal, ...this.#named.flatMap((each) => each.endpoints)]
    this.#company!.disown(gone.filter((old) => !includes(meant, old)))
    if (isNew)
      this.#options.emit({
        event: 'peer_resolved',
        peer: formatEndpoint(named.address),
        addresses: endpoints.map(formatEndpoint),
      })
    this.#onPeers!(endpoints)
  }

  #onUnresolved(named: Named): void {
    named.reminder ??= new Reminder(this.#options.clock)
    const tries = named.reminder.onFailure()
    if (tries === undefined) return
    this.#options.emit({
      event: 'peer_failed',
      peer: formatEndpoint(named.address),
      reason: 'net.unresolved',
      tries,
      retrySeconds: RESOLVE_AGAIN / 1_000,
    })
  }
}

function includes(endpoints: readonly Endpoint[], wanted: Endpoint): boolean {
  return endpoints.some((endpoint) => sameEndpoint(endpoint, wanted))
}
