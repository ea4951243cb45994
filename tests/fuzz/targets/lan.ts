import {
  decodeLanMessage,
  encodeLanMessage,
  LAN_GROUPS,
  MAX_LAN_HASHES,
} from '../../../src/protocol/lan-message.ts'
import type { InfoHash } from '../../../src/protocol/ids.ts'
import { claim, claimSame } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'

const hash = (byte: number): InfoHash => new Uint8Array(20).fill(byte) as InfoHash

export const target: FuzzTarget = {
  sources: ['protocol/lan-message.ts'],
  words: [
    '\r\n',
    '\r\n\r\n\r\n',
    'Infohash: ',
    'Port: 1',
    'cookie: ',
    'Net: ',
    '\u00a0',
    '\u000b',
    '\u00e2\u0080\u00a8',
    ': ',
  ],

  seeds: () => [
    ...[
      { type: 'torrents', port: 6_881, infoHashes: [hash(1), hash(2)], cookie: 'abc' } as const,
      { type: 'torrents', port: 1, infoHashes: Array.from({ length: 25 }, (_, n) => hash(n)) } as const,
      { type: 'node', port: 65_535, net: 'lab-1', cookie: 'x' } as const,
      { type: 'node', port: 1 } as const,
    ].flatMap((message) => LAN_GROUPS.map((group) => encodeLanMessage(message, group))),
    latin1(`BT-SEARCH * HTTP/1.1\nport:7\ninfohash:${'AB'.repeat(20)}\n\n`),
    latin1('HTTP/1.1 200 OK\r\n\r\n'),
  ],

  run(data) {
    const read = decodeLanMessage(data)
    if (read === undefined) return
    claim(Number.isInteger(read.port) && read.port > 0 && read.port <= 65_535, 'a port')
    claim((read.cookie?.length ?? 0) <= 64, 'a cookie of bearable length')
    if (read.type === 'torrents')
      claim(read.infoHashes.length > 0 && read.infoHashes.length <= MAX_LAN_HASHES, 'torrents are few')
    for (const group of LAN_GROUPS) {
      const written = encodeLanMessage(read, group)
      claimSame(decodeLanMessage(written), read, 'written, read')
    }
  },
}
