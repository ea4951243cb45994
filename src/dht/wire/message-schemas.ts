/**
 * What a message may contain, and so its type. The validator that the product uses ({@link readMessage}) is written by hand,
 * because validating with these schemas took nearly all of the time of a datagram; in the tests they are its oracle.
 */
import * as z from 'zod'
import { decodeBase64Url } from '../../protocol/base64.ts'
import { COMPACT_LENGTH, unpackEndpoint } from '../../protocol/endpoint.ts'
import { fromHex, type InfoHash, type NodeId } from '../../protocol/ids.ts'
import { CONTACT_LENGTH, MAX_NODES, MAX_PEERS } from './messages.ts'

/** Counted apart from other bad fields. */
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
  if (bytes?.length === COMPACT_LENGTH[4]) return unpackEndpoint(bytes, 0, 4)
  if (bytes?.length === COMPACT_LENGTH[6]) return unpackEndpoint(bytes, 0, 6)
  context.addIssue({ code: 'custom', message: BAD_BLOB })
  return z.NEVER
})

const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)
const port = z.int().min(1).max(65_535)

/** In every message. `t` is echoed verbatim; `ro`: the sender answers nothing and must not be put into tables (BEP 43). */
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
  /** The requester's endpoint as the replier sees it (BEP 42); 6 or 18 bytes on the wire. */
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
  /** The announce was stored, and will be kept for so many seconds. */
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

export const MESSAGE_SCHEMAS = { ping, pong, findPeers, peers, announce } as const
