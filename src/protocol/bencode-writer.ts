/** Writes bencode (BEP 3). */
import { BencodeDict } from './bencode.ts'
import { invariant, InvariantError } from './errors.ts'

/** What can be written. Strings become UTF-8; undefined members of a record are left out; Map keys are latin1, one character a byte. */
export type Encodable =
  | string
  | number
  | bigint
  | Uint8Array
  | RawBencode
  | BencodeDict
  | readonly Encodable[]
  | ReadonlyMap<string, Encodable>
  | { readonly [key: string]: Encodable | undefined }

/** Bytes that are bencode already, to be written as they are. */
export class RawBencode {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** Writes canonical bencode: keys sorted by their bytes. Numbers must be safe integers. */
export function encodeBencode(value: Encodable): Uint8Array {
  const writer = new Writer()
  writer.value(value)
  return writer.finish()
}

const encoder = new TextEncoder()

class Writer {
  #bytes = new Uint8Array(256)
  #length = 0
  readonly #scratch = new Uint8Array(256)

  value(value: Encodable): void {
    if (typeof value === 'string') this.#text(value)
    else if (value instanceof Uint8Array) this.#string(value)
    else if (typeof value === 'bigint') this.#ascii(`i${value}e`)
    else if (typeof value === 'number') {
      invariant(Number.isSafeInteger(value), `bencode has no ${value}`)
      this.#ascii(`i${value}e`)
    } else if (value instanceof RawBencode) this.#append(value.bytes)
    else if (isList(value)) {
      this.#ascii('l')
      for (const item of value) this.value(item)
      this.#ascii('e')
    } else this.#dict(value instanceof BencodeDict || isMap(value) ? value.entries() : Object.entries(value))
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #dict(members: Iterable<readonly [string, Encodable | undefined]>): void {
    this.#ascii('d')
    // One character is one byte, so the order of the strings is the order of the bytes.
    for (const [key, value] of [...members].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (value === undefined) continue
      this.#ascii(`${key.length}:`)
      this.#latin1(key)
      this.value(value)
    }
    this.#ascii('e')
  }

  #string(bytes: Uint8Array): void {
    this.#ascii(`${bytes.length}:`)
    this.#append(bytes)
  }

  #text(text: string): void {
    const bytes = this.#scratch
    // Most strings are names: short enough to be encoded without a buffer of their own.
    if (text.length * 3 > bytes.length) this.#string(encoder.encode(text))
    else this.#string(bytes.subarray(0, encoder.encodeInto(text, bytes).written))
  }

  #ascii(text: string): void {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i)
  }

  #latin1(text: string): void {
    for (let i = 0; i < text.length; i++)
      if (text.charCodeAt(i) > 0xff) throw new InvariantError('a key is latin1, one character a byte')
    this.#ascii(text)
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}

function isList(value: Encodable): value is readonly Encodable[] {
  return Array.isArray(value)
}

function isMap(value: Encodable): value is ReadonlyMap<string, Encodable> {
  return value instanceof Map
}
