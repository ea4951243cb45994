/** A set of pieces: one bit a piece, the first piece in the highest bit of the first byte (BEP 3). */
import { InvariantError, ProtocolError } from './errors.ts'

/** Pieces that a torrent may have: 1 TiB in pieces of 256 KiB. Bounds what is read before a geometry is known. */
export const MAX_PIECES = 2 ** 22

const POPCOUNT = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++
  return count
})

/**
 * A fixed number of bits with a running count of those that are set. Spare bits of the last byte are always zero.
 */
export class Bitfield {
  readonly length: number
  readonly #bytes: Uint8Array
  /** The same memory in words, so that a search can skip four bytes at a time. */
  readonly #words: Int32Array
  #count = 0

  constructor(length: number) {
    this.length = length
    this.#words = new Int32Array((length + 31) >>> 5)
    this.#bytes = new Uint8Array(this.#words.buffer, 0, (length + 7) >>> 3)
  }

  /**
   * Takes a bitfield as it came over the wire or from a file; the bytes are copied.
   *
   * @throws {ProtocolError} `wire.bad-bitfield` when the size is wrong or a spare bit is set
   */
  static fromBytes(bytes: Uint8Array, length: number): Bitfield {
    const field = new Bitfield(length)
    if (bytes.length !== field.#bytes.length)
      throw new ProtocolError(
        'wire.bad-bitfield',
        `a bitfield of ${bytes.length} bytes for ${length} pieces, which take ${field.#bytes.length}`,
      )
    field.#bytes.set(bytes)
    const spare = bytes.length * 8 - length
    if (spare > 0 && (bytes[bytes.length - 1]! & ((1 << spare) - 1)) !== 0)
      throw new ProtocolError(
        'wire.bad-bitfield',
        `a bitfield with spare bits set behind piece ${length - 1}`,
      )
    for (const byte of bytes) field.#count += POPCOUNT[byte]!
    return field
  }

  static full(length: number): Bitfield {
    const field = new Bitfield(length)
    field.#bytes.fill(0xff)
    const spare = field.#bytes.length * 8 - length
    if (spare > 0) field.#bytes[field.#bytes.length - 1] = 0xff & ~((1 << spare) - 1)
    field.#count = length
    return field
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.length
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  has(index: number): boolean {
    return (this.#bytes[index >>> 3]! & (0x80 >>> (index & 7))) !== 0
  }

  /** @returns whether the bit was clear before */
  set(index: number): boolean {
    if (!(index >= 0 && index < this.length))
      throw new InvariantError(`bit ${index} of a bitfield of ${this.length}`)
    if (this.has(index)) return false
    this.#bytes[index >>> 3]! |= 0x80 >>> (index & 7)
    this.#count++
    return true
  }

  /** @returns whether the bit was set before */
  clear(index: number): boolean {
    if (!(index >= 0 && index < this.length))
      throw new InvariantError(`bit ${index} of a bitfield of ${this.length}`)
    if (!this.has(index)) return false
    this.#bytes[index >>> 3]! &= ~(0x80 >>> (index & 7))
    this.#count--
    return true
  }

  /** The next bit from `start` on, and then from the first, that is set here and in `other` of the same length; or -1. */
  seekIn(other: Bitfield, start: number): number {
    const found = this.#seek(other, start, 0)
    return found >= 0 || start === 0 ? found : this.#seek(other, 0, 0)
  }

  /** The same for a bit that is set here and not in `other`. */
  seekNotIn(other: Bitfield, start: number): number {
    const found = this.#seek(other, start, -1)
    return found >= 0 || start === 0 ? found : this.#seek(other, 0, -1)
  }

  /** @param flip -1 when it is sought where `other` has no bit */
  #seek(other: Bitfield, start: number, flip: 0 | -1): number {
    const bytes = this.#bytes
    let mask = 0xff >>> (start & 7)
    for (let at = start >>> 3; at < bytes.length;) {
      const isEmpty = (at & 3) === 0 && (this.#words[at >>> 2]! & (other.#words[at >>> 2]! ^ flip)) === 0
      const rest = isEmpty ? 0 : bytes[at]! & (other.#bytes[at]! ^ flip) & mask
      if (rest !== 0) return 8 * at + Math.clz32(rest) - 24
      at += isEmpty ? 4 : 1
      mask = 0xff
    }
    return -1
  }

  /** The wire form: a view that later changes show through. Copy it to keep it. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  clone(): Bitfield {
    const copy = new Bitfield(this.length)
    copy.#bytes.set(this.#bytes)
    copy.#count = this.#count
    return copy
  }

  /** The set indices, in order. */
  indices(): number[] {
    const set: number[] = []
    this.forEachSet((index) => set.push(index))
    return set
  }

  /** Calls `visit` with each set index, in order. Skips empty bytes. */
  forEachSet(visit: (index: number) => void): void {
    for (let at = 0; at < this.#bytes.length; at++) {
      const byte = this.#bytes[at]!
      if (byte === 0) continue
      for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >>> bit)) !== 0) visit(8 * at + bit)
    }
  }
}
