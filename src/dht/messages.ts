/**
 * The five messages, version 1 (docs/dht.md). The zod schemas here are their one definition: the types are inferred
 * from them and {@link codec.ts} lets nothing in that they refuse. Lists travel packed: a contact is an id and a
 * compact endpoint in 26 bytes (38 over IPv6), a peer a compact endpoint in 6 (18).
 */
import * as z from 'zod'
import { decodeBase64Url } from '../protocol/base64.ts'
import { COMPACT_LENGTH, type Family } from '../protocol/endpoint.ts'
import { fromHex, ID_LENGTH, type InfoHash, type NodeId } from '../protocol/ids.ts'

export const PROTOCOL_VERSION = 1

/** Bytes of a packed contact. */
export const CONTACT_LENGTH: Readonly<Record<Family, number>> = {
  4: ID_LENGTH + COMPACT_LENGTH[4],
  6: ID_LENGTH + COMPACT_LENGTH[6],
}

/** No datagram of ours is longer: IPv6 promises 1,232 bytes of payload, and a frame may come around it. */
export const MAX_SENT_BYTES = 1_200
/** Contacts of one family in one message. */
export const MAX_NODES = 16
/** Peers in one message. */
export const MAX_PEERS: Readonly<Record<Family, number>> = { 4: 100, 6: 50 }
/** Characters of request padding. */
export const MAX_PAD = 1_000
/** Characters of a write token; ours have 16. */
export const MAX_TOKEN_LENGTH = 64

/** Numbers of the errors inside `pong` and `peers`. */
export const ERROR_BAD_TOKEN = 205
export const ERROR_NOT_STORED = 206
/** In private networks: the time of the request is too far from ours, which comes along. */
export const ERROR_SKEW = 208

/** What {@link codec.ts} counts apart from other bad fields. */
export const BAD_BLOB = 'bad blob'

/** 40 lowercase hex digits. */
const id = <T extends NodeId | InfoHash>() =>
  z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .transform((text) => fromHex(text) as T)

/** Up to `max` items of `unit` bytes in canonical base64url. */
const blob = (unit: number, max: number) =>
  z.string().transform((text, context) => {
    const bytes = text.length <= Math.ceil((unit * max * 4) / 3) ? decodeBase64Url(text) : undefined
    if (bytes !== undefined && bytes.length % unit === 0) return bytes
    context.addIssue({ code: 'custom', message: BAD_BLOB })
    return z.NEVER
  })

const seenAs = z.string().transform((text, context) => {
  const bytes = text.length <= 24 ? decodeBase64Url(text) : undefined
  if (bytes !== undefined && (bytes.length === COMPACT_LENGTH[4] || bytes.length === COMPACT_LENGTH[6]))
    return bytes
  context.addIssue({ code: 'custom', message: BAD_BLOB })
  return z.NEVER
})

const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)
const port = z.int().min(1).max(65_535)

/** In every message. `t` is echoed verbatim; `ro`: the sender answers nothing and wants to be in no table (BEP 43). */
const header = {
  t: z.string().regex(/^[A-Za-z0-9_-]{4,16}$/),
  id: id<NodeId>(),
  ro: z.literal(1).optional(),
}
const requestHeader = {
  ...header,
  pad: z
    .string()
    .regex(/^0{0,1000}$/)
    .transform(({ length }) => length)
    .optional(),
}
const replyHeader = {
  ...header,
  /** The requester's endpoint as the replier sees it, 6 or 18 bytes (BEP 42). */
  ip: seenAs.optional(),
  e: z.tuple([z.int().min(200).max(299), z.string().regex(/^[A-Za-z0-9 ._-]{0,48}$/)]).optional(),
}

const ping = z.object({
  type: z.literal('ping'),
  ...requestHeader,
  /** Send the pong to this port of the same address: a probe of address filters. */
  rp: z.int().min(1_024).max(65_535).optional(),
})

const pong = z.object({
  type: z.literal('pong'),
  ...replyHeader,
  /** The announce was taken, and will be kept for so many seconds. */
  ttl: z.int().min(60).max(7_200).optional(),
  /** The sender's Unix time in milliseconds. */
  ts: z.int().min(0).optional(),
})

const findPeers = z
  .object({
    type: z.literal('findPeers'),
    ...requestHeader,
    target: id<NodeId>().optional(),
    infoHash: id<InfoHash>().optional(),
    want: z
      .array(z.enum(['n4', 'n6']))
      .max(2)
      .optional(),
    token: token.optional(),
  })
  .refine(({ target, infoHash }) => (target === undefined) !== (infoHash === undefined))

const peers = z.object({
  type: z.literal('peers'),
  ...replyHeader,
  token: token.optional(),
  nodes: blob(CONTACT_LENGTH[4], MAX_NODES).optional(),
  nodes6: blob(CONTACT_LENGTH[6], MAX_NODES).optional(),
  peers: blob(COMPACT_LENGTH[4], MAX_PEERS[4]).optional(),
  peers6: blob(COMPACT_LENGTH[6], MAX_PEERS[6]).optional(),
  /** How many peers the sender has in all. */
  n: z.int().min(0).max(65_535).optional(),
  /** There are more than fitted. */
  more: z.literal(1).optional(),
})

const announce = z
  .object({
    type: z.literal('announce'),
    ...requestHeader,
    infoHash: id<InfoHash>(),
    token,
    port: port.optional(),
    /** The port is that of the datagram. */
    implied: z.literal(1).optional(),
    seed: z.union([z.literal(0), z.literal(1)]).optional(),
  })
  .refine((message) => (message.port === undefined) !== (message.implied === undefined))

export type PingMessage = z.infer<typeof ping>
export type PongMessage = z.infer<typeof pong>
export type FindPeersMessage = z.infer<typeof findPeers>
export type PeersMessage = z.infer<typeof peers>
export type AnnounceMessage = z.infer<typeof announce>

export type Request = PingMessage | FindPeersMessage | AnnounceMessage
export type Reply = PongMessage | PeersMessage
export type Message = Request | Reply

export const MESSAGE_SCHEMAS = { ping, pong, findPeers, peers, announce } as const

export type MessageType = keyof typeof MESSAGE_SCHEMAS

export function isMessageType(type: unknown): type is MessageType {
  return typeof type === 'string' && Object.hasOwn(MESSAGE_SCHEMAS, type)
}

export function isReply(message: Message): message is Reply {
  return message.type === 'pong' || message.type === 'peers'
}

/** Which reply a request has. */
export const REPLY_TO: Readonly<Record<Request['type'], Reply['type']>> = {
  ping: 'pong',
  findPeers: 'peers',
  announce: 'pong',
}
