/** Messages as bytes, written where they are sent from: a text in between would cost more than all that is in it. */
import { writeBase64Url } from '../../protocol/base64.ts'
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
  writer.begin(out)
  writer.integer(`{"v":`, PROTOCOL_VERSION)
  writer.text(',"net":"', net)
  writer.text(',"type":"', message.type)
  writer.text(',"t":"', message.t)
  writer.hex(',"id":"', message.id)
  writer.integer(',"ro":', message.ro)
  switch (message.type) {
    case 'ping':
      writer.integer(',"rp":', message.rp)
      writePad(message)
      break
    case 'findPeers':
      writeFindPeers(message)
      break
    case 'announce':
      writeAnnounce(message)
      break
    case 'pong':
      writePong(message)
      break
    case 'peers':
      writePeers(message)
      break
  }
  return writer.end()
}

function writeFindPeers(message: FindPeersMessage): void {
  writer.hex(',"target":"', message.target)
  writer.hex(',"infoHash":"', message.infoHash)
  if (message.want !== undefined) writer.ascii(`,"want":${JSON.stringify(message.want)}`)
  writer.text(',"token":"', message.token)
  writePad(message)
}

function writeAnnounce(message: AnnounceMessage): void {
  writer.hex(',"infoHash":"', message.infoHash)
  writer.integer(',"implied":', message.implied)
  writer.integer(',"port":', message.port)
  writer.text(',"token":"', message.token)
  writer.integer(',"seed":', message.seed)
  writePad(message)
}

function writePong(message: PongMessage): void {
  writer.base64(',"ip":"', message.ip)
  writer.integer(',"ttl":', message.ttl)
  writer.integer(',"ts":', message.ts)
  writeError(message)
}

function writePeers(message: PeersMessage): void {
  writer.base64(',"ip":"', message.ip)
  writer.text(',"token":"', message.token)
  writer.base64(',"nodes":"', message.nodes)
  writer.base64(',"nodes6":"', message.nodes6)
  writer.base64(',"peers":"', message.peers)
  writer.base64(',"peers6":"', message.peers6)
  writer.integer(',"n":', message.n)
  writer.integer(',"more":', message.more)
  writeError(message)
}

function writePad({ pad }: Request): void {
  if (pad !== undefined) writer.zeros(',"pad":"', pad)
}

function writeError({ e }: PongMessage | PeersMessage): void {
  if (e !== undefined) writer.ascii(`,"e":[${e[0]},"${e[1]}"]`)
}

/** Writes one field after the other; one that is undefined is left out. What does not fit is counted, not written. */
class FieldWriter {
  #out: Uint8Array = new Uint8Array()
  #at = 0

  begin(out: Uint8Array): void {
    this.#out = out
    this.#at = 0
  }

  /** @returns the bytes written */
  end(): number {
    this.#out[this.#at++] = END
    if (this.#at > this.#out.length) throw new InvariantError(`a message of ${this.#at} bytes`)
    return this.#at
  }

  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#out[this.#at++] = text.charCodeAt(i)
  }

  /** @param key all in front of the value */
  integer(key: string, value: number | undefined): void {
    if (value === undefined) return
    this.ascii(key)
    this.ascii(String(value))
  }

  text(key: string, value: string | undefined): void {
    if (value === undefined) return
    this.ascii(key)
    this.ascii(value)
    this.#out[this.#at++] = QUOTE
  }

  hex(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) return
    this.ascii(key)
    this.#at = writeHex(value, this.#out, this.#at)
    this.#out[this.#at++] = QUOTE
  }

  base64(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) return
    this.ascii(key)
    this.#at = writeBase64Url(value, this.#out, this.#at)
    this.#out[this.#at++] = QUOTE
  }

  zeros(key: string, count: number): void {
    this.ascii(key)
    this.#out.fill(ZERO, this.#at, this.#at + count)
    this.#at += count
    this.#out[this.#at++] = QUOTE
  }
}

/** One for all, as a message is written without a word to anybody else. */
const writer = new FieldWriter()
