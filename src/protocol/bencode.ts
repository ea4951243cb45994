/**
 * Reads bencode (BEP 3). The exact bytes of every dictionary value are kept, because an info hash is taken over bytes, not
 * over meaning. Byte strings come out as views on the input: copy what must outlive it.
 */
import { ProtocolError } from './errors.ts'
import { decodeUtf8 } from './text.ts'

/** Integers are numbers while they are safe, bigints beyond 2^53 - 1. */
export type Bencode = number | bigint | Uint8Array | readonly Bencode[] | BencodeDict

export interface BencodeLimits {
  /** Values of all kinds, nested ones included. Default {@link MAX_VALUES}. */
  readonly maxValues?: number
}

export interface Decoded {
  readonly value: Bencode
  /** Bytes that the value takes. */
  readonly length: number
  /** Keys were sorted everywhere: encoding the value again gives the same bytes. */
  readonly isCanonical: boolean
}

/** Lists and dictionaries inside each other. */
export const MAX_DEPTH = 64
/** Values of one message unless the caller says otherwise: no extension, tracker or PEX message comes near. */
const MAX_VALUES = 65_536
/** Digits of an integer: far beyond 64 bits, and short enough that reading one costs nothing. */
const MAX_INTEGER_DIGITS = 64
/** Digits of a string's length: more could not be a buffer's size. */
const MAX_LENGTH_DIGITS = 10

interface Entry {
  readonly key: string
  readonly value: Bencode
  /** Where the value lies in the source. */
  readonly start: number
  readonly end: number
}

/** A decoded dictionary. Keys are latin1 text, one character a byte; any key is safe, `__proto__` too. */
export class BencodeDict {
  /** Sorted by key, without duplicates. */
  readonly #entries: readonly Entry[]
  readonly #source: Uint8Array

  constructor(entries: readonly Entry[], source: Uint8Array) {
    this.#entries = entries
    this.#source = source
  }

  get size(): number {
    return this.#entries.length
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined
  }

  get(key: string): Bencode | undefined {
    return this.#find(key)?.value
  }

  /** The value's bytes exactly as they stood in the input. */
  raw(key: string): Uint8Array | undefined {
    const entry = this.#find(key)
    return entry && this.#source.subarray(entry.start, entry.end)
  }

  /** A safe integer; undefined when there is none under `key`, as with the other typed readers. */
  integer(key: string): number | undefined {
    const value = this.get(key)
    return typeof value === 'number' ? value : undefined
  }

  bytes(key: string): Uint8Array | undefined {
    const value = this.get(key)
    return value instanceof Uint8Array ? value : undefined
  }

  /** A byte string that is valid UTF-8. */
  text(key: string): string | undefined {
    const value = this.bytes(key)
    return value && decodeUtf8(value)
  }

  list(key: string): readonly Bencode[] | undefined {
    const value = this.get(key)
    return isBencodeList(value) ? value : undefined
  }

  dict(key: string): BencodeDict | undefined {
    const value = this.get(key)
    return value instanceof BencodeDict ? value : undefined
  }

  /** Keys in the order of their bytes. */
  *keys(): Generator<string, void> {
    for (const { key } of this.#entries) yield key
  }

  *entries(): Generator<readonly [key: string, value: Bencode], void> {
    for (const { key, value } of this.#entries) yield [key, value]
  }

  #find(key: string): Entry | undefined {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#entries[middle]!
      if (entry.key === key) return entry
      if (entry.key < key) low = middle + 1
      else high = middle
    }
    return undefined
  }
}

export function isBencodeList(value: Bencode | undefined): value is readonly Bencode[] {
  return Array.isArray(value)
}

/**
 * Reads one value that fills `bytes`.
 *
 * @throws {ProtocolError} `bencode.malformed`, with the offset; nothing else, whatever the bytes
 */
export function decodeBencode(bytes: Uint8Array, limits: BencodeLimits = {}): Decoded {
  const decoded = decodeBencodePrefix(bytes, limits)
  if (decoded.length < bytes.length) throw malformed('more bytes behind the value', decoded.length)
  return decoded
}

/** Reads the value at the start of `bytes`; what follows it (a metadata block of BEP 9) is the caller's. */
export function decodeBencodePrefix(bytes: Uint8Array, limits: BencodeLimits = {}): Decoded {
  const reader = new Reader(bytes, limits)
  const value = reader.value(0)
  return { value, length: reader.at, isCanonical: reader.isCanonical }
}

/** Reads a dictionary that fills `bytes`: what most messages are. */
export function decodeBencodeDict(bytes: Uint8Array, limits: BencodeLimits = {}): BencodeDict {
  const { value } = decodeBencode(bytes, limits)
  if (!(value instanceof BencodeDict)) throw malformed('a dictionary was expected', 0)
  return value
}

function malformed(what: string, offset: number): ProtocolError {
  return new ProtocolError('bencode.malformed', `${what} (byte ${offset})`, { data: { offset } })
}

const ZERO = 0x30
const COLON = 0x3a
const MINUS = 0x2d
const LETTER = { d: 0x64, e: 0x65, i: 0x69, l: 0x6c } as const

class Reader {
  at = 0
  isCanonical = true
  #values = 0
  readonly #bytes: Uint8Array
  readonly #maxValues: number

  constructor(bytes: Uint8Array, { maxValues = MAX_VALUES }: BencodeLimits) {
    this.#bytes = bytes
    this.#maxValues = maxValues
  }

  value(depth: number): Bencode {
    if (++this.#values > this.#maxValues) throw malformed(`more than ${this.#maxValues} values`, this.at)
    switch (this.#bytes[this.at]) {
      case LETTER.i:
        return this.#integer()
      case LETTER.l:
        return this.#list(depth + 1)
      case LETTER.d:
        return this.#dict(depth + 1)
      default:
        return this.#string()
    }
  }

  #integer(): number | bigint {
    const start = this.at++
    const isNegative = this.#bytes[this.at] === MINUS
    if (isNegative) this.at++
    const first = this.at
    const value = this.#digits(MAX_INTEGER_DIGITS, start)
    if (isNegative && this.#bytes[first] === ZERO) throw malformed('a negative zero', start)
    if (this.#bytes[this.at] !== LETTER.e) throw malformed('an integer that does not end', start)
    const end = this.at++
    if (Number.isSafeInteger(value)) return isNegative ? -value : value
    const exact = BigInt(latin1(this.#bytes, first, end))
    return isNegative ? -exact : exact
  }

  #string(): Uint8Array {
    const start = this.at
    const length = this.#digits(MAX_LENGTH_DIGITS, start)
    if (this.#bytes[this.at] !== COLON) throw malformed('a string length without a colon', start)
    this.at++
    if (length > this.#bytes.length - this.at) throw malformed('a string longer than the rest', start)
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  /** A decimal number without leading zeros; inexact above 2^53. */
  #digits(maxDigits: number, start: number): number {
    const first = this.at
    let value = 0
    for (;;) {
      const digit = this.#bytes[this.at]! - ZERO
      if (!(digit >= 0 && digit <= 9)) break
      value = value * 10 + digit
      this.at++
      if (this.at - first > maxDigits) throw malformed('a number with too many digits', start)
    }
    const count = this.at - first
    if (count === 0)
      throw malformed(
        start >= this.#bytes.length ? 'the end in the middle of a value' : 'no value begins here',
        start,
      )
    if (count > 1 && this.#bytes[first] === ZERO) throw malformed('a number with a leading zero', start)
    return value
  }

  #list(depth: number): readonly Bencode[] {
    const items: Bencode[] = []
    this.#open(depth)
    while (!this.#isClosed()) items.push(this.value(depth))
    return items
  }

  #dict(depth: number): BencodeDict {
    const start = this.at
    const entries: Entry[] = []
    let isSorted = true
    this.#open(depth)
    while (!this.#isClosed()) {
      const keyAt = this.at
      const bytes = this.#string()
      const key = latin1(bytes, 0, bytes.length)
      const previous = entries.at(-1)
      if (previous !== undefined && key <= previous.key) {
        if (key === previous.key) throw malformed('a key that occurs twice', keyAt)
        isSorted = false
      }
      const valueAt = this.at
      const value = this.value(depth)
      entries.push({ key, value, start: valueAt, end: this.at })
    }
    if (!isSorted) {
      this.isCanonical = false
      entries.sort((a, b) => (a.key < b.key ? -1 : 1))
      for (let i = 1; i < entries.length; i++)
        if (entries[i - 1]!.key === entries[i]!.key)
          throw malformed('a dictionary with a key that occurs twice', start)
    }
    return new BencodeDict(entries, this.#bytes)
  }

  #open(depth: number): void {
    if (depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`, this.at)
    this.at++
  }

  #isClosed(): boolean {
    if (this.#bytes[this.at] !== LETTER.e) return false
    this.at++
    return true
  }
}

/** Arguments of one `fromCharCode` call; a key of any length must not overflow the stack. */
const CHARACTERS_A_CALL = 4_096

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at += CHARACTERS_A_CALL)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + CHARACTERS_A_CALL)))
  return text
}
