import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeBencode, type Encodable } from '../../src/protocol/bencode-writer.ts'
import { WireDecoder } from '../../src/protocol/decoder.ts'
import { InvariantError, ProtocolError } from '../../src/protocol/errors.ts'
import {
  decodeExtensionHandshake,
  encodeExtensionHandshake,
  ExtensionRegistry,
  RemoteExtensions,
} from '../../src/protocol/extension.ts'
import type { WireMessage } from '../../src/protocol/message.ts'

function received(message: Uint8Array): WireMessage {
  const messages: WireMessage[] = []
  new WireDecoder().push(message, (message) => messages.push(message))
  expect(messages).toHaveLength(1)
  return messages[0]!
}

const read = (handshake: { [key: string]: Encodable }) => decodeExtensionHandshake(encodeBencode(handshake))

test('the handshake of BEP 10 is read', () => {
  const { ids, ...fields } = read({
    m: { LT_metadata: 1, ut_pex: 2 },
    p: 6881,
    v: 'µTorrent 1.2',
    yourip: Uint8Array.of(10, 0, 0, 7),
    reqq: 250,
    upload_only: 1,
    metadata_size: 31_235,
    bitswarm_dht: 10_000,
    bitswarm_block: 65_536,
    ipv6: new Uint8Array(16),
    complete_ago: 5,
  })
  expect(Object.fromEntries(ids)).toEqual({ LT_metadata: 1, ut_pex: 2 })
  expect(fields).toEqual({
    client: 'µTorrent 1.2',
    port: 6881,
    yourIp: '10.0.0.7',
    requestQueue: 250,
    isUploadOnly: true,
    metadataSize: 31_235,
    dhtPort: 10_000,
    longestBlock: 65_536,
  })
})

test('what is written is read', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          client: fc.constantFrom('bitswarm 0.1.0', 'ä'),
          port: fc.integer({ min: 1, max: 65_535 }),
          requestQueue: fc.integer({ min: 1, max: 5_000 }),
          yourIp: fc.constantFrom('127.0.0.1', '2001:db8::1', '::1'),
          isUploadOnly: fc.constant(true),
          metadataSize: fc.integer({ min: 1, max: 10_000_000 }),
          dhtPort: fc.integer({ min: 1, max: 65_535 }),
          longestBlock: fc.integer({ min: 1, max: 2 ** 31 }),
        },
        { requiredKeys: [] },
      ),
      (fields) => {
        const ids = new Map([['ut_pex', 1]])
        expect(decodeExtensionHandshake(encodeExtensionHandshake({ ids, ...fields }))).toEqual({
          ids,
          client: undefined,
          port: undefined,
          requestQueue: undefined,
          yourIp: undefined,
          isUploadOnly: undefined,
          metadataSize: undefined,
          dhtPort: undefined,
          longestBlock: undefined,
          ...fields,
        })
      },
    ),
  )
})

test('values of the wrong kind or out of range are passed over, the rest is read', () => {
  const handshake = read({
    m: { ok: 3, off: 0, big: 256, negative: -1, text: 'x' },
    p: 0,
    v: 5,
    yourip: 'abc',
    reqq: 0,
    upload_only: 2,
    metadata_size: -1,
    bitswarm_dht: 65_536,
    bitswarm_block: 2 ** 31 + 1,
  })
  expect(Object.fromEntries(handshake.ids)).toEqual({ ok: 3, off: 0 })
  expect(Object.values(handshake).filter((value) => value !== undefined)).toEqual([handshake.ids])
  expect(read({ m: 'no dictionary', p: 2 ** 16 }).ids.size).toBe(0)
})

test('a client name is one harmless line of at most 64 characters', () => {
  expect(read({ v: 'evil\u001b[2J\r\n\u202ename\u0000' }).client).toBe(
    'evil\ufffd[2J\ufffd\ufffd\ufffdname\ufffd',
  )
  expect(read({ v: '🦊'.repeat(200) }).client).toBe('🦊'.repeat(64))
  expect(read({ v: '   ' }).client).toBeUndefined()
  expect(read({ v: Uint8Array.of(0xff) }).client).toBeUndefined()
})

test('a bomb is refused: no dictionary, too deep, too many values', () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x${i}`, 1]))
  for (const payload of [encodeBencode([]), new Uint8Array(9), new Uint8Array(0), encodeBencode({ m: many })])
    expect(() => decodeExtensionHandshake(payload)).toThrow(ProtocolError)
})

test('of a remote that names a hundred extensions, sixty-four are kept', () => {
  const names = (prefix: string) =>
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${prefix}${i}`, i + 1]))
  const remote = new RemoteExtensions()
  remote.onHandshake(encodeBencode({ m: names('a') }))
  remote.onHandshake(encodeBencode({ m: names('b') }))
  const known = [...Object.keys(names('a')), ...Object.keys(names('b'))].filter((name) => remote.has(name))
  expect(known).toHaveLength(64)
})

test('a single handshake with a hundred extensions is cut to sixty-four', () => {
  const m = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, i + 1]))
  expect(read({ m }).ids.size).toBe(64)
})

test('two sides each use the numbers of the other', () => {
  const log: string[] = []
  const ours = new ExtensionRegistry<string>()
  ours.register('ut_metadata', (peer, payload) => log.push(`metadata of ${peer}: ${payload.join()}`))
  ours.register('ut_pex', (peer, payload) => log.push(`pex of ${peer}: ${payload.join()}`))
  const theirs = new ExtensionRegistry<string>()
  theirs.register('ut_pex', (peer, payload) => log.push(`their pex of ${peer}: ${payload.join()}`))

  const hello = received(ours.encodeHandshake({ client: 'a', port: 7 }))
  expect(hello).toMatchObject({ type: 'extended', id: 0 })
  const weAsSeenByThem = new RemoteExtensions()
  if (hello.type === 'extended') weAsSeenByThem.onHandshake(hello.payload)
  const theyAsSeenByUs = new RemoteExtensions()
  const answer = received(theirs.encodeHandshake({}))
  if (answer.type === 'extended') theyAsSeenByUs.onHandshake(answer.payload)

  const toThem = received(theyAsSeenByUs.encode('ut_pex', Uint8Array.of(1))!)
  expect(toThem.type === 'extended' && theirs.dispatch(toThem.id, 'us', toThem.payload)).toBe(true)
  const toUs = received(weAsSeenByThem.encode('ut_pex', Uint8Array.of(2))!)
  expect(toUs.type === 'extended' && ours.dispatch(toUs.id, 'them', toUs.payload)).toBe(true)
  expect(log).toEqual(['their pex of us: 1', 'pex of them: 2'])

  expect(theyAsSeenByUs.encode('ut_metadata', Uint8Array.of(3))).toBeUndefined()
  expect(ours.dispatch(0, 'them', new Uint8Array(0))).toBe(false)
  expect(ours.dispatch(77, 'them', new Uint8Array(0))).toBe(false)
})

test('a later handshake adds extensions, renumbers them and switches them off with 0', () => {
  const remote = new RemoteExtensions()
  remote.onHandshake(encodeBencode({ m: { ut_pex: 1, lt_donthave: 7 } }))
  remote.onHandshake(encodeBencode({ m: { ut_pex: 0, lt_donthave: 8, ut_metadata: 3 } }))
  expect(remote.has('ut_pex')).toBe(false)
  expect(remote.encode('lt_donthave', new Uint8Array(0))![5]).toBe(8)
  expect(remote.has('ut_metadata')).toBe(true)
})

test('a name is registered once', () => {
  const registry = new ExtensionRegistry<string>()
  registry.register('ut_pex', () => {})
  expect(() => registry.register('ut_pex', () => {})).toThrow(InvariantError)
})
