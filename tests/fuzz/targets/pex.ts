import { canonicalIp, familyOf, type Endpoint, type Family } from '../../../src/protocol/endpoint.ts'
import { decodePex, encodePex, MAX_PEX_PEERS, type PexPeer } from '../../../src/protocol/pex-message.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { spoilBencode } from '../grammar/bencode-tree.ts'

export const target: FuzzTarget = {
  sources: ['protocol/pex-message.ts', 'protocol/endpoint.ts'],
  spoil: spoilBencode,

  seeds: () => {
    const peer = (host: string, port: number): PexPeer => ({
      endpoint: { host, port },
      isSeed: port % 2 === 0,
      isReachable: port % 3 === 0,
    })
    return [
      { added: [], dropped: [] },
      { added: [peer('192.0.2.1', 6), peer('2001:db8::1', 7)], dropped: [{ host: '10.0.0.1', port: 1 }] },
      { added: [peer('0.0.0.0', 0), peer('::', 65_535)], dropped: [{ host: '::1', port: 1 }] },
      { added: Array.from({ length: 120 }, (_, n) => peer(`10.0.0.${n}`, n)), dropped: [] },
    ].map(encodePex)
  },

  run(data) {
    const read = accepted(() => decodePex(data), ['bencode.malformed'])
    if (read === undefined) return
    const { added, dropped } = read
    for (const { host, port } of [...added.map(({ endpoint }) => endpoint), ...dropped])
      claim(canonicalIp(host) === host && port >= 0 && port <= 65_535, 'an address in its one form')
    claim(added.length <= 2 * MAX_PEX_PEERS && dropped.length <= 2 * MAX_PEX_PEERS, 'peers are few')
    // IPv4 addresses that came as IPv6 are written as what they are.
    claimSame(
      decodePex(encodePex(read)),
      { added: sorted(added, ({ endpoint }) => endpoint), dropped: sorted(dropped, (endpoint) => endpoint) },
      'written, read',
    )
  },
}

function sorted<T>(items: readonly T[], endpointOf: (item: T) => Endpoint): T[] {
  const of = (family: Family): T[] => items.filter((item) => familyOf(endpointOf(item).host) === family)
  return [...of(4).slice(0, MAX_PEX_PEERS), ...of(6).slice(0, MAX_PEX_PEERS)]
}
