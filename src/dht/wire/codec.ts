/**
 * Messages ⇄ JSON datagrams. What is sent is compact printable ASCII without a backslash and with exactly one `{`,
 * so that one scan over the bytes refuses bad UTF-8, escapes, hidden keys and deep nesting before `JSON.parse` runs.
 */
import type { DropReason } from './drops.ts'
import { PROTOCOL_VERSION, type Message } from './messages.ts'
import { readMessage } from './read-message.ts'
import { writeMessage } from './write-message.ts'

/** Top-level keys of one message, known ones and others. */
const MAX_KEYS = 24

const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

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

/** @returns the message in a fresh object of its own, or why the datagram is dropped */
export function decodeMessage(data: Uint8Array, net?: string): Message | DropReason {
  const keys = scan(data)
  if (typeof keys === 'string') return keys
  const parsed = parseJson(ascii.decode(data))
  if (parsed === undefined) return 'json'
  // A repeated key leaves fewer keys in the object than there are in the text.
  const names = Object.keys(parsed)
  if (names.length !== keys || names.some((name) => FORBIDDEN_KEYS.has(name))) return 'keys'
  if (parsed.v !== PROTOCOL_VERSION) return 'version'
  if (parsed.net !== net) return 'net'
  return readMessage(parsed)
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    // The scan saw one '{', at the start: whatever parses is an object without further objects inside.
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const SPACE = 0x20
const QUOTE = 0x22
const TILDE = 0x7e
const BACKSLASH = 0x5c
const COLON = 0x3a
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const LOWER_E = 0x65
const UPPER_E = 0x45
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_9
}

/**
 * Refuses what no message may hold: bytes outside printable ASCII, backslashes, a second `{`, arrays in arrays, and
 * numbers with a sign, a fraction or an exponent.
 *
 * @returns the number of keys in the text, or why it is refused
 */
function scan(data: Uint8Array): number | DropReason {
  if (data[0] !== BRACE_OPEN || data[data.length - 1] !== BRACE_CLOSE) return 'charset'
  let keys = 0
  let isInString = false
  let isInArray = false
  for (let at = 1; at < data.length; at++) {
    const byte = data[at]!
    if (byte < SPACE || byte > TILDE || byte === BACKSLASH || byte === BRACE_OPEN) return 'charset'
    if (byte === QUOTE) {
      if (isInString && data[at + 1] === COLON) keys++
      isInString = !isInString
    } else if (!isInString) {
      if (byte === BRACKET_OPEN) {
        if (isInArray) return 'charset'
        isInArray = true
      } else if (byte === BRACKET_CLOSE) isInArray = false
      else if (byte === PLUS || byte === MINUS || byte === POINT) return 'charset'
      else if ((byte === LOWER_E || byte === UPPER_E) && isDigit(data[at - 1]!)) return 'charset'
    }
  }
  return keys > MAX_KEYS ? 'keys' : keys
}
