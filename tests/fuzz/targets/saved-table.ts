import {
  decodeSavedTable,
  encodeSavedTable,
  MAX_SAVED_CONTACTS,
  MAX_SAVED_SEEDS,
  type SavedTable,
} from '../../../src/dht/life/saved-table.ts'
import { sipHash128, SIPHASH_KEY_LENGTH } from '../../../src/dht/serve/siphash.ts'
import { encodeBase64Url } from '../../../src/protocol/base64.ts'
import { familyOf, scopeOf, type Family } from '../../../src/protocol/endpoint.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'
import { claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const id = new Uint8Array(20).fill(7) as NodeId
const table = (family: Family, host: string): SavedTable => ({
  family,
  id,
  savedAt: 1_700_000_000,
  external: [{ host, port: 9 }],
  contacts: [1, 2].map((port) => ({ id, endpoint: { host, port }, since: 1_600_000_000 })),
  seeds: [{ host, port: 3 }],
})

export const target: FuzzTarget = {
  sources: ['dht/life/saved-table.ts'],
  words: ['{"seed":"10.0.0.1:1"}\n', '"at":"10.0.0.1:1"', '[2001:db8::1]:1', ':65536'],
  maxAllocation: (length) => 2 ** 23 + 1_024 * length,

  seeds: () => {
    const written = [
      table(4, '198.51.99.7'),
      table(6, '2a00::1'),
      { ...table(4, '10.0.0.1'), contacts: [], seeds: [] },
    ]
    // Without the checksum, which is put behind whatever becomes of it.
    return written.map((one) => {
      const bytes = encodeSavedTable(one)
      return bytes.slice(0, bytes.lastIndexOf(0x0a, bytes.length - 2) + 1)
    })
  },

  run(data) {
    for (const bytes of [data, seal(data)]) for (const family of [4, 6] as const) claimTable(bytes, family)
  },
}

function claimTable(bytes: Uint8Array, family: Family): void {
  const read = decodeSavedTable(bytes, family)
  if (typeof read === 'string') return
  const { external, contacts, seeds } = read
  claim(contacts.length <= MAX_SAVED_CONTACTS && seeds.length <= MAX_SAVED_SEEDS, 'not too many')
  for (const { host, port } of [...external, ...seeds, ...contacts.map(({ endpoint }) => endpoint)])
    claim(port > 0 && port <= 65_535 && scopeOf(host) !== 'bogus', 'a place where a node can be')
  for (const { host } of [...seeds, ...contacts.map(({ endpoint }) => endpoint)])
    claim(familyOf(host) === family, 'of its family')
  const written = encodeSavedTable(read)
  claimSame(decodeSavedTable(written, family), read, 'written, read')
  claim(typeof decodeSavedTable(written, family === 4 ? 6 : 4) === 'string', 'of one family only')
}

function seal(body: Uint8Array): Uint8Array {
  const checksum = encodeBase64Url(sipHash128(new Uint8Array(SIPHASH_KEY_LENGTH), body))
  return Buffer.concat([body, Buffer.from(`${JSON.stringify({ checksum })}\n`)])
}
