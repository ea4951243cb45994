/** Where others can reach a listening socket: which addresses `0.0.0.0` and `::` stand for on this machine. */
import { familyOf, scopeOf, type Endpoint, type Scope } from '../protocol/endpoint.ts'

/** Addresses named to others: a machine with containers and tunnels has many. */
const MAX_REACHABLE = 4

/** Addresses that most others can use come first. */
const ORDER: readonly Scope[] = ['private', 'public', 'loopback']

/**
 * @param listening bound endpoints
 * @param addresses those of this machine's interfaces
 * @returns at most {@link MAX_REACHABLE} endpoints; loopback ones only when there are no others
 */
export function reachable(listening: readonly Endpoint[], addresses: readonly string[]): Endpoint[] {
  const all = listening.flatMap(({ host, port }) =>
    host === '0.0.0.0' || host === '::'
      ? addresses
          .filter((address) => familyOf(address) === familyOf(host))
          .map((address) => ({ host: address, port }))
      : [{ host, port }],
  )
  const rank = ({ host }: Endpoint): number => ORDER.indexOf(scopeOf(host))
  const useful = all.filter((endpoint) => rank(endpoint) >= 0)
  const far = useful.filter(({ host }) => scopeOf(host) !== 'loopback')
  return (far.length > 0 ? far : useful).toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_REACHABLE)
}
