/** Writes messages as bytes, directly into the datagram: a string in between would cost more than everything in it. */
import { writeBase64Url } from '../../protocol/base64.ts'
import {
  COMPACT_LENGTH,
  familyOf,
  packEndpoint,
  type Endpoint,
  type Family,
} from '../../protocol/endpoint.ts'
import { InvariantError } from '../../protocol/errors.ts'
import { writeHex } from '../../protocol/ids.ts'
import {
  PROTOCOL_VERSION,
  type AnnounceMessage,
  type FindPeersMessage,
  type Message,
  type PeersMessage,
  type PongMessage,
  type Request,
} from './messages.ts'

/** The text in front of each value; the common start of all messages is in one piece. */
const VERSION = bytesOf(`{"v":${PROTOCOL_VERSION}`)
const NET = bytesOf(',"net":"')
const PING = bytesOf(',"type":"ping","t":"')
const PONG = bytesOf(',"type":"pong","t":"')
const FIND_PEERS = bytesOf(',"type":"findPeers","t":"')
const PEERS_REPLY = bytesOf(',"type":"peers","t":"')
const ANNOUNCE = bytesOf(',"type":"announce","t":"')
const ID = bytesOf('","id":"')
const RO = bytesOf(',"ro":')
const RP = bytesOf(',"rp":')
const TARGET = bytesOf(',"target":"')
const INFO_HASH = bytesOf(',"infoHash":"')
const TOKEN = bytesOf(',"token":"')
const IMPLIED = bytesOf(',"implied":')
const PORT = bytesOf(',"port":')
const SEED = bytesOf(',"seed":')
const IP = bytesOf(',"ip":"')
const TIME_TO_LIVE = bytesOf(',"ttl":')
const TS = bytesOf(',"ts":')
const NODES = bytesOf(',"nodes":"')
const NODES6 = bytesOf(',"nodes6":"')
const PEERS = bytesOf(',"peers":"')
const PEERS6 = bytesOf(',"peers6":"')
const N = bytesOf(',"n":')
const MORE = bytesOf(',"more":')
const PAD = bytesOf(',"pad":"')

const ZERO = 0x30
const QUOTE = 0x22
const END = 0x7d

/**
 * Writes `message` to the start of `out`.
 *
 * @param net the network id that every message of a private network carries
 * @returns how many bytes it has
 * @throws {InvariantError} it has more than `out`
 */
export function writeMessage(message: Message, net: string | undefined, out: Uint8Array): number {
  const end = writeBody(message, out, writeHead(message, net, out))
  out[end] = END
  if (end >= out.length) throw new InvariantError(`a message of ${end + 1} bytes`)
  return end + 1
}

/** What all messages have. Each of these takes and returns where in `out` the next byte belongs. */
function writeHead(message: Message, net: string | undefined, out: Uint8Array): number {
  let at = bytes(out, 0, VERSION)
  at = text(out, at, NET, net)
  at = bytes(out, at, typeOf(message))
  at = ascii(out, at, message.t)
  at = bytes(out, at, ID)
  at = quote(out, writeHex(message.id, out, at))
  return integer(out, at, RO, message.ro)
}

function typeOf(message: Message): Uint8Array {
  switch (message.type) {
    case 'ping':
      return PING
    case 'pong':
      return PONG
    case 'findPeers':
      return FIND_PEERS
    case 'peers':
      return PEERS_REPLY
    case 'announce':
      return ANNOUNCE
  }
}

function writeBody(message: Message, out: Uint8Array, at: number): number {
  switch (message.type) {
    case 'ping':
      return writePad(message, out, integer(out, at, RP, message.rp))
    case 'pong':
      return writePong(message, out, at)
    case 'findPeers':
      return writeFindPeers(message, out, at)
    case 'peers':
      return writePeers(message, out, at)
    case 'announce':
      return writeAnnounce(message, out, at)
  }
}

function writeFindPeers(message: FindPeersMessage, out: Uint8Array, from: number): number {
  let at = hex(out, from, TARGET, message.target)
  at = hex(out, at, INFO_HASH, message.infoHash)
  if (message.want !== undefined) at = ascii(out, at, `,"want":${JSON.stringify(message.want)}`)
  at = text(out, at, TOKEN, message.token)
  return writePad(message, out, at)
}

function writeAnnounce(message: AnnounceMessage, out: Uint8Array, from: number): number {
  let at = hex(out, from, INFO_HASH, message.infoHash)
  at = integer(out, at, IMPLIED, message.implied)
  at = integer(out, at, PORT, message.port)
  at = text(out, at, TOKEN, message.token)
  at = integer(out, at, SEED, message.seed)
  return writePad(message, out, at)
}

function writePong(message: PongMessage, out: Uint8Array, from: number): number {
  let at = endpoint(out, from, IP, message.ip)
  at = integer(out, at, TIME_TO_LIVE, message.ttl)
  at = integer(out, at, TS, message.ts)
  return writeError(message, out, at)
}

function writePeers(message: PeersMessage, out: Uint8Array, from: number): number {
  let at = endpoint(out, from, IP, message.ip)
  at = text(out, at, TOKEN, message.token)
  at = base64(out, at, NODES, message.nodes)
  at = base64(out, at, NODES6, message.nodes6)
  at = base64(out, at, PEERS, message.peers)
  at = base64(out, at, PEERS6, message.peers6)
  at = integer(out, at, N, message.n)
  at = integer(out, at, MORE, message.more)
  return writeError(message, out, at)
}

function writePad({ pad }: Request, out: Uint8Array, from: number): number {
  if (pad === undefined) return from
  const at = bytes(out, from, PAD)
  out.fill(ZERO, at, at + pad)
  return quote(out, at + pad)
}

function writeError({ e }: PongMessage | PeersMessage, out: Uint8Array, at: number): number {
  return e === undefined ? at : ascii(out, at, `,"e":[${e[0]},"${e[1]}"]`)
}

// One field each; one that is undefined is left out. What does not fit is counted, not written.

function integer(out: Uint8Array, at: number, key: Uint8Array, value: number | undefined): number {
  return value === undefined ? at : ascii(out, bytes(out, at, key), String(value))
}

function text(out: Uint8Array, from: number, key: Uint8Array, value: string | undefined): number {
  return value === undefined ? from : quote(out, ascii(out, bytes(out, from, key), value))
}

function hex(out: Uint8Array, from: number, key: Uint8Array, value: Uint8Array | undefined): number {
  return value === undefined ? from : quote(out, writeHex(value, out, bytes(out, from, key)))
}

function base64(out: Uint8Array, from: number, key: Uint8Array, value: Uint8Array | undefined): number {
  return value === undefined ? from : quote(out, writeBase64Url(value, out, bytes(out, from, key)))
}

function endpoint(out: Uint8Array, from: number, key: Uint8Array, value: Endpoint | undefined): number {
  if (value === undefined) return from
  const compact = COMPACT[familyOf(value.host)]
  packEndpoint(value, compact, 0)
  return base64(out, from, key, compact)
}

/** Until it is written. */
const COMPACT: Readonly<Record<Family, Uint8Array>> = {
  4: new Uint8Array(COMPACT_LENGTH[4]),
  6: new Uint8Array(COMPACT_LENGTH[6]),
}

/** The end of a text. */
function quote(out: Uint8Array, at: number): number {
  out[at] = QUOTE
  return at + 1
}

/** In a loop: for a few bytes, calling a copy function takes longer. */
function bytes(out: Uint8Array, at: number, piece: Uint8Array): number {
  for (let i = 0; i < piece.length; i++) out[at + i] = piece[i]!
  return at + piece.length
}

function ascii(out: Uint8Array, at: number, piece: string): number {
  for (let i = 0; i < piece.length; i++) out[at + i] = piece.charCodeAt(i)
  return at + piece.length
}

function bytesOf(piece: string): Uint8Array {
  return new TextEncoder().encode(piece)
}
