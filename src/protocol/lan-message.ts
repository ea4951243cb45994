/**
 * Multicast messages on a local network: which torrents the sender has (Local Service Discovery, BEP 14) and, in the same
 * form but under a name of our own, where its DHT node is.
 */
import { formatEndpoint, type Endpoint } from './endpoint.ts'
import { fromHex, ID_LENGTH, idFrom, toHex, type InfoHash } from './ids.ts'
import { decodeUtf8 } from './text.ts'

/** The groups of BEP 14. */
export const LAN_GROUPS: readonly Endpoint[] = [
  { host: '239.192.152.143', port: 6771 },
  { host: 'ff15::efc0:988f', port: 6771 },
]

/** Bytes of a message that is read; one that is written stays below a common packet. */
const MAX_LAN_MESSAGE_LENGTH = 2_048
/** Torrents in a message: as many as fit into a packet. */
export const MAX_LAN_HASHES = 20
/** Characters of a cookie; a longer one cannot be ours. */
const MAX_COOKIE_LENGTH = 64
/** Characters of a DHT network's id: far more than any has. */
const MAX_NET_LENGTH = 256

export type LanMessage =
  | {
      readonly type: 'torrents'
      /** TCP port that peers connect to. */
      readonly port: number
      readonly infoHashes: readonly InfoHash[]
      /** By which we recognise our own messages. */
      readonly cookie?: string | undefined
    }
  | {
      readonly type: 'node'
      /** UDP port of the DHT node. */
      readonly port: number
      /** Network id of the DHT. */
      readonly net?: string | undefined
      readonly cookie?: string | undefined
    }

const TORRENTS = 'BT-SEARCH * HTTP/1.1'
const NODE = 'BITSWARM-DHT * HTTP/1.1'

export function encodeLanMessage(message: LanMessage, group: Endpoint): Uint8Array {
  const lines = [
    message.type === 'torrents' ? TORRENTS : NODE,
    `Host: ${formatEndpoint(group)}`,
    `Port: ${message.port}`,
    ...(message.type === 'torrents'
      ? message.infoHashes.map((infoHash) => `Infohash: ${toHex(infoHash)}`)
      : message.net === undefined
        ? []
        : [`Net: ${message.net}`]),
    ...(message.cookie === undefined ? [] : [`cookie: ${message.cookie}`]),
  ]
  return new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n\r\n`)
}

/** @returns undefined for whatever is not such a message: anybody may write to a group */
export function decodeLanMessage(bytes: Uint8Array): LanMessage | undefined {
  if (bytes.length > MAX_LAN_MESSAGE_LENGTH) return undefined
  const [first, ...lines] = (decodeUtf8(bytes) ?? '').split(/\r?\n/)
  const fields = lines.map(readField)
  const all = (name: string): string[] => fields.filter(([key]) => key === name).map(([, value]) => value)
  const port = Number(all('port')[0])
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined
  const cookie = all('cookie').find((text) => text.length <= MAX_COOKIE_LENGTH)
  if (first === NODE) {
    const [net] = all('net')
    return net !== undefined && net.length > MAX_NET_LENGTH ? undefined : { type: 'node', port, net, cookie }
  }
  if (first !== TORRENTS) return undefined
  const infoHashes = all('infohash')
    .slice(0, MAX_LAN_HASHES)
    .map(fromHex)
    .filter((hash) => hash?.length === ID_LENGTH)
    .map((hash) => idFrom<InfoHash>(hash!))
  return infoHashes.length === 0 ? undefined : { type: 'torrents', port, infoHashes, cookie }
}

/** A line without a colon has a value and no name. A single regular expression could be kept busy for seconds by a stranger's spaces. */
function readField(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, Math.max(0, colon)).toLowerCase(), line.slice(colon + 1).trim()]
}
