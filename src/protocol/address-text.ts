/**
 * Reads the text of an address that has been validated before, many times as fast as a general parser. Remembers the last
 * text read, because each datagram needs the family, scope and bytes of its address several times.
 */
import type { Family } from './endpoint.ts'

const COLON = 0x3a
const POINT = 0x2e
const ZERO = 0x30

/** An IP address, until the next one is read. */
export class AddressText {
  family: Family = 4
  /** The 32 bits of an IPv4 address, as a signed number. */
  bits = 0
  #text = ''

  read(host: string): this {
    if (host !== this.#text) this.#parse(host)
    return this
  }

  #parse(host: string): void {
    this.#text = host
    this.family = 4
    let bits = 0
    let value = 0
    for (let i = 0; i < host.length; i++) {
      const code = host.charCodeAt(i)
      if (code === COLON) {
        this.family = 6
        return
      }
      if (code !== POINT) value = 10 * value + code - ZERO
      else {
        bits = (bits << 8) | value
        value = 0
      }
    }
    this.bits = (bits << 8) | value
  }
}
