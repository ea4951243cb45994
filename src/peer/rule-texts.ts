/** Very many short texts as bytes in a row: as strings they would take several times as much. */

/** Bytes of a text that are kept: its length is stored in one. */
const MAX_TEXT_LENGTH = 255
/** The latest texts, among which repetitions are recognised: lists name the same owners again and again. */
const MAX_REMEMBERED_TEXTS = 2 ** 17
const INITIAL_LENGTH = 1_024

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class RuleTexts {
  #bytes = new Uint8Array(INITIAL_LENGTH)
  #length = 0
  /** Where texts stand. */
  readonly #known = new Map<string, number>()

  get byteLength(): number {
    return this.#bytes.byteLength
  }

  /** Keeps as many whole characters as 255 bytes hold. @returns where it is kept */
  add(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const at = this.#length
    if (this.#bytes.length - at <= MAX_TEXT_LENGTH) {
      const grown = new Uint8Array(2 * this.#bytes.length)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at + 1, at + 1 + MAX_TEXT_LENGTH))
    this.#bytes[at] = written
    this.#length = at + 1 + written
    if (this.#known.size === MAX_REMEMBERED_TEXTS) this.#known.clear()
    this.#known.set(text, at)
    return at
  }

  at(offset: number): string {
    const from = offset + 1
    return decoder.decode(this.#bytes.subarray(from, from + this.#bytes[offset]!))
  }

  /** Nothing more will be added. */
  trim(): void {
    this.#bytes = this.#bytes.slice(0, this.#length)
    this.#known.clear()
  }
}
