import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMessage, encodedLength, encodeMessage, netOverhead } from '../../../src/dht/wire/codec.ts'
import type {
  AnnounceMessage,
  FindPeersMessage,
  Message,
  PeersMessage,
  PingMessage,
  PongMessage,
} from '../../../src/dht/wire/messages.ts'
import { anyMessage } from '../any-message.ts'
import { decodeBase64Url } from '../../../src/protocol/base64.ts'
import { fromHex, type InfoHash, type NodeId } from '../../../src/protocol/ids.ts'

const net = 'lan-prod'
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const idOf = <T extends NodeId | InfoHash>(hex: string): T => fromHex(hex) as T

const asker = idOf<NodeId>('3bf3f7e11d723594dadc92f8df877921334766b4')
const replier = idOf<NodeId>('f25897fcb7baaf45f5cb8002ac73b75e2af23c5b')
const infoHash = idOf<InfoHash>('18c554dc194772c6081e7504a6a5048d50a890d7')
const token = '8TsKQV599OqxVJ4J'
const t = 'Xjm_WB_m'

describe('the example exchange of the specification', () => {
  const exchange: readonly (readonly [string, Message])[] = [
    [
      `{"v":1,"net":"lan-prod","type":"findPeers","t":"Xjm_WB_m","id":"3bf3f7e11d723594dadc92f8df877921334766b4","infoHash":"18c554dc194772c6081e7504a6a5048d50a890d7"}`,
      { type: 'findPeers', t, id: asker, infoHash },
    ],
    [
      `{"v":1,"net":"lan-prod","type":"peers","t":"Xjm_WB_m","id":"f25897fcb7baaf45f5cb8002ac73b75e2af23c5b","ip":"CgADBxrh","token":"8TsKQV599OqxVJ4J","nodes":"7ouFF-PZX1WA_NczJxOmeJN1ujkKAAMJGuE","peers":"CgADFE4hCgADFU4h","n":2}`,
      {
        type: 'peers',
        t,
        id: replier,
        ip: { host: '10.0.3.7', port: 6_881 },
        token,
        nodes: decodeBase64Url('7ouFF-PZX1WA_NczJxOmeJN1ujkKAAMJGuE')!,
        peers: Uint8Array.of(10, 0, 3, 20, 0x4e, 0x21, 10, 0, 3, 21, 0x4e, 0x21),
        n: 2,
      },
    ],
    [
      `{"v":1,"net":"lan-prod","type":"announce","t":"7WbfhV0P","id":"3bf3f7e11d723594dadc92f8df877921334766b4","infoHash":"18c554dc194772c6081e7504a6a5048d50a890d7","port":20001,"token":"8TsKQV599OqxVJ4J"}`,
      { type: 'announce', t: '7WbfhV0P', id: asker, infoHash, port: 20_001, token },
    ],
    [
      `{"v":1,"net":"lan-prod","type":"pong","t":"7WbfhV0P","id":"f25897fcb7baaf45f5cb8002ac73b75e2af23c5b","ip":"CgADBxrh","ttl":2700}`,
      {
        type: 'pong',
        t: '7WbfhV0P',
        id: replier,
        ip: { host: '10.0.3.7', port: 6_881 },
        ttl: 2_700,
      },
    ],
  ]

  test.each(exchange)('%s is read and written byte for byte', (text, message) => {
    expect(encodeMessage(message, net)).toBe(text)
    expect(decodeMessage(bytesOf(text), net)).toEqual(message)
  })
})

describe('sizes on the wire', () => {
  const ip4 = { host: '10.0.3.7', port: 6_881 }
  const ip6 = { host: '2001:db8::1', port: 6_881 }
  const ping: PingMessage = { type: 'ping', t, id: asker }
  const pong: PongMessage = { type: 'pong', t, id: asker, ip: ip4 }
  const find: FindPeersMessage = { type: 'findPeers', t, id: asker, infoHash }
  const announce: AnnounceMessage = { type: 'announce', t, id: asker, infoHash, port: 20_001, token }
  const peers: PeersMessage = { type: 'peers', t, id: asker, ip: ip4 }
  const peers6: PeersMessage = { ...peers, ip: ip6 }
  const nodes = (count: number): Uint8Array => new Uint8Array(26 * count)
  const nodes6 = (count: number): Uint8Array => new Uint8Array(38 * count)
  const full: PeersMessage = { ...peers, nodes: nodes(8), token, n: 60_000 }
  const { port: _, ...withoutPort } = announce

  const table: readonly (readonly [string, number, Message])[] = [
    ['ping', 84, ping],
    ['ping, read-only', 91, { ...ping, ro: 1 }],
    ['pong over IPv4', 100, pong],
    ['pong over IPv6', 116, { ...pong, ip: ip6 }],
    ['pong that takes an announce', 111, { ...pong, ttl: 2_700 }],
    ['pong that refuses one', 122, { ...pong, e: [205, 'bad token'] }],
    ['findPeers for a target', 141, { type: 'findPeers', t, id: asker, target: replier }],
    ['findPeers for an info hash', 143, find],
    ['findPeers that wants both families', 162, { ...find, want: ['n4', 'n6'] }],
    ['announce with a port', 182, announce],
    ['announce, implied port, seed', 190, { ...withoutPort, implied: 1, seed: 1 }],
    ['peers with 8 nodes', 390, { ...peers, nodes: nodes(8) }],
    ['peers with 8 nodes and a token', 417, { ...peers, nodes: nodes(8), token }],
    ['peers with 8 IPv6 nodes and a token', 562, { ...peers6, nodes6: nodes6(8), token }],
    ['peers with 16 nodes', 667, { ...peers, nodes: nodes(16) }],
    ...([10, 20, 30, 40, 50, 60, 80, 90] as const).map(
      (count) =>
        [
          `peers with ${count} peers`,
          438 + 8 * count,
          { ...full, peers: new Uint8Array(6 * count) },
        ] as const,
    ),
  ]

  test.each(table)('%s: %i bytes', (_name, size, message) => {
    expect(encodeMessage(message)).toHaveLength(size)
    expect(encodeMessage(message, net)).toHaveLength(size + 17)
  })

  test('a pad makes a question exactly as long as one wants', () => {
    expect(encodeMessage({ ...find, pad: 248 })).toHaveLength(400)
  })
})

/** Fields that are not there and fields that are undefined mean the same. */
function defined(message: Message): Record<string, unknown> {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined))
}

describe('any message', () => {
  test('is read as it was written, with and without a network id', () => {
    fc.assert(
      fc.property(anyMessage, fc.constantFrom(undefined, net), (message, network) => {
        const datagram = bytesOf(encodeMessage(message, network))
        const read = decodeMessage(datagram, network)
        expect(typeof read === 'string' ? read : defined(read)).toEqual(defined(message))
      }),
    )
  })

  test('has the length that is computed without writing it', () => {
    fc.assert(
      fc.property(anyMessage, fc.constantFrom(undefined, net), (message, network) => {
        expect(encodedLength(message) + netOverhead(network)).toBe(encodeMessage(message, network).length)
      }),
    )
  })

  test('means the same with keys that nobody knows', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const plain = encodeMessage(message)
        const more = `${plain.slice(0, -1)},"x_a":"b","x_c":[1,"d"],"toString":7}`
        expect(decodeMessage(bytesOf(more))).toEqual(decodeMessage(bytesOf(plain)))
      }),
    )
  })

  test('is one line of printable ASCII with one brace', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(encodeMessage(message)).toMatch(/^\{[\x20-\x5b\x5d-\x7a\x7c-\x7e]*\}$/)
      }),
    )
  })
})

test('random bytes and mutated messages are refused without throwing', () => {
  const mutated = fc
    .tuple(
      anyMessage,
      fc.array(fc.tuple(fc.nat(1_400), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
    )
    .map(([message, edits]) => {
      const bytes = bytesOf(encodeMessage(message))
      for (const [at, byte] of edits) bytes[at % bytes.length] = byte
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 1_400 }), mutated), (bytes) => {
      const read = decodeMessage(bytes)
      // What gets through is a message that can be written and read again.
      if (typeof read !== 'string') expect(decodeMessage(bytesOf(encodeMessage(read)))).toEqual(read)
    }),
    { numRuns: 500 },
  )
})
