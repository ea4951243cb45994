/** Ranges of numbers of one width in columns: small enough for a million of them. */

/** Sorted, and no two of them overlap. */
export class RangeTable {
  /** 32-bit words of a number. */
  readonly #width: number
  readonly #firsts: Uint32Array
  readonly #lasts: Uint32Array
  readonly #rules: Uint32Array
  /** What is looked for; allocated once. */
  readonly #key: Uint32Array

  constructor(width: number, firsts: Uint32Array, lasts: Uint32Array, rules: Uint32Array) {
    this.#width = width
    this.#firsts = firsts
    this.#lasts = lasts
    this.#rules = rules
    this.#key = new Uint32Array(width)
  }

  get size(): number {
    return this.#rules.length
  }

  get byteLength(): number {
    return this.#firsts.byteLength + this.#lasts.byteLength + this.#rules.byteLength
  }

  /** @returns the rule of the range in which `number` (big-endian) lies */
  find(number: Uint8Array): number | undefined {
    const key = this.#key
    const firsts = this.#firsts
    const width = this.#width
    packWords(number, key, 0)
    // The last range that begins at the number or before it.
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(firsts, middle, key, 0, width) <= 0) low = middle + 1
      else high = middle
    }
    const isInside = low > 0 && compare(key, 0, this.#lasts, low - 1, width) <= 0
    return isInside ? this.#rules[low - 1] : undefined
  }
}

/** Collects ranges in any order. */
export class RangeTableBuilder {
  readonly #width: number
  #count = 0
  #firsts: Uint32Array<ArrayBuffer>
  #lasts: Uint32Array<ArrayBuffer>
  #rules: Uint32Array<ArrayBuffer>

  /** @param width 32-bit words of a number */
  constructor(width: number) {
    this.#width = width
    this.#firsts = new Uint32Array(INITIAL_RANGES * width)
    this.#lasts = new Uint32Array(INITIAL_RANGES * width)
    this.#rules = new Uint32Array(INITIAL_RANGES)
  }

  /** `first` is not above `last`; both are big-endian. */
  add(first: Uint8Array, last: Uint8Array, rule: number): void {
    if (this.#count === this.#rules.length) this.#grow()
    packWords(first, this.#firsts, this.#count * this.#width)
    packWords(last, this.#lasts, this.#count * this.#width)
    this.#rules[this.#count++] = rule
  }

  /** Where ranges overlap, the one that begins first lends its rule; of those that begin together, the one added first. */
  build(): RangeTable {
    const width = this.#width
    const merged = new RangeTableBuilder(width)
    for (const index of this.#order()) {
      const at = merged.#count - 1
      if (at < 0 || compare(this.#firsts, index, merged.#lasts, at, width) > 0) merged.#take(this, index)
      else if (compare(this.#lasts, index, merged.#lasts, at, width) > 0)
        copy(this.#lasts, index, merged.#lasts, at, width)
    }
    const words = merged.#count * width
    return new RangeTable(
      width,
      merged.#firsts.slice(0, words),
      merged.#lasts.slice(0, words),
      merged.#rules.slice(0, merged.#count),
    )
  }

  /** Indexes, by where the ranges begin. Most lists are in order already. */
  #order(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index)
    const compareFirsts = (a: number, b: number): number =>
      compare(this.#firsts, a, this.#firsts, b, this.#width)
    for (let index = 1; index < this.#count; index++)
      if (compareFirsts(index - 1, index) > 0) return order.sort(compareFirsts)
    return order
  }

  #take(from: RangeTableBuilder, index: number): void {
    if (this.#count === this.#rules.length) this.#grow()
    copy(from.#firsts, index, this.#firsts, this.#count, this.#width)
    copy(from.#lasts, index, this.#lasts, this.#count, this.#width)
    this.#rules[this.#count++] = from.#rules[index]!
  }

  #grow(): void {
    this.#firsts = doubled(this.#firsts)
    this.#lasts = doubled(this.#lasts)
    this.#rules = doubled(this.#rules)
  }
}

const INITIAL_RANGES = 64

function packWords(bytes: Uint8Array, words: Uint32Array, at: number): void {
  for (let byte = 0; byte < bytes.length; byte += 4)
    words[at + (byte >>> 2)] =
      (bytes[byte]! << 24) | (bytes[byte + 1]! << 16) | (bytes[byte + 2]! << 8) | bytes[byte + 3]!
}

/** Compares number `i` of `a` with number `j` of `b`. */
function compare(a: Uint32Array, i: number, b: Uint32Array, j: number, width: number): number {
  for (let word = 0; word < width; word++) {
    const left = a[i * width + word]!
    const right = b[j * width + word]!
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

function copy(from: Uint32Array, i: number, to: Uint32Array, j: number, width: number): void {
  for (let word = 0; word < width; word++) to[j * width + word] = from[i * width + word]!
}

function doubled(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(2 * words.length)
  grown.set(words)
  return grown
}
