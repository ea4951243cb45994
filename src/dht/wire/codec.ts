/**
 * Messages ⇄ JSON datagrams. What is sent is compact printable ASCII without a backslash and with exactly one `{`:
 * bad UTF-8, escapes, hidden keys and deep nesting are refused on sight.
 */
import { COMPACT_LENGTH, familyOf, type Endpoint } from '../../protocol/endpoint.ts'
import { ID_LENGTH } from '../../protocol/ids.ts'
import type { DropReason } from './drops.ts'
import { PROTOCOL_VERSION, type Message } from './messages.ts'
import { FlatObject, placeOf } from './flat-object.ts'
import { readPlainPing } from './plain-ping.ts'
import { readMessage } from './read-message.ts'
import { writeMessage } from './write-message.ts'

const ascii = new TextDecoder()

/** No message has more bytes, whatever is in it. */
const MAX_TEXT_BYTES = 4_096
const scratch = new Uint8Array(MAX_TEXT_BYTES)

/** The datagram's text. @param net the network id that every message of a private network carries */
export function encodeMessage(message: Message, net?: string): string {
  return ascii.decode(scratch.subarray(0, writeMessage(message, net, scratch)))
}

/** Bytes that `length` bytes take in unpadded base64. */
export function base64Length(length: number): number {
  return Math.ceil((length * 4) / 3)
}

/** Bytes that a network id adds to each message. */
export function netOverhead(net: string | undefined): number {
  return net === undefined ? 0 : '"net":"",'.length + net.length
}

/** `{"v":1,"type":"","t":"","id":""}` and the id. */
const FRAME_LENGTH = 32 + 2 * ID_LENGTH

/** `encodeMessage(message).length` without making the text: used by the simulator and for the budget of a reply. */
export function encodedLength(message: Message): number {
  return (
    FRAME_LENGTH + message.type.length + message.t.length + digits('ro', message.ro) + bodyLength(message)
  )
}

function bodyLength(message: Message): number {
  switch (message.type) {
    case 'ping':
      return digits('rp', message.rp) + text('pad', message.pad)
    case 'findPeers':
      return (
        hex('target', message.target) +
        hex('infoHash', message.infoHash) +
        wantLength(message.want) +
        text('token', message.token?.length) +
        text('pad', message.pad)
      )
    case 'announce':
      return (
        hex('infoHash', message.infoHash) +
        digits('port', message.port) +
        digits('implied', message.implied) +
        text('token', message.token.length) +
        digits('seed', message.seed) +
        text('pad', message.pad)
      )
    case 'pong':
      return (
        endpoint('ip', message.ip) +
        errorLength(message.e) +
        digits('ttl', message.ttl) +
        digits('ts', message.ts)
      )
    case 'peers':
      return (
        endpoint('ip', message.ip) +
        errorLength(message.e) +
        text('token', message.token?.length) +
        blob('nodes', message.nodes) +
        blob('nodes6', message.nodes6) +
        blob('peers', message.peers) +
        blob('peers6', message.peers6) +
        digits('n', message.n) +
        digits('more', message.more)
      )
  }
}

/** What a field takes, with the comma before it; nothing when there is none. `length` characters of text … */
function text(key: string, length: number | undefined): number {
  return length === undefined ? 0 : key.length + 6 + length
}

/** … a number … */
function digits(key: string, value: number | undefined): number {
  return value === undefined ? 0 : key.length + 4 + String(value).length
}

/** … bytes in base64 … */
function blob(key: string, value: Uint8Array | undefined): number {
  return value === undefined ? 0 : text(key, base64Length(value.length))
}

/** … an endpoint, compact … */
function endpoint(key: string, value: Endpoint | undefined): number {
  return value === undefined ? 0 : text(key, base64Length(COMPACT_LENGTH[familyOf(value.host)]))
}

/** … and in hex. */
function hex(key: string, value: Uint8Array | undefined): number {
  return value === undefined ? 0 : text(key, 2 * value.length)
}

/** `,"want":[]`, and `"n4"` for each, with commas between. */
function wantLength(want: readonly string[] | undefined): number {
  return want === undefined ? 0 : 10 + Math.max(0, 5 * want.length - 1)
}

/** `,"e":[200,""]` and the text. */
function errorLength(e: readonly [number, string] | undefined): number {
  return e === undefined ? 0 : 13 + e[1].length
}

const object = new FlatObject()
const VERSION = placeOf('v')
const NET = placeOf('net')

/** @returns the message in a fresh object of its own, or why the datagram is dropped */
export function decodeMessage(data: Uint8Array, net?: string): Message | DropReason {
  const ping = net === undefined ? readPlainPing(data) : undefined
  if (ping !== undefined) return ping
  const refusal = object.read(data)
  if (refusal !== undefined) return refusal
  if (!object.isDigit(VERSION, PROTOCOL_VERSION)) return 'version'
  if (net === undefined ? object.has(NET) : !object.isText(NET, net)) return 'net'
  return readMessage(object)
}
