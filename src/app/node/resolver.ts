/** Names to addresses, by the system's resolver (hosts file, DNS, mDNS). */
import { lookup } from 'node:dns'
import { canonicalIp } from '../../protocol/endpoint.ts'
import type { Resolver } from '../../protocol/ports.ts'

/** Addresses taken of one name. */
const MAX_ADDRESSES = 32

export const systemResolver: Resolver = {
  resolve(host, family, onResult) {
    lookup(host, { all: true, family: family ?? 0 }, (error, found) => {
      const addresses = error ? [] : found.map(({ address }) => canonicalIp(address))
      onResult([...new Set(addresses.filter((address) => address !== undefined))].slice(0, MAX_ADDRESSES))
    })
  },
}
