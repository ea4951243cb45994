/** Memory for one thing at a time. To copy a datagram takes less time than to make an array of bytes, and is no garbage. */
export class ReusedBytes {
  readonly all: Uint8Array
  /** What it begins with, by length: each is made once. */
  readonly #beginnings: (Uint8Array | undefined)[]

  /** @param size the most that it holds */
  constructor(size: number) {
    this.all = new Uint8Array(size)
    this.#beginnings = new Array<Uint8Array | undefined>(size + 1)
  }

  /** The first `length` bytes, whatever they are. */
  first(length: number): Uint8Array {
    return (this.#beginnings[length] ??= this.all.subarray(0, length))
  }

  /** @returns what `data` is, until the next call */
  hold(data: Uint8Array): Uint8Array {
    this.all.set(data)
    return this.first(data.length)
  }
}
