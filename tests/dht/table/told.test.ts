/** What others may tell us of: nothing that they could not reach themselves, and not ourselves. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContactBook } from '../../../src/dht/table/contact.ts'
import { forEachToldContact, isNodePort, toldPeers } from '../../../src/dht/table/told.ts'
import { formatEndpoint, scopeOf, type Endpoint, type Scope } from '../../../src/protocol/endpoint.ts'
import { idOf, join, packed } from '../lone-node.ts'

const WIDTH: readonly Scope[] = ['loopback', 'link-local', 'private', 'public']

/** Addresses of every scope, those at the borders of the private ranges, and any others. */
const host = fc.oneof(
  fc.constantFrom(
    '127.0.0.1',
    '127.255.255.255',
    '169.254.1.1',
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '240.0.0.1',
  ),
  fc.constantFrom(
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.255.255',
    '100.64.0.1',
    '100.127.255.255',
  ),
  fc.constantFrom('172.15.0.1', '172.32.0.1', '100.128.0.1', '192.167.0.1', '255.255.255.255', '203.0.113.5'),
  fc.ipV4(),
)
const endpoint = fc.record({ host, port: fc.oneof(fc.constantFrom(0, 1, 53, 1_023, 1_024), fc.nat(65_535)) })

test('no teller introduces an address that reaches less far than its own', () => {
  const teller = fc.constantFrom<Scope>('loopback', 'private', 'public')
  fc.assert(
    fc.property(teller, fc.array(endpoint, { maxLength: 16 }), (scope, endpoints) => {
      const book = new ContactBook(4)
      const self = { isSelf: () => false }
      const message = {
        type: 'peers' as const,
        t: 'abcdefgh',
        id: idOf(1),
        nodes: join(endpoints.map((one, at) => packed(one, idOf(at)))),
        peers: join(endpoints.map((one) => packed(one))),
      }
      const contacts: Endpoint[] = []
      forEachToldContact(message, { scope, book, self }, (contact) => contacts.push(book.endpoint(contact)))
      const peers = toldPeers(message, { scope, book, self })
      const isWide = (one: Endpoint): boolean => WIDTH.indexOf(scopeOf(one.host)) >= WIDTH.indexOf(scope)
      const may = endpoints.filter((one) => one.port !== 0 && isWide(one))
      expect(peers.map(formatEndpoint)).toEqual(may.map(formatEndpoint))
      const reserved = (one: Endpoint): boolean => scopeOf(one.host) === 'public' && one.port < 1_024
      expect(contacts.map(formatEndpoint)).toEqual(may.filter((one) => !reserved(one)).map(formatEndpoint))
      expect(book.size).toBe(0)
    }),
  )
})

test('a node on the Internet lives at no port of the system’s services', () => {
  expect([0, 1, 53, 1_023, 1_024].map((port) => isNodePort(port, 'public'))).toEqual([
    false,
    false,
    false,
    false,
    true,
  ])
  expect([0, 1, 53].map((port) => isNodePort(port, 'private'))).toEqual([false, true, true])
})
