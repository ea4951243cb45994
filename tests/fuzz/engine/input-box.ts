/** The input at hand, in memory that another thread can look into while this one is lost in it. */

const HEADER_BYTES = 8

export class InputBox {
  readonly shared: SharedArrayBuffer
  /** Executions, and the length of the input. */
  readonly #header: Int32Array
  readonly #bytes: Uint8Array

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.#header = new Int32Array(shared, 0, HEADER_BYTES / 4)
    this.#bytes = new Uint8Array(shared, HEADER_BYTES)
  }

  /** @param maxLength bytes of the longest input */
  static of(maxLength: number): InputBox {
    return new InputBox(new SharedArrayBuffer(HEADER_BYTES + maxLength))
  }

  put(data: Uint8Array, execution: number): void {
    this.#bytes.set(data)
    this.#header[1] = data.length
    this.#header[0] = execution | 0
  }

  /** Changes with each input. */
  get execution(): number {
    return Atomics.load(this.#header, 0)
  }

  get data(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#header, 1))
  }
}
