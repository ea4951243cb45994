/**
 * Messages ⇄ JSON datagrams. What is sent is compact printable ASCII without a backslash and with exactly one `{`:
 * bad UTF-8, escapes, hidden keys and deep nesting are refused where they stand.
 */
import type { DropReason } from './drops.ts'
import { PROTOCOL_VERSION, type Message } from './messages.ts'
import { FlatObject, placeOf } from './flat-object.ts'
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

/** `encodeMessage(message).length` without the text: what the simulator and the budget of a reply go by. */
export function encodedLength(message: Message): number {
  let length = `{"v":1,"type":"","t":"","id":""}`.length + 40 + message.type.length + message.t.length
  const text = (key: string, value: number | undefined): void => {
    if (value !== undefined) length += key.length + 6 + value
  }
  const digits = (key: string, value: number | undefined): void => {
    if (value !== undefined) length += key.length + 4 + String(value).length
  }
  const blob = (key: string, value: Uint8Array | undefined): void =>
    text(key, value && base64Length(value.length))
  const hex = (key: string, value: Uint8Array | undefined): void => text(key, value && 2 * value.length)

  digits('ro', message.ro)
  switch (message.type) {
    case 'ping':
      digits('rp', message.rp)
      text('pad', message.pad)
      break
    case 'findPeers':
      hex('target', message.target)
      hex('infoHash', message.infoHash)
      // ,"want":[] and "n4" for each, with commas between
      if (message.want !== undefined) length += ',"want":[]'.length + Math.max(0, 5 * message.want.length - 1)
      text('token', message.token?.length)
      text('pad', message.pad)
      break
    case 'announce':
      hex('infoHash', message.infoHash)
      digits('port', message.port)
      digits('implied', message.implied)
      text('token', message.token.length)
      digits('seed', message.seed)
      text('pad', message.pad)
      break
    case 'pong':
    case 'peers':
      blob('ip', message.ip)
      if (message.e !== undefined) length += ',"e":[200,""]'.length + message.e[1].length
      if (message.type === 'pong') {
        digits('ttl', message.ttl)
        digits('ts', message.ts)
        break
      }
      text('token', message.token?.length)
      blob('nodes', message.nodes)
      blob('nodes6', message.nodes6)
      blob('peers', message.peers)
      blob('peers6', message.peers6)
      digits('n', message.n)
      digits('more', message.more)
      break
  }
  return length
}

const object = new FlatObject()
const VERSION = placeOf('v')
const NET = placeOf('net')

/** @returns the message in a fresh object of its own, or why the datagram is dropped */
export function decodeMessage(data: Uint8Array, net?: string): Message | DropReason {
  const refusal = object.read(data)
  if (refusal !== undefined) return refusal
  if (!object.isDigit(VERSION, PROTOCOL_VERSION)) return 'version'
  if (net === undefined ? object.has(NET) : !object.isText(NET, net)) return 'net'
  return readMessage(object)
}
