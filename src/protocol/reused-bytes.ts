/** Memory for one datagram at a time: copying one takes less time than allocating an array of bytes, and leaves no garbage. */
export class ReusedBytes {
  readonly all: Uint8Array
  /** Views on its first bytes by length, each made once. */
  readonly #beginnings: (Uint8Array | undefined)[]

  /** @param size the most that it holds */
  constructor(size: number) {
    this.all = new Uint8Array(size)
    this.#beginnings = new Array<Uint8Array | undefined>(size + 1)
  }

  /** The first `length` bytes, with arbitrary content. */
  first(length: number): Uint8Array {
    return (this.#beginnings[length] ??= this.all.subarray(0, length))
  }

  /** @returns a copy of `data`, valid until the next call */
  hold(data: Uint8Array): Uint8Array {
    this.all.set(data)
    return this.first(data.length)
  }
}
