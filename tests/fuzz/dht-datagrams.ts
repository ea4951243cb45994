/** Datagrams of the DHT as they should be, and what their grammar stumbles over. */
import { readFileSync } from 'node:fs'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import type { Message } from '../../src/dht/wire/messages.ts'
import type { InfoHash, NodeId } from '../../src/protocol/ids.ts'

const encoder = new TextEncoder()

/** Those that are published as vectors, the bad ones too, and some of each type; of an open network. */
export function knownDatagrams(): Uint8Array[] {
  const { accepted, dropped } = JSON.parse(
    readFileSync(new URL('../../docs/dht-vectors.json', import.meta.url), 'utf8'),
  ) as Record<'accepted' | 'dropped', readonly { readonly datagram: string }[]>
  const published = [...accepted, ...dropped].map(({ datagram }) =>
    encoder.encode(datagram.replace('"net":"lan-prod",', '')),
  )
  return [...published, ...messages().map((message) => encoder.encode(encodeMessage(message)))]
}

function messages(): Message[] {
  const idOf = (byte: number): NodeId => new Uint8Array(20).fill(byte) as NodeId
  const infoHash = new Uint8Array(20).fill(0xab) as InfoHash
  const header = { t: 'abcdefgh', id: idOf(0x5a) } as const
  const random = new SeededRandom(1)
  const blob = (length: number): Uint8Array => random.fill(new Uint8Array(length))
  return [
    { type: 'ping', ...header, rp: 2_000 },
    { type: 'findPeers', ...header, infoHash, pad: 200, want: ['n4', 'n6'] },
    { type: 'findPeers', ...header, target: idOf(0x11), ro: 1 },
    { type: 'announce', ...header, infoHash, token: 'abcdefghabcdefgh', implied: 1, seed: 1 },
    { type: 'pong', ...header, ttl: 2_700, ip: { host: '10.0.3.7', port: 6_881 } },
    { type: 'peers', ...header, nodes: blob(26 * 8), nodes6: blob(38 * 4), peers: blob(60), n: 10, more: 1 },
    { type: 'peers', ...header, peers6: blob(18 * 5), e: [206, 'full'] },
  ]
}

// prettier-ignore
export const DHT_WORDS: readonly string[] = [
  '{', '}', '[', ']', '"', ',', ':', '\\', '\\u0069', '\0', '\x7f', '\xff', '-', '1e9', '1.0', '-0', 'null', 'true',
  '99999999999999999999', '[]', '["n4","n6"]', '["n4","n4","n4"]', '"v":1', '"v":2', '"net":"x"', '"type":"ping"',
  '"type":"pong"', '"type":"peers"', '"type":"findPeers"', '"type":"announce"', '"ro":1', '"implied":1', '"seed":2',
  '"rp":1023', '"rp":65535', '"port":0', '"port":65535', '"ttl":59', '"n":65536', '"more":1', '"e":[205,"bad token"]',
  '"e":[200,"x"]', '"ip":"CgADBxrh"', '"token":""', '"pad":"0000"', '"__proto__":1', '"constructor":1', '"want":[]',
  '"target":"', '"infoHash":"', '"nodes":"', '"nodes6":"', '"peers":"', '"peers6":"', '"t":"abcd"', '"id":"',
]
