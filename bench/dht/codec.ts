/** What the steps of a message cost, in this process. */
import { decodeMessage, encodedLength, encodeMessage } from '../../src/dht/wire/codec.ts'
import type { Message } from '../../src/dht/wire/messages.ts'
import type { InfoHash, NodeId } from '../../src/protocol/ids.ts'

const ROUNDS = 200_000

export interface CodecRow {
  readonly what: string
  readonly bytes: number
  readonly decodeMicros: number
  readonly parseMicros: number
  readonly encodeMicros: number
  readonly lengthMicros: number
}

const id = Uint8Array.from({ length: 20 }, (_, i) => i * 11) as NodeId
const hash = id as Uint8Array as InfoHash
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 37) & 0xff)
const header = { t: 'abcdefgh', id } as const

const MESSAGES: readonly (readonly [string, Message])[] = [
  ['ping', { type: 'ping', ...header }],
  ['findPeers', { type: 'findPeers', ...header, infoHash: hash }],
  [
    'peers: 8 nodes, token',
    {
      type: 'peers',
      ...header,
      ip: { host: '10.0.3.7', port: 6_881 },
      token: 'a'.repeat(16),
      nodes: bytes(8 * 26),
    },
  ],
  [
    'peers: 8 nodes, token, 60 peers',
    {
      type: 'peers',
      ...header,
      ip: { host: '10.0.3.7', port: 6_881 },
      token: 'a'.repeat(16),
      nodes: bytes(8 * 26),
      peers: bytes(60 * 6),
      n: 60,
    },
  ],
  ['announce', { type: 'announce', ...header, infoHash: hash, token: 'a'.repeat(16), port: 20_000 }],
]

export function measureCodec(): CodecRow[] {
  return MESSAGES.map(([what, message]) => {
    const text = encodeMessage(message)
    const data = new TextEncoder().encode(text)
    return {
      what,
      bytes: data.length,
      decodeMicros: cost(() => decodeMessage(data)),
      parseMicros: cost(() => JSON.parse(text)),
      encodeMicros: cost(() => encodeMessage(message)),
      lengthMicros: cost(() => encodedLength(message)),
    }
  })
}

/** Microseconds a call, after a warm-up of the same length. */
function cost(work: () => unknown): number {
  let kept: unknown
  for (let n = 0; n < ROUNDS; n++) kept = work()
  const start = performance.now()
  for (let n = 0; n < ROUNDS; n++) kept = work()
  const micros = ((performance.now() - start) * 1_000) / ROUNDS
  if (kept === undefined) throw new Error('a measured call had no result')
  return micros
}
