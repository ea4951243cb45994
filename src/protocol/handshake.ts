/** The 68 bytes that open every peer connection (BEP 3, "peer protocol"). */
import { ProtocolError } from './errors.ts'
import { ID_LENGTH, idFrom, type InfoHash, type PeerId } from './ids.ts'

/** Bytes: length prefix, protocol name, reserved bits, info hash, peer id. */
export const HANDSHAKE_LENGTH = 68

/** `19`, then the name. */
const PROTOCOL = new TextEncoder().encode('\u0013BitTorrent protocol')
const RESERVED_AT = PROTOCOL.length
const INFO_HASH_AT = RESERVED_AT + 8
const PEER_ID_AT = INFO_HASH_AT + ID_LENGTH

/** BEP 10: byte 5 of the reserved bytes, bit 0x10. */
const EXTENSION_BIT = [RESERVED_AT + 5, 0x10] as const
/** BEP 6: byte 7, bit 0x04. */
const FAST_BIT = [RESERVED_AT + 7, 0x04] as const

export interface Handshake {
  readonly infoHash: InfoHash
  readonly peerId: PeerId
  /** Speaks the extension protocol (BEP 10). */
  readonly hasExtensions: boolean
  /** Speaks the fast extension (BEP 6). */
  readonly hasFast: boolean
}

export function encodeHandshake({ infoHash, peerId, hasExtensions, hasFast }: Handshake): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_LENGTH)
  bytes.set(PROTOCOL)
  if (hasExtensions) bytes[EXTENSION_BIT[0]]! |= EXTENSION_BIT[1]
  if (hasFast) bytes[FAST_BIT[0]]! |= FAST_BIT[1]
  bytes.set(infoHash, INFO_HASH_AT)
  bytes.set(peerId, PEER_ID_AT)
  return bytes
}

/** Could these first bytes, few as they are, become a handshake? Lets a listener drop an HTTP client at once. */
export function isHandshakeStart(bytes: Uint8Array): boolean {
  const known = Math.min(bytes.length, PROTOCOL.length)
  for (let i = 0; i < known; i++) if (bytes[i] !== PROTOCOL[i]) return false
  return true
}

/**
 * Reads a handshake. The ids are copies.
 *
 * @param bytes at least {@link HANDSHAKE_LENGTH} bytes; anything after them is ignored
 * @throws {ProtocolError} `wire.not-bittorrent` when the remote speaks some other protocol, or says too little
 */
export function decodeHandshake(bytes: Uint8Array): Handshake {
  if (bytes.length < HANDSHAKE_LENGTH || !isHandshakeStart(bytes))
    throw new ProtocolError('wire.not-bittorrent', 'what the remote sent is not a BitTorrent handshake')
  return {
    infoHash: idFrom<InfoHash>(bytes.subarray(INFO_HASH_AT, PEER_ID_AT)),
    peerId: idFrom<PeerId>(bytes.subarray(PEER_ID_AT, HANDSHAKE_LENGTH)),
    hasExtensions: (bytes[EXTENSION_BIT[0]]! & EXTENSION_BIT[1]) !== 0,
    hasFast: (bytes[FAST_BIT[0]]! & FAST_BIT[1]) !== 0,
  }
}
