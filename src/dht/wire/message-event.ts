/** The event of one message, in or out. */
import { COMPACT_LENGTH, formatEndpoint, type Endpoint } from '../../protocol/endpoint.ts'
import { toHex } from '../../protocol/ids.ts'
import type { Millis } from '../../protocol/ports.ts'
import type { DhtDirection, DhtMessageEvent } from '../events.ts'
import { CONTACT_LENGTH, type Message } from './messages.ts'

export function messageEvent(
  message: Message,
  remote: Endpoint,
  { direction, rttMs }: { readonly direction: DhtDirection; readonly rttMs?: Millis | undefined },
): DhtMessageEvent {
  const node = formatEndpoint(remote)
  const rtt = rttMs === undefined ? {} : { rttMs: Math.round(rttMs * 10) / 10 }
  switch (message.type) {
    case 'ping':
      return { event: 'dht_ping', node, direction }
    case 'pong':
      return { event: 'dht_pong', node, direction, ...rtt, ...errorOf(message) }
    case 'announce':
      return { event: 'dht_announce', node, direction, infoHash: toHex(message.infoHash) }
    case 'findPeers':
      return {
        event: 'dht_findPeers',
        node,
        direction,
        ...(message.infoHash && { infoHash: toHex(message.infoHash) }),
        ...(message.target && { target: toHex(message.target) }),
      }
    case 'peers':
      return {
        event: 'dht_peers',
        node,
        direction,
        nodes: count(message.nodes, CONTACT_LENGTH[4]) + count(message.nodes6, CONTACT_LENGTH[6]),
        peers: count(message.peers, COMPACT_LENGTH[4]) + count(message.peers6, COMPACT_LENGTH[6]),
        ...rtt,
        ...errorOf(message),
      }
  }
}

function count(packed: Uint8Array | undefined, unit: number): number {
  return packed === undefined ? 0 : packed.length / unit
}

function errorOf({ e }: { readonly e?: readonly [number, string] | undefined }): { readonly error?: number } {
  return e === undefined ? {} : { error: e[0] }
}
