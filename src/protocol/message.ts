/** What peers say to each other after the handshake (BEP 3, BEP 10): the messages, and their encoding. */

/** Names of the ids on the wire. */
export const MESSAGE_ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  extended: 20,
} as const

/** Requested bytes of a piece: `begin … begin + length - 1`. Unchecked when it came from the wire. */
export interface BlockRange {
  readonly piece: number
  readonly begin: number
  readonly length: number
}

/** Every array is a view that is valid only while the message is being handled. Indices are unchecked. */
export type WireMessage =
  | { readonly type: 'keepAlive' }
  | { readonly type: 'choke' | 'unchoke' | 'interested' | 'notInterested' }
  | { readonly type: 'have'; readonly piece: number }
  | { readonly type: 'bitfield'; readonly bytes: Uint8Array }
  | ({ readonly type: 'request' | 'cancel' } & BlockRange)
  /** A block, or a part of one. */
  | { readonly type: 'piece'; readonly piece: number; readonly begin: number; readonly block: Uint8Array }
  /** UDP port of the sender's Mainline DHT node (BEP 5). */
  | { readonly type: 'port'; readonly port: number }
  /** `id` 0 is the extension handshake; others are ours to give out (BEP 10). */
  | { readonly type: 'extended'; readonly id: number; readonly payload: Uint8Array }
  /** Skipped. `length` counts the id and the payload. */
  | { readonly type: 'unknown'; readonly id: number; readonly length: number }

/** A `have` message, length prefix included. */
const HAVE_LENGTH = 9
/** Bytes of a `request` or `cancel`, its length prefix included. */
const REQUEST_LENGTH = 17
/** Bytes in front of the block in a `piece` message, its length prefix included. */
export const PIECE_HEADER_LENGTH = 13

export function encodeKeepAlive(): Uint8Array {
  return new Uint8Array(4)
}

export function encodeChoke(): Uint8Array {
  return encodeEmpty(MESSAGE_ID.choke)
}

export function encodeUnchoke(): Uint8Array {
  return encodeEmpty(MESSAGE_ID.unchoke)
}

export function encodeInterested(): Uint8Array {
  return encodeEmpty(MESSAGE_ID.interested)
}

export function encodeNotInterested(): Uint8Array {
  return encodeEmpty(MESSAGE_ID.notInterested)
}

/** All in one array, for one write. */
export function encodeHaves(pieces: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(pieces.length * HAVE_LENGTH)
  let at = 0
  for (const piece of pieces) {
    bytes[at + 3] = HAVE_LENGTH - 4
    bytes[at + 4] = MESSAGE_ID.have
    writeUint32(bytes, at + 5, piece)
    at += HAVE_LENGTH
  }
  return bytes
}

/** The bits are copied. */
export function encodeBitfield(bits: Uint8Array): Uint8Array {
  const bytes = frame(MESSAGE_ID.bitfield, bits.length)
  bytes.set(bits, 5)
  return bytes
}

/**
 * All requests in one array: n × {@link REQUEST_LENGTH} bytes, for one write.
 *
 * @param maxLength ranges are cut at its multiples, so that for a peer that reads ahead by powers of two, each request lies
 *   in one window; by default they are not cut
 */
export function encodeRequests(ranges: readonly BlockRange[], maxLength: number = Infinity): Uint8Array {
  return encodeRanges(MESSAGE_ID.request, ranges, maxLength)
}

export function encodeCancels(requests: readonly BlockRange[]): Uint8Array {
  return encodeRanges(MESSAGE_ID.cancel, requests, Infinity)
}

/** What goes in front of a block of `length` bytes, so that the block itself is written without a copy. */
export function encodePieceHeader(piece: number, begin: number, length: number): Uint8Array {
  const bytes = new Uint8Array(PIECE_HEADER_LENGTH)
  writeUint32(bytes, 0, 9 + length)
  bytes[4] = MESSAGE_ID.piece
  writeUint32(bytes, 5, piece)
  writeUint32(bytes, 9, begin)
  return bytes
}

/** @param id the remote's number for the extension; 0 for the handshake */
export function encodeExtended(id: number, payload: Uint8Array): Uint8Array {
  const bytes = frame(MESSAGE_ID.extended, 1 + payload.length)
  bytes[5] = id
  bytes.set(payload, 6)
  return bytes
}

function encodeEmpty(id: number): Uint8Array {
  return frame(id, 0)
}

function encodeRanges(id: number, ranges: readonly BlockRange[], maxLength: number): Uint8Array {
  let count = 0
  for (const { begin, length } of ranges) count += Math.ceil(((begin % maxLength) + length) / maxLength) || 1
  const bytes = new Uint8Array(count * REQUEST_LENGTH)
  let at = 0
  for (const { piece, begin, length } of ranges) {
    let done = 0
    do {
      const part = Math.min(maxLength - ((begin + done) % maxLength), length - done)
      bytes[at + 3] = REQUEST_LENGTH - 4
      bytes[at + 4] = id
      writeUint32(bytes, at + 5, piece)
      writeUint32(bytes, at + 9, begin + done)
      writeUint32(bytes, at + 13, part)
      at += REQUEST_LENGTH
      done += part
    } while (done < length)
  }
  return bytes
}

/** Length prefix and id, with room for the payload. */
function frame(id: number, payloadLength: number): Uint8Array {
  const bytes = new Uint8Array(5 + payloadLength)
  writeUint32(bytes, 0, 1 + payloadLength)
  bytes[4] = id
  return bytes
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
