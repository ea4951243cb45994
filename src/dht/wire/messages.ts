/**
 * The five messages, version 1 (docs/dht.md). Lists travel packed: a contact is an id and a compact endpoint in 26 bytes
 * (38 over IPv6), a peer a compact endpoint in 6 (18). What exactly a message may contain is defined in
 * {@link message-schemas.ts}, which the product does not load.
 */
import type * as z from 'zod'
import { COMPACT_LENGTH, type Family } from '../../protocol/endpoint.ts'
import { ID_LENGTH } from '../../protocol/ids.ts'
import type { MESSAGE_SCHEMAS } from './message-schemas.ts'

export const PROTOCOL_VERSION = 1

/** Bytes of a packed contact. */
export const CONTACT_LENGTH: Readonly<Record<Family, number>> = {
  4: ID_LENGTH + COMPACT_LENGTH[4],
  6: ID_LENGTH + COMPACT_LENGTH[6],
}

/** The longest datagram that we send: IPv6 guarantees 1,232 bytes of payload, and a frame may be added. */
export const MAX_SENT_BYTES = 1_200
/** Contacts of one family in one message. */
export const MAX_NODES = 16
/** Peers in one message. */
export const MAX_PEERS: Readonly<Record<Family, number>> = { 4: 100, 6: 50 }
/** Characters of a transaction id. */
export const MIN_TRANSACTION = 4
export const MAX_TRANSACTION = 16
/** Characters of request padding. */
export const MAX_PAD = 1_000
/** Characters of a write token; ours have 16. */
export const MAX_TOKEN_LENGTH = 64

/** Error codes in `pong` and `peers`. */
export const ERROR_BAD_TOKEN = 205
export const ERROR_NOT_STORED = 206
/** In private networks: the time of the request is too far from ours, which is included. */
export const ERROR_SKEW = 208

export type PingMessage = z.infer<(typeof MESSAGE_SCHEMAS)['ping']>
export type PongMessage = z.infer<(typeof MESSAGE_SCHEMAS)['pong']>
export type FindPeersMessage = z.infer<(typeof MESSAGE_SCHEMAS)['findPeers']>
export type PeersMessage = z.infer<(typeof MESSAGE_SCHEMAS)['peers']>
export type AnnounceMessage = z.infer<(typeof MESSAGE_SCHEMAS)['announce']>

export type Request = PingMessage | FindPeersMessage | AnnounceMessage
export type Reply = PongMessage | PeersMessage
export type Message = Request | Reply

export function isReply(message: Message): message is Reply {
  return message.type === 'pong' || message.type === 'peers'
}

/** Which reply a request has. */
export const REPLY_TO: Readonly<Record<Request['type'], Reply['type']>> = {
  ping: 'pong',
  findPeers: 'peers',
  announce: 'pong',
}
