/** Spoils inputs: most stay close to something valid, as that gets past the first checks. */
import type { Random } from '../../../src/protocol/ports.ts'
import type { Comparable, Comparison } from './comparisons.ts'

/** Changes to one input. */
const MAX_CHANGES = 4
/** Numbers at which lengths and limits turn over. */
const EDGES = [0, 1, 2 ** 7, 2 ** 8, 2 ** 14, 2 ** 15, 2 ** 16, 2 ** 29, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64]
const NOTHING = new Uint8Array()

export interface MutatorOptions {
  readonly random: Random
  /** What grammars stumble over. */
  readonly words: readonly Uint8Array[]
  /** Bytes of what is made. */
  readonly maxLength: number
  /** What the code compared of late. */
  readonly comparisons?: readonly Comparison[]
}

export class Mutator {
  readonly #random: Random
  readonly #words: readonly Uint8Array[]
  readonly #maxLength: number
  readonly #comparisons: readonly Comparison[]

  constructor({ random, words, maxLength, comparisons = [] }: MutatorOptions) {
    this.#random = random
    this.#words = words.length > 0 ? words : [NOTHING]
    this.#maxLength = maxLength
    this.#comparisons = comparisons
  }

  /**
   * @param other lends its parts
   * @param least changes; with none it may come out as it went in
   * @returns a fresh array
   */
  spoil(data: Uint8Array, other: Uint8Array, least = 1): Uint8Array {
    let spoiled: Uint8Array = data.slice()
    for (let changes = least + this.#random.int(MAX_CHANGES + 1 - least); changes > 0; changes--)
      spoiled = this.#change(spoiled, other)
    return spoiled.subarray(0, this.#maxLength)
  }

  #change(data: Uint8Array, other: Uint8Array): Uint8Array {
    const at = this.#random.int(data.length + 1)
    switch (this.#random.int(this.#comparisons.length > 0 ? 14 : 12)) {
      case 0: {
        if (at < data.length) data[at] = data[at]! ^ (1 << this.#random.int(8))
        return data
      }
      case 1: {
        if (at < data.length) data[at] = this.#random.int(256)
        return data
      }
      case 2:
        return this.#splice(data, at, 0, this.#pick(this.#words))
      case 3:
        return this.#splice(data, at, this.#random.int(16), this.#pick(this.#words))
      case 4:
        return this.#splice(data, at, this.#random.int(64), NOTHING)
      case 5: {
        // A piece of itself, twice.
        const from = this.#random.int(data.length + 1)
        return this.#splice(data, at, 0, data.subarray(from, from + this.#random.int(200)))
      }
      case 6:
        // The head of one and the tail of another.
        return this.#splice(data, at, data.length, other.subarray(this.#random.int(other.length + 1)))
      case 7: {
        // A digit for a digit and a letter for a letter: lengths and grammar stay, meaning does not.
        for (let i = at; i < data.length && i < at + 8; i++) {
          const byte = data[i]!
          if (byte >= 0x30 && byte <= 0x39) data[i] = 0x30 + this.#random.int(10)
          else if (byte >= 0x61 && byte <= 0x66) data[i] = 0x61 + this.#random.int(6)
        }
        return data
      }
      case 8: {
        // A piece of the other, over or into this one.
        const from = this.#random.int(other.length + 1)
        const part = other.subarray(from, from + this.#random.int(64))
        return this.#splice(data, at, this.#random.int(2) * part.length, part)
      }
      case 9:
        return this.#splice(data, at, 0, new Uint8Array(this.#run()).fill(data[at] ?? this.#random.int(256)))
      case 10:
        return this.#number(data, at)
      case 11:
        return this.#decimal(data, at)
      default:
        return this.#compared(data)
    }
  }

  /** How often a byte is repeated: often enough now and then to show what takes longer than its length. */
  #run(): number {
    return 1 + this.#random.int(this.#random.int(8) === 0 ? this.#maxLength : 64)
  }

  /** A number of one to eight bytes, in either order of bytes. */
  #number(data: Uint8Array, at: number): Uint8Array {
    const width = 2 ** this.#random.int(4)
    if (at + width > data.length) return data
    const bytes = bigEndian(this.#edge(), width)
    data.set(this.#random.int(4) === 0 ? bytes.toReversed() : bytes, at)
    return data
  }

  /** The next number that is written in digits. */
  #decimal(data: Uint8Array, from: number): Uint8Array {
    let at = from
    while (at < data.length && !isDigit(data[at]!)) at++
    let end = at
    while (end < data.length && isDigit(data[end]!)) end++
    if (at === end) return data
    const old = Number(String.fromCharCode(...data.subarray(at, Math.min(end, at + 15))))
    const next = this.#random.int(2) === 0 ? BigInt(old + this.#random.int(9) - 4) : this.#edge()
    return this.#splice(data, at, end - at, latin1(String(next)))
  }

  #edge(): bigint {
    return BigInt(this.#pick(EDGES)) + BigInt(this.#random.int(5) - 2)
  }

  /** One side of a comparison in place of the other. */
  #compared(data: Uint8Array): Uint8Array {
    const { left, right } = this.#pick(this.#comparisons)
    const [from, to] = this.#random.int(2) === 0 ? [left, right] : [right, left]
    const width = 2 ** (1 + this.#random.int(3))
    const isText = typeof from === 'string' || this.#random.int(2) === 0
    const search = isText ? latin1(String(from)) : bigEndian(whole(from), width)
    const at = find(data, search, this.#random.int(data.length + 1))
    if (search.length === 0 || at < 0) return data
    return this.#splice(data, at, search.length, isText ? latin1(String(to)) : bigEndian(whole(to), width))
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.int(list.length)]!
  }

  #splice(data: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
    const parts = [data.subarray(0, at), insert, data.subarray(at + remove)]
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    return new Uint8Array(Buffer.concat(parts, Math.min(length, 2 * this.#maxLength)))
  }
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function whole(value: Comparable): bigint {
  return Number.isSafeInteger(value) ? BigInt(value) : 0n
}

function bigEndian(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt.asIntN(64, value))
  return bytes.subarray(8 - width)
}

/** Where `search` stands: the next place from `from` on, or else the first. */
function find(data: Uint8Array, search: Uint8Array, from: number): number {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.length)
  const at = buffer.indexOf(search, from)
  return at >= 0 ? at : buffer.indexOf(search)
}
