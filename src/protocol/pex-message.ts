/** Messages of `ut_pex` (BEP 11): which peers the sender is connected to, as changes. */
import { decodeBencodeDict, type BencodeDict } from './bencode.ts'
import { encodeBencode } from './bencode-writer.ts'
import {
  COMPACT_LENGTH,
  familyOf,
  packEndpoint,
  unpackEndpoint,
  type Endpoint,
  type Family,
} from './endpoint.ts'

/** Peers of each kind and family that are read from one message; BEP 11 allows fifty to be sent. */
export const MAX_PEX_PEERS = 100
/** Values in a message: eight keys, and room for more. */
const MAX_MESSAGE_VALUES = 64

const SEED = 0x02
const OUTGOING = 0x10

export interface PexPeer {
  readonly endpoint: Endpoint
  /** It has everything, or wants nothing. */
  readonly isSeed: boolean
  /** The sender could connect to it. */
  readonly isReachable: boolean
}

export interface PexMessage {
  readonly added: readonly PexPeer[]
  readonly dropped: readonly Endpoint[]
}

export function encodePex({ added, dropped }: PexMessage): Uint8Array {
  const flags = (peers: readonly PexPeer[]): Uint8Array =>
    Uint8Array.from(peers, ({ isSeed, isReachable }) => (isSeed ? SEED : 0) | (isReachable ? OUTGOING : 0))
  const four = added.filter(({ endpoint }) => familyOf(endpoint.host) === 4)
  const six = added.filter(({ endpoint }) => familyOf(endpoint.host) === 6)
  return encodeBencode({
    added: pack(
      four.map(({ endpoint }) => endpoint),
      4,
    ),
    'added.f': flags(four),
    added6: pack(
      six.map(({ endpoint }) => endpoint),
      6,
    ),
    'added6.f': flags(six),
    dropped: pack(
      dropped.filter(({ host }) => familyOf(host) === 4),
      4,
    ),
    dropped6: pack(
      dropped.filter(({ host }) => familyOf(host) === 6),
      6,
    ),
  })
}

/**
 * Reads at most {@link MAX_PEX_PEERS} of each list; an incomplete entry at the end is skipped, and so are
 * missing flags.
 *
 * @throws {ProtocolError} `bencode.malformed`
 */
export function decodePex(payload: Uint8Array): PexMessage {
  const dict = decodeBencodeDict(payload, { maxValues: MAX_MESSAGE_VALUES })
  return {
    added: [...readAdded(dict, 'added', 4), ...readAdded(dict, 'added6', 6)],
    dropped: [...unpack(dict.bytes('dropped'), 4), ...unpack(dict.bytes('dropped6'), 6)],
  }
}

function readAdded(dict: BencodeDict, key: string, family: Family): PexPeer[] {
  const flags = dict.bytes(`${key}.f`)
  return unpack(dict.bytes(key), family).map((endpoint, at) => {
    const flag = flags?.[at] ?? 0
    return { endpoint, isSeed: (flag & SEED) !== 0, isReachable: (flag & OUTGOING) !== 0 }
  })
}

function pack(endpoints: readonly Endpoint[], family: Family): Uint8Array {
  const bytes = new Uint8Array(endpoints.length * COMPACT_LENGTH[family])
  let at = 0
  for (const endpoint of endpoints) at = packEndpoint(endpoint, bytes, at)
  return bytes
}

function unpack(bytes: Uint8Array | undefined, family: Family): Endpoint[] {
  const length = COMPACT_LENGTH[family]
  const count = Math.min(MAX_PEX_PEERS, Math.floor((bytes?.length ?? 0) / length))
  return Array.from({ length: count }, (_, at) => unpackEndpoint(bytes!, at * length, family))
}
