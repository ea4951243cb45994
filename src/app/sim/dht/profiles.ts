/** The networks that goals are set for: how far apart nodes are, and what their addresses look like. */
import type { Endpoint } from '../../../protocol/endpoint.ts'
import type { DatagramWeather } from '../datagram-network.ts'

export type NetworkProfile = 'lan' | 'wan'

const FAIR = { jitter: 0.05, loss: 0, duplication: 0, reordering: 0 }

export const WEATHER: Readonly<Record<NetworkProfile, DatagramWeather>> = {
  lan: { medianRttMs: 1, sigma: 0.3, ...FAIR },
  wan: { medianRttMs: 80, sigma: 0.6, ...FAIR },
}

const DHT_PORT = 20_000

/** LAN: one private address each. WAN: public addresses, each the only one in its /24. */
export function endpointOf(index: number, profile: NetworkProfile): Endpoint {
  return { host: profile === 'lan' ? privateHost(index) : publicHost(index), port: DHT_PORT }
}

function privateHost(index: number): string {
  return `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
}

function publicHost(index: number): string {
  const rest = Math.floor(index / 70)
  return `${20 + (index % 70)}.${rest & 255}.${(rest >>> 8) & 255}.1`
}
