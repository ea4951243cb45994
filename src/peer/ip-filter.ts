/** Addresses that the user does not want to deal with: ranges, sorted and merged, found by halving. */
import { canonicalIp, familyOf, packHost } from '../protocol/endpoint.ts'

/** Both ends lie in it, and are of one family: 4 or 16 bytes. */
export interface IpRange {
  readonly first: Uint8Array
  readonly last: Uint8Array
  /** What it is called, for people. */
  readonly rule: string
}

interface NumberRange<N extends number | bigint> {
  readonly first: N
  last: N
  readonly rule: string
}

/**
 * Node's own `BlockList` tries its rules one after the other: with the 300,000 ranges of a common list that is
 * milliseconds for each address. Here it is eighteen steps.
 */
export class IpFilter {
  readonly #four: RangeTable<number>
  readonly #six: RangeTable<bigint>

  /** In any order; where ranges overlap, the one that begins first lends its name. */
  constructor(ranges: Iterable<IpRange>) {
    const four: NumberRange<number>[] = []
    const six: NumberRange<bigint>[] = []
    for (const { first, last, rule } of ranges)
      if (first.length === 4) four.push({ first: narrow(first), last: narrow(last), rule })
      else six.push({ first: wide(first), last: wide(last), rule })
    this.#four = new RangeTable(four, (numbers) => Uint32Array.from(numbers))
    this.#six = new RangeTable(six, (numbers) => numbers)
  }

  /** Ranges, after merging. */
  get size(): number {
    return this.#four.size + this.#six.size
  }

  /** The rule that forbids an address; undefined when it is allowed, or no address at all. */
  blockedBy(host: string): string | undefined {
    const ip = canonicalIp(host)
    if (ip === undefined) return undefined
    const bytes = packHost(ip)
    return familyOf(ip) === 4 ? this.#four.find(narrow(bytes)) : this.#six.find(wide(bytes))
  }
}

class RangeTable<N extends number | bigint> {
  readonly #firsts: ArrayLike<N>
  readonly #lasts: ArrayLike<N>
  readonly #rules: readonly string[]

  constructor(ranges: NumberRange<N>[], pack: (numbers: N[]) => ArrayLike<N>) {
    const merged = merge(ranges)
    this.#firsts = pack(merged.map(({ first }) => first))
    this.#lasts = pack(merged.map(({ last }) => last))
    this.#rules = merged.map(({ rule }) => rule)
  }

  get size(): number {
    return this.#rules.length
  }

  find(address: N): string | undefined {
    // The last range that begins at the address or before it.
    let low = 0
    let high = this.#firsts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#firsts[middle]! <= address) low = middle + 1
      else high = middle
    }
    return low > 0 && address <= this.#lasts[low - 1]! ? this.#rules[low - 1] : undefined
  }
}

function merge<N extends number | bigint>(ranges: NumberRange<N>[]): NumberRange<N>[] {
  ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const merged: NumberRange<N>[] = []
  for (const range of ranges) {
    const before = merged.at(-1)
    if (before === undefined || range.first > before.last) merged.push({ ...range })
    else if (range.last > before.last) before.last = range.last
  }
  return merged
}

function narrow(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0
}

function wide(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}
