/** Spoils datagrams: most stay close to something valid, as that gets past the first checks. */
import type { Random } from '../../src/protocol/ports.ts'

/** Longer than any datagram that is looked at, so that this bound is met too. */
const MAX_BYTES = 1_500
/** Changes to one datagram. */
const MAX_CHANGES = 4

/** What grammars stumble over, and the words of this one. */
// prettier-ignore
const WORDS = [
  '{', '}', '[', ']', '"', ',', ':', '\\', '\\u0069', '\0', '\x7f', '\xff', '-', '1e9', '1.0', '-0', 'null', 'true',
  '99999999999999999999', '[]', '["n4","n6"]', '["n4","n4","n4"]', '"v":1', '"v":2', '"net":"x"', '"type":"ping"',
  '"type":"pong"', '"type":"peers"', '"type":"findPeers"', '"type":"announce"', '"ro":1', '"implied":1', '"seed":2',
  '"rp":1023', '"rp":65535', '"port":0', '"port":65535', '"ttl":59', '"n":65536', '"more":1', '"e":[205,"bad token"]',
  '"e":[200,"x"]', '"ip":"CgADBxrh"', '"token":""', '"pad":"0000"', '"__proto__":1', '"constructor":1', '"want":[]',
  '"target":"', '"infoHash":"', '"nodes":"', '"nodes6":"', '"peers":"', '"peers6":"', '"t":"abcd"', '"id":"',
].map((word) => Uint8Array.from(word, (char) => char.charCodeAt(0)))

export class Mutator {
  readonly #random: Random
  readonly #corpus: readonly Uint8Array[]

  constructor(corpus: readonly Uint8Array[], random: Random) {
    this.#corpus = corpus
    this.#random = random
  }

  /** A fresh array. */
  next(): Uint8Array {
    return this.#spoil(this.#pick(this.#corpus), 0)
  }

  /** A fresh array that is a little different; by chance it is the same again. */
  spoil(data: Uint8Array): Uint8Array {
    return this.#spoil(data, 1)
  }

  #spoil(data: Uint8Array, least: number): Uint8Array {
    let spoiled: Uint8Array = data.slice()
    for (let changes = least + this.#random.int(MAX_CHANGES + 1 - least); changes > 0; changes--)
      spoiled = this.#change(spoiled)
    return spoiled.subarray(0, MAX_BYTES)
  }

  #change(data: Uint8Array): Uint8Array {
    const at = this.#random.int(data.length + 1)
    switch (this.#random.int(8)) {
      case 0: {
        if (at < data.length) data[at] = data[at]! ^ (1 << this.#random.int(8))
        return data
      }
      case 1: {
        if (at < data.length) data[at] = this.#random.int(256)
        return data
      }
      case 2:
        return splice(data, at, 0, this.#pick(WORDS))
      case 3:
        return splice(data, at, this.#random.int(16), this.#pick(WORDS))
      case 4:
        return splice(data, at, this.#random.int(64), NOTHING)
      case 5: {
        // A piece of itself, twice.
        const from = this.#random.int(data.length + 1)
        return splice(data, at, 0, data.subarray(from, from + this.#random.int(200)))
      }
      case 6: {
        // The head of one and the tail of another.
        const other = this.#pick(this.#corpus)
        return splice(data, at, data.length, other.subarray(this.#random.int(other.length + 1)))
      }
      default: {
        // A digit for a digit and a letter for a letter: lengths and grammar stay, meaning does not.
        for (let i = at; i < data.length && i < at + 8; i++) {
          const byte = data[i]!
          if (byte >= 0x30 && byte <= 0x39) data[i] = 0x30 + this.#random.int(10)
          else if (byte >= 0x61 && byte <= 0x66) data[i] = 0x61 + this.#random.int(6)
        }
        return data
      }
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.int(list.length)]!
  }
}

const NOTHING = new Uint8Array()

function splice(data: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const end = Math.min(data.length, at + remove)
  const out = new Uint8Array(Math.min(2 * MAX_BYTES, data.length - (end - at) + insert.length))
  out.set(data.subarray(0, at).subarray(0, out.length))
  out.set(insert.subarray(0, out.length - at), at)
  const behind = at + insert.length
  if (behind < out.length) out.set(data.subarray(end, end + out.length - behind), behind)
  return out
}
