/**
 * Who must not connect again. A conviction bans an endpoint and not its address, which others may share (NAT, containers, the /64 of an
 * IPv6 network): they are only suspects. Only after several convictions is the whole address banned, so that nobody can come back
 * from ever new ports.
 */
import { formatEndpoint, networkOf, scopeOf, type Endpoint } from '../protocol/endpoint.ts'

/** Banned endpoints, and addresses with convictions, that are remembered; beyond this the oldest is forgotten. */
export const MAX_BANS = 4_096
/** Convictions after which a whole address is banned; never loopback, where everybody shares one. */
export const MAX_CONVICTIONS_PER_ADDRESS = 3
/** The same for a public IPv6 /64, of which one owner has all addresses, but which may also be a network of honest neighbours. */
export const MAX_CONVICTIONS_PER_NETWORK = 16

export class BanList {
  readonly #endpoints = new Set<string>()
  /** Convictions by address, and by network. */
  readonly #addresses = new Map<string, number>()
  readonly #networks = new Map<string, number>()

  /** @param endpoint of its connection. Where it said that it listens does not count: others may listen there. */
  convict(endpoint: Endpoint): void {
    this.#endpoints.add(formatEndpoint(endpoint))
    const { host } = endpoint
    count(this.#addresses, host)
    const network = sharedNetworkOf(host)
    if (network !== undefined) count(this.#networks, network)
    for (const remembered of [this.#endpoints, this.#addresses, this.#networks]) forgetOldest(remembered)
  }

  isBanned(endpoint: Endpoint): boolean {
    if (this.#endpoints.size === 0) return false
    const { host } = endpoint
    if (this.#endpoints.has(formatEndpoint(endpoint))) return true
    if (this.#convictionsOf(host) >= MAX_CONVICTIONS_PER_ADDRESS && scopeOf(host) !== 'loopback') return true
    return this.#networkConvictionsOf(host) >= MAX_CONVICTIONS_PER_NETWORK
  }

  /** Whether a peer from that address was convicted. */
  isSuspect(host: string): boolean {
    return this.#convictionsOf(host) > 0 || this.#networkConvictionsOf(host) > 0
  }

  #convictionsOf(host: string): number {
    return this.#addresses.get(host) ?? 0
  }

  #networkConvictionsOf(host: string): number {
    if (this.#networks.size === 0) return 0
    const network = sharedNetworkOf(host)
    return network === undefined ? 0 : (this.#networks.get(network) ?? 0)
  }
}

/** The network of an address of which its owner can take any other; undefined for other addresses. */
function sharedNetworkOf(host: string): string | undefined {
  return host.includes(':') && scopeOf(host) === 'public' ? networkOf(host) : undefined
}

function count(counts: Map<string, number>, key: string): void {
  const before = counts.get(key) ?? 0
  counts.delete(key)
  counts.set(key, before + 1)
}

function forgetOldest(remembered: Set<string> | Map<string, number>): void {
  for (const oldest of remembered.keys()) {
    if (remembered.size <= MAX_BANS) return
    remembered.delete(oldest)
  }
}
