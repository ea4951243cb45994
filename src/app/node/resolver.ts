/** Names to addresses, by the system's resolver (hosts file, DNS, mDNS). */
import { lookup, resolveSrv } from 'node:dns'
import { canonicalIp } from '../../protocol/endpoint.ts'
import type { Resolver, ServiceResolver } from '../../protocol/ports.ts'

/** Addresses taken of one name. */
const MAX_ADDRESSES = 32

export const systemResolver: Resolver & ServiceResolver = {
  resolve(host, family, onResult) {
    lookup(host, { all: true, family: family ?? 0 }, (error, found) => {
      const addresses = error ? [] : found.map(({ address }) => canonicalIp(address))
      onResult([...new Set(addresses.filter((address) => address !== undefined))].slice(0, MAX_ADDRESSES))
    })
  },
  // Service records are in the DNS only, not in what else the system knows of names.
  resolveService(name, onResult) {
    resolveSrv(name, (error, found) => {
      // A single root as the target says that there is no such service (RFC 2782).
      const hosts = (error ? [] : found).filter(
        ({ name: host, port }) => host !== '' && host !== '.' && port > 0,
      )
      onResult(hosts.map(({ name: host, port }) => ({ host, port })))
    })
  },
}
