import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeSavedTable,
  encodeSavedTable,
  MAX_SAVED_CONTACTS,
  MAX_SAVED_SEEDS,
  MAX_SAVED_TABLE_BYTES,
  type SavedTable,
} from '../../../src/dht/life/saved-table.ts'
import type { Endpoint, Family } from '../../../src/protocol/endpoint.ts'
import { idFrom, type NodeId } from '../../../src/protocol/ids.ts'

const idOf = (byte: number): NodeId => idFrom(new Uint8Array(20).fill(byte))

const TABLE: SavedTable = {
  family: 4,
  id: idOf(1),
  savedAt: 1_790_000_000,
  external: [{ host: '20.0.0.7', port: 20_000 }],
  contacts: [
    { id: idOf(2), endpoint: { host: '10.0.0.2', port: 20_000 }, since: 1_780_000_000 },
    { id: idOf(3), endpoint: { host: '127.0.0.1', port: 1 }, since: 1_790_000_000 },
  ],
  seeds: [{ host: '10.0.0.9', port: 65_535 }],
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytesOf = (lines: string): Uint8Array => new TextEncoder().encode(lines)

test('a saved table is lines of JSON that a person can read', () => {
  expect(text(encodeSavedTable(TABLE)).split('\n')).toEqual([
    `{"format":"bitswarm-dht-table","version":1,"family":4,"id":"${'01'.repeat(20)}","savedAt":1790000000,"external":["20.0.0.7:20000"]}`,
    `{"contact":"${'02'.repeat(20)}","at":"10.0.0.2:20000","since":1780000000}`,
    `{"contact":"${'03'.repeat(20)}","at":"127.0.0.1:1","since":1790000000}`,
    '{"seed":"10.0.0.9:65535"}',
    expect.stringMatching(/^\{"checksum":"[\w-]{22}"\}$/),
    '',
  ])
})

const endpointOf = (family: Family): fc.Arbitrary<Endpoint> =>
  fc.record({
    host:
      family === 4
        ? fc
            .tuple(fc.integer({ min: 11, max: 99 }), fc.nat(255), fc.nat(255))
            .map(([a, b, c]) => `${a}.${b}.${c}.7`)
        : fc.integer({ min: 1, max: 0xffff }).map((n) => `2400:${n.toString(16)}::1`),
    port: fc.integer({ min: 1, max: 65_535 }),
  })
const anyId = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => idFrom<NodeId>(bytes))
const anyTable = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc.record({
    family: fc.constant(family),
    id: anyId,
    savedAt: fc.nat(2 ** 31),
    external: fc.array(endpointOf(family), { maxLength: 4 }),
    contacts: fc.array(fc.record({ id: anyId, endpoint: endpointOf(family), since: fc.nat(2 ** 31) }), {
      maxLength: 20,
    }),
    seeds: fc.array(endpointOf(family), { maxLength: 10 }),
  }),
)

test('whatever is saved is read again', () => {
  fc.assert(
    fc.property(anyTable, (table) => {
      expect(decodeSavedTable(encodeSavedTable(table), table.family)).toEqual(table)
    }),
  )
})

test('one flipped, lost or added byte, and it says nothing at all', () => {
  const bytes = encodeSavedTable(TABLE)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const flipped = bytes.slice()
      flipped[at]! ^= flip
      expect(decodeSavedTable(flipped, 4)).toBeTypeOf('string')
      expect(decodeSavedTable(bytes.slice(0, at), 4)).toBeTypeOf('string')
      expect(
        decodeSavedTable(Uint8Array.from([...bytes.slice(0, at), flip, ...bytes.slice(at)]), 4),
      ).toBeTypeOf('string')
    }),
  )
})

test('the fullest table, of the longest addresses, fits', () => {
  const endpoint = { host: '2400:ffff:ffff:ffff:ffff:ffff:ffff:ffff', port: 65_535 }
  const contacts = Array.from({ length: 300 }, () => ({ id: idOf(0xff), endpoint, since: 2 ** 31 }))
  const seeds = Array.from({ length: 300 }, () => endpoint)
  const bytes = encodeSavedTable({ ...TABLE, family: 6, external: [], contacts, seeds })
  expect(bytes.length).toBeLessThan(MAX_SAVED_TABLE_BYTES)
  const read = decodeSavedTable(bytes, 6) as SavedTable
  expect([read.contacts.length, read.seeds.length]).toEqual([MAX_SAVED_CONTACTS, MAX_SAVED_SEEDS])
})

describe('what is not ours is refused with the reason', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['an empty file', new Uint8Array(), 'it is not a routing table of this version'],
    ['a file of something else', bytesOf('hello\nworld\n'), 'it is not a routing table of this version'],
    [
      'a later version',
      bytesOf(text(encodeSavedTable(TABLE)).replace('"version":1', '"version":2')),
      'it is not a routing table of this version',
    ],
    ['a torn file', encodeSavedTable(TABLE).slice(0, 300), 'its checksum is wrong'],
    [
      'a file that is too long',
      new Uint8Array(MAX_SAVED_TABLE_BYTES + 1),
      'it is longer than any saved table',
    ],
    [
      'the table of the other family',
      encodeSavedTable({ ...TABLE, family: 6, contacts: [], seeds: [], external: [] }),
      'it is of the other address family',
    ],
    [
      'a contact of the other family',
      encodeSavedTable({ ...TABLE, seeds: [{ host: '2400::1', port: 1 }] }),
      'it has an address of the other family',
    ],
    ...['0.0.0.0:1', '224.0.0.1:1', '10.0.0.1:0', 'name:1'].map((seed): [string, Uint8Array, string] => [
      `the address ${seed}`,
      encodeSavedTable({
        ...TABLE,
        seeds: [{ host: seed.split(':')[0]!, port: Number(seed.split(':')[1]) }],
      }),
      'it has a line that says nothing',
    ]),
  ]
  test.each(cases)('%s', (_name, bytes, reason) => {
    expect(decodeSavedTable(bytes, 4)).toBe(reason)
  })
})
