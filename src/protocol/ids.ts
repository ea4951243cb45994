/** 160-bit identifiers: info hashes, peer ids and DHT node ids, and the XOR metric over them. */
import { invariant } from './errors.ts'

/** Length in bytes of every identifier and of a SHA-1 digest. */
export const ID_LENGTH = 20

declare const brand: unique symbol
type Id<Name extends string> = Uint8Array & { readonly [brand]: Name }

/** SHA-1 of the bencoded `info` dictionary (BEP 3). */
export type InfoHash = Id<'InfoHash'>
/** What a peer calls itself in the handshake (BEP 20). */
export type PeerId = Id<'PeerId'>
/** A DHT node's place in the XOR space. */
export type NodeId = Id<'NodeId'>

/** Takes 20 bytes as an identifier, copying them out of a buffer that may be reused. */
export function idFrom<T extends InfoHash | PeerId | NodeId>(bytes: Uint8Array): T {
  invariant(bytes.length === ID_LENGTH, `an id has ${ID_LENGTH} bytes, not ${bytes.length}`)
  return new Uint8Array(bytes) as Uint8Array as T
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** Writes what {@link toHex} makes, in ASCII. @returns the offset behind it */
export function writeHex(bytes: Uint8Array, out: Uint8Array, offset: number): number {
  let at = offset
  for (let i = 0; i < bytes.length; i++) {
    out[at++] = HEX_DIGITS[bytes[i]! >> 4]!
    out[at++] = HEX_DIGITS[bytes[i]! & 15]!
  }
  return at
}

/** The value of each hex digit's character code, and for all others one above every pair of digits. */
const NO_DIGIT = 0x100
const DIGITS = Uint16Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(digit) ? NO_DIGIT : digit
})

/** @returns the bytes, or undefined when `text` is not pairs of hex digits */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const pair =
      16 * (DIGITS[text.charCodeAt(2 * i)] ?? NO_DIGIT) + (DIGITS[text.charCodeAt(2 * i + 1)] ?? NO_DIGIT)
    if (pair >= NO_DIGIT) return undefined
    bytes[i] = pair
  }
  return bytes
}

/** The value of each lowercase hex digit in ASCII, and for all other bytes {@link NO_DIGIT}. */
const LOWER_DIGITS = new Uint16Array(256).fill(NO_DIGIT)
HEX_DIGITS.forEach((digit, value) => (LOWER_DIGITS[digit] = value))

/** Reads `length` bytes out of what {@link writeHex} writes; undefined when there is something else. */
export function readHex(data: Uint8Array, offset: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length)
  let seen = 0
  for (let i = 0; i < length; i++) {
    const pair = 16 * LOWER_DIGITS[data[offset + 2 * i]!]! + LOWER_DIGITS[data[offset + 2 * i + 1]!]!
    seen |= pair
    bytes[i] = pair
  }
  return seen < NO_DIGIT ? bytes : undefined
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Negative when `a` is nearer to `target` than `b`, positive when farther, zero when they are equal. */
export function compareDistance(a: Uint8Array, b: Uint8Array, target: Uint8Array): number {
  for (let i = 0; i < ID_LENGTH; i++) {
    const difference = (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!)
    if (difference !== 0) return difference
  }
  return 0
}

/** How many leading bits two ids share: 0 … 160. @param offset where the second one begins */
export function commonPrefixLength(a: Uint8Array, b: Uint8Array, offset: number = 0): number {
  for (let i = 0; i < ID_LENGTH; i++) {
    const difference = a[i]! ^ b[offset + i]!
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24
  }
  return 8 * ID_LENGTH
}
