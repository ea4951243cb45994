/**
 * Reads a typical ping: without optional fields, in the order in which we write them. Its length tells where everything is, so
 * that it is read in half of the time; all other pings, and wrong ones, are left to {@link readMessage}.
 */
import { ID_LENGTH, readHex, type NodeId } from '../../protocol/ids.ts'
import { MAX_TRANSACTION, MIN_TRANSACTION, PROTOCOL_VERSION, type PingMessage } from './messages.ts'
import { readWord } from './word.ts'

const BEFORE_T = bytesOf(`{"v":${PROTOCOL_VERSION},"type":"ping","t":"`)
const BEFORE_ID = bytesOf('","id":"')
const BEHIND_ID = bytesOf('"}')
/** Bytes of all but the transaction id. */
const FIXED = BEFORE_T.length + BEFORE_ID.length + 2 * ID_LENGTH + BEHIND_ID.length

/** @returns undefined for whatever else there is */
export function readPlainPing(data: Uint8Array): PingMessage | undefined {
  const length = data.length - FIXED
  if (length < MIN_TRANSACTION || length > MAX_TRANSACTION) return undefined
  const end = BEFORE_T.length + length
  const idAt = end + BEFORE_ID.length
  const isPlain =
    isThere(data, 0, BEFORE_T) &&
    isThere(data, end, BEFORE_ID) &&
    isThere(data, idAt + 2 * ID_LENGTH, BEHIND_ID)
  if (!isPlain) return undefined
  const t = readWord(data, BEFORE_T.length, end)
  const id = readHex(data, idAt, ID_LENGTH)
  if (t === undefined || id === undefined) return undefined
  return { type: 'ping', t, id: id as NodeId, ro: undefined, pad: undefined, rp: undefined }
}

function isThere(data: Uint8Array, from: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (data[from + i] !== bytes[i]) return false
  return true
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
