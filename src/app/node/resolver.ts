/** Names to addresses, by the system's resolver (hosts file, DNS, mDNS). */
import { lookup, resolveSrv } from 'node:dns'
import { canonicalIp } from '../../protocol/endpoint.ts'
import type { Resolver, ServiceResolver } from '../../protocol/ports.ts'

/** Addresses taken from one name. */
const MAX_ADDRESSES = 32

export const systemResolver: Resolver & ServiceResolver = {
  resolve(host, family, onResult) {
    lookup(host, { all: true, family: family ?? 0 }, (error, found) => {
      const addresses = error ? [] : found.map(({ address }) => canonicalIp(address))
      onResult([...new Set(addresses.filter((address) => address !== undefined))].slice(0, MAX_ADDRESSES))
    })
  },
  // Service records exist in the DNS only, not in the system's other sources of names.
  resolveService(name, onResult) {
    resolveSrv(name, (error, found) => {
      // The root as the only target says that there is no such service (RFC 2782).
      const hosts = (error ? [] : found).filter(
        ({ name: host, port }) => host !== '' && host !== '.' && port > 0,
      )
      onResult(hosts.map(({ name: host, port }) => ({ host, port })))
    })
  },
}
