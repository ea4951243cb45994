/**
 * The members of a JSON object without objects inside, found in one pass over its bytes. No string and no object is made of
 * what nobody reads: `JSON.parse` took half of the time of a request.
 *
 * It accepts less than JSON: printable ASCII, no backslash, one `{`, no array in an array, no number but digits.
 */
import type { DropReason } from './drops.ts'

/** All keys of messages; members with other keys are checked likewise, and ignored. */
const KEYS = [
  'v',
  'net',
  'type',
  't',
  'id',
  'ro',
  'pad',
  'rp',
  'target',
  'infoHash',
  'want',
  'token',
  'port',
  'implied',
  'seed',
  'ip',
  'e',
  'ttl',
  'ts',
  'nodes',
  'nodes6',
  'peers',
  'peers6',
  'n',
  'more',
] as const
export type Key = (typeof KEYS)[number]

/** Members of one object, known ones and others. */
const MAX_MEMBERS = 24

const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype'].map(bytesOf)

/** The kind of a member's value. */
export const ABSENT = 0
export const TEXT = 1
export const INTEGER = 2
export const LIST = 3
const LITERAL = 4

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const LOWER_E = 0x65
/** The bit that distinguishes a lowercase letter from its capital. */
const LOWER = 0x20

/** 1 for each byte that a string may hold: printable ASCII but `"`, `\` and `{`. */
const IN_STRING = new Uint8Array(256).fill(1, SPACE, 0x7f)
for (const byte of [QUOTE, 0x5c, BRACE_OPEN]) IN_STRING[byte] = 0

const LITERALS = ['true', 'false', 'null'].map(bytesOf)

/** No value: what could not be read. */
const NOWHERE = -1

/** Known keys by their length and ends, in which no two agree: 1 + the place in {@link KEYS}. */
const KEY_BYTES = KEYS.map(bytesOf)
const PLACES = new Uint8Array(2_048)
for (const [place, key] of KEY_BYTES.entries()) PLACES[hashOf(key, 0, key.length)] = 1 + place

/** One for all datagrams: what it says about one is valid until it reads the next. */
export class FlatObject {
  data: Uint8Array = new Uint8Array()
  /** A bit for each key that is present: 25 of a word's 32. */
  #present = 0
  readonly #kinds = new Uint8Array(KEYS.length)
  /** Where each value begins and ends: of a text, between its quotes. */
  readonly #starts = new Int32Array(KEYS.length)
  readonly #ends = new Int32Array(KEYS.length)
  /** The same for unknown keys, two for each. */
  readonly #strangers = new Int32Array(2 * MAX_MEMBERS)
  #members = 0
  #strange = 0
  #hasBadKeys = false

  /** @returns why it is none, or undefined */
  read(data: Uint8Array): DropReason | undefined {
    this.data = data
    this.#present = 0
    this.#members = 0
    this.#strange = 0
    this.#hasBadKeys = false
    if (!this.#isObject()) return hasBadBytes(data) ? 'charset' : 'json'
    return this.#hasBadKeys || this.#members > MAX_MEMBERS ? 'keys' : undefined
  }

  has(place: number): boolean {
    return (this.#present & (1 << place)) !== 0
  }

  isText(place: number, text: string): boolean {
    if (this.kindOf(place) !== TEXT) return false
    const from = this.#starts[place]!
    if (this.#ends[place]! - from !== text.length) return false
    for (let i = 0; i < text.length; i++) if (this.data[from + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** @param digit of an integer that has no other */
  isDigit(place: number, digit: number): boolean {
    const from = this.#starts[place]!
    return (
      this.kindOf(place) === INTEGER && this.#ends[place] === from + 1 && this.data[from] === DIGIT_0 + digit
    )
  }

  /** What the value at a place of {@link placeOf} is: `ABSENT`, `TEXT` … */
  kindOf(place: number): number {
    return this.has(place) ? this.#kinds[place]! : ABSENT
  }

  startOf(place: number): number {
    return this.#starts[place]!
  }

  endOf(place: number): number {
    return this.#ends[place]!
  }

  #isObject(): boolean {
    const { data } = this
    const last = data.length - 1
    if (data[0] !== BRACE_OPEN || data[last] !== BRACE_CLOSE) return false
    let at = skipSpaces(data, 1)
    if (at === last) return true
    for (;;) {
      at = this.#readMember(data, at)
      if (at === NOWHERE) return false
      if (data[at] !== COMMA) return at === last
      at = skipSpaces(data, at + 1)
    }
  }

  /** @returns where the next thing behind it begins; or {@link NOWHERE} */
  #readMember(data: Uint8Array, from: number): number {
    const end = endOfString(data, from)
    if (end === NOWHERE) return NOWHERE
    const colon = skipSpaces(data, end + 1)
    if (data[colon] !== COLON) return NOWHERE
    // No sender needs a space there, and without one, keys are easily told from texts.
    if (colon > end + 1) this.#hasBadKeys = true
    const start = skipSpaces(data, colon + 1)
    const kind = kindAt(data, start)
    const behind = kind === LIST ? endOfList(data, start) : endOfItem(data, start, kind)
    if (behind === NOWHERE) return NOWHERE
    this.#members++
    const place = placeIn(data, from + 1, end)
    if (place === NOWHERE) this.#onStranger(from + 1, end)
    else if (this.has(place)) this.#hasBadKeys = true
    else {
      const quote = kind === TEXT ? 1 : 0
      this.#present |= 1 << place
      this.#kinds[place] = kind
      this.#starts[place] = start + quote
      this.#ends[place] = behind - quote
    }
    return skipSpaces(data, behind)
  }

  #onStranger(from: number, end: number): void {
    if (this.#strange === MAX_MEMBERS) return
    const { data } = this
    const isSame = (bytes: Uint8Array): boolean => isThere(data, from, end, bytes)
    this.#hasBadKeys ||= FORBIDDEN_KEYS.some(isSame)
    for (let i = 0; i < this.#strange; i++)
      this.#hasBadKeys ||= isSame(data.subarray(this.#strangers[2 * i], this.#strangers[2 * i + 1]))
    this.#strangers[2 * this.#strange] = from
    this.#strangers[2 * this.#strange + 1] = end
    this.#strange++
  }
}

/** What the value that begins there must be. */
function kindAt(data: Uint8Array, from: number): number {
  const byte = data[from]!
  if (byte === QUOTE) return TEXT
  if (isDigit(byte)) return INTEGER
  return byte === BRACKET_OPEN ? LIST : LITERAL
}

/** @returns the place behind a value that is no list; or {@link NOWHERE} */
function endOfItem(data: Uint8Array, from: number, kind: number): number {
  switch (kind) {
    case TEXT: {
      const end = endOfString(data, from)
      return end === NOWHERE ? NOWHERE : end + 1
    }
    case INTEGER:
      return endOfInteger(data, from)
    case LITERAL: {
      const literal = LITERALS.find((bytes) => isThere(data, from, from + bytes.length, bytes))
      return literal === undefined ? NOWHERE : from + literal.length
    }
    default:
      return NOWHERE
  }
}

function endOfInteger(data: Uint8Array, from: number): number {
  let at = from + 1
  while (isDigit(data[at]!)) at++
  // A leading zero would be a second text for the same number.
  return data[from] === DIGIT_0 && at > from + 1 ? NOWHERE : at
}

function endOfList(data: Uint8Array, from: number): number {
  let at = skipSpaces(data, from + 1)
  if (data[at] === BRACKET_CLOSE) return at + 1
  for (;;) {
    const behind = endOfItem(data, at, kindAt(data, at))
    if (behind === NOWHERE) return NOWHERE
    at = skipSpaces(data, behind)
    if (data[at] === BRACKET_CLOSE) return at + 1
    if (data[at] !== COMMA) return NOWHERE
    at = skipSpaces(data, at + 1)
  }
}

/** @returns the place of the quote behind the string that begins at `from`; or {@link NOWHERE} */
function endOfString(data: Uint8Array, from: number): number {
  if (data[from] !== QUOTE) return NOWHERE
  const last = data.length - 1
  let at = from + 1
  while (at < last && IN_STRING[data[at]!] === 1) at++
  return data[at] === QUOTE ? at : NOWHERE
}

/** Never beyond the last byte, which is no space. */
function skipSpaces(data: Uint8Array, from: number): number {
  let at = from
  while (data[at] === SPACE) at++
  return at
}

function placeIn(data: Uint8Array, from: number, end: number): number {
  const place = PLACES[hashOf(data, from, end)]! - 1
  return place >= 0 && isThere(data, from, end, KEY_BYTES[place]!) ? place : NOWHERE
}

/** Whether these bytes, and no others, stand from `from` to `end`. */
function isThere(data: Uint8Array, from: number, end: number, bytes: Uint8Array): boolean {
  if (bytes.length !== end - from) return false
  for (let i = 0; i < bytes.length; i++) if (data[from + i] !== bytes[i]) return false
  return true
}

/** The place of a known key, by which its value is asked for. */
export function placeOf(key: Key): number {
  return KEYS.indexOf(key)
}

/** The reason for a failure: forbidden bytes, or only their order. Called once it is clear that something is wrong. */
function hasBadBytes(data: Uint8Array): boolean {
  if (data[0] !== BRACE_OPEN || data[data.length - 1] !== BRACE_CLOSE) return true
  let isInString = false
  let isInList = false
  for (let at = 1; at < data.length; at++) {
    const byte = data[at]!
    if (byte === QUOTE) isInString = !isInString
    else if (IN_STRING[byte] === 0) return true
    else if (!isInString) {
      if (byte === BRACKET_OPEN) {
        if (isInList) return true
        isInList = true
      } else if (byte === BRACKET_CLOSE) isInList = false
      else if (byte === PLUS || byte === MINUS || byte === POINT) return true
      else if ((byte | LOWER) === LOWER_E && isDigit(data[at - 1]!)) return true
    }
  }
  return false
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_9
}

function hashOf(bytes: Uint8Array, from: number, end: number): number {
  return ((bytes[from]! << 3) ^ bytes[end - 1]! ^ ((end - from) << 7)) & 2_047
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
