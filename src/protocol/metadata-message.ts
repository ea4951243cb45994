/** Messages of `ut_metadata` (BEP 9): the info dictionary in blocks of 16 KiB. */
import { BencodeDict, decodeBencodePrefix } from './bencode.ts'
import { encodeBencode } from './bencode-writer.ts'
import { ProtocolError } from './errors.ts'

/** Bytes of every block but the last. */
export const METADATA_BLOCK_LENGTH = 16_384
/** Values in the dictionary of a message: it has three keys; the rest is room for more. */
const MAX_MESSAGE_VALUES = 32

const REQUEST = 0
const DATA = 1
const REJECT = 2

/** `block` counts from 0. */
export type MetadataMessage =
  | { readonly type: 'request'; readonly block: number }
  /** `bytes` is a view on the message. */
  | { readonly type: 'data'; readonly block: number; readonly bytes: Uint8Array }
  | { readonly type: 'reject'; readonly block: number }

export function encodeMetadataRequest(block: number): Uint8Array {
  return encodeBencode({ msg_type: REQUEST, piece: block })
}

export function encodeMetadataReject(block: number): Uint8Array {
  return encodeBencode({ msg_type: REJECT, piece: block })
}

/** The block of `info` as a message. */
export function encodeMetadataData(block: number, info: Uint8Array): Uint8Array {
  const head = encodeBencode({ msg_type: DATA, piece: block, total_size: info.length })
  const bytes = info.subarray(block * METADATA_BLOCK_LENGTH, (block + 1) * METADATA_BLOCK_LENGTH)
  const message = new Uint8Array(head.length + bytes.length)
  message.set(head)
  message.set(bytes, head.length)
  return message
}

/**
 * @returns undefined for an unknown kind of message, which BEP 9 says to ignore
 * @throws {ProtocolError} `bencode.malformed`, `wire.malformed`
 */
export function decodeMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  const { value, length } = decodeBencodePrefix(payload, { maxValues: MAX_MESSAGE_VALUES })
  const type = value instanceof BencodeDict ? value.integer('msg_type') : undefined
  if (!(value instanceof BencodeDict) || type === undefined)
    throw new ProtocolError('wire.malformed', 'a metadata message without its kind')
  if (type !== REQUEST && type !== DATA && type !== REJECT) return undefined
  const block = value.integer('piece')
  if (block === undefined || block < 0)
    throw new ProtocolError('wire.malformed', 'a metadata message without the number of a block')
  if (type === DATA) return { type: 'data', block, bytes: payload.subarray(length) }
  return { type: type === REQUEST ? 'request' : 'reject', block }
}
